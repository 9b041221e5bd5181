"""Bring a cluster to what its configuration file says: differences, then changes."""
