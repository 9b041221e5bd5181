"""What administrators do to a cluster: each change is one database transaction."""
