"""`tokenless phone`: one emulated phone."""
