"""Changes to a cluster by administrators: each is one database transaction."""
