"""Fuzzing the reader: sound files, mutations of them, and what the reader makes of those."""
