"""The commands of `tokenless file`: trust lists, signed and encrypted files."""
