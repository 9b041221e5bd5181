"""One client, from accept to close: its socket, its TLS, its deadline, its lines."""
