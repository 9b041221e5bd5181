"""Trust lists, signed files and encrypted files: their bytes (REFERENCE 1, 2)."""
