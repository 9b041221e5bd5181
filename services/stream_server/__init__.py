"""The stream server: connections over TLS or clear TCP, for any protocol.

It knows no protocol. A protocol is a *guest*: a stream without I/O in `protocol/`, and
a `guest.Guest` that opens a `guest.Session` for each connection and answers there.
`server.StreamServer` runs a guest; `settings` says where it listens and what one client
may take; `worker` is the same server in a process of the worker pool.

Inside: `connections` (one client: socket, TLS, deadline), `loop` (all clients: epoll,
what each address takes, refusals) and `tls_contexts` of the ports.
"""
