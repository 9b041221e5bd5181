"""UDP sockets of a TFTP server: the listener, and one port for each transfer."""
