"""TFTP: packets, and both sides of a transfer, without I/O (RFC 1350, 2347, 7440)."""
