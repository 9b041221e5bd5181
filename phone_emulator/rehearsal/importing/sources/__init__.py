"""What an administrator has of a cluster: lists, exports, a running cluster."""
