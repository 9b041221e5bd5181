"""What this project tests: how it changes a cluster."""
