"""CAPF: messages and both sides of a session, without I/O (REFERENCE-3 3)."""
