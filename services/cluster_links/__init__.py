"""Connections between the nodes of a cluster: registrations and calls.

Each node listens for the others and connects to each of them, so there are two
connections between two nodes, each with one direction. Both sides show the certificate
of their node's CallManager; it has to be, byte for byte, the one that the database has.

`guest` is what listens, `client` connects to one node, `links` puts them together.
"""
