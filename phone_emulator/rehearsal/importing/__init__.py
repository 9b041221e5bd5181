"""Scripts from the trust lists of a real cluster."""
