"""A decoder of the .nvst format, version 0.5 (draft 5), written from its specification only.

Every module implements the clauses that its docstring names; the clauses are quoted above the statements.
"""
