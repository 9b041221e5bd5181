"""The cluster behind lists: its nodes, roles, CA, drift; what cannot be rebuilt."""
