"""Observing a cluster over the network: the only part of `check` that uses sockets."""
