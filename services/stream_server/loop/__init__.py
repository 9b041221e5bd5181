"""The loop over all clients of a stream server, and the order of serving them."""
