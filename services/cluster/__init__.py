"""What an administrator can do to a cluster: one transaction a change."""
