"""A decoder of the .nvst format, version 0.6 (draft 6), written from its specification only.

Every module implements the clauses that its docstring names; the clauses are quoted above the statements.
"""
