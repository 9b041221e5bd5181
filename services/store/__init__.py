"""The cluster's database: everything that all nodes share, and no private key."""
