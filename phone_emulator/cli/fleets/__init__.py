"""`tokenless fleet`: many emulated phones."""
