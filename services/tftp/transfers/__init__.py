"""Transfers in progress: their sessions, table and deadlines."""
