"""Reports of a rehearsal: text, tables, and one HTML page."""
