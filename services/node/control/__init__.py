"""The control socket of a node: how commands reach a running node."""
