"""What phones are given: trust lists and signed files, made from the database."""
