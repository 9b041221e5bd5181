"""A data folder's copy: taken while it is served, restored whole or not at all."""
