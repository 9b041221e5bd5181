"""The commands that make, serve and administer a cluster."""
