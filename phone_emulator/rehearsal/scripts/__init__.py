"""The script of a rehearsal: its file, its lines, and its settings."""
