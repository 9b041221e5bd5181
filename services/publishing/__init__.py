"""Files for phones: trust lists and signed files, made from the database."""
