"""The script of a rehearsal: its file, its lines, and what it may set."""
