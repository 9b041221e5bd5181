"""The stream server: connections over TLS or clear TCP, for any protocol.

It knows no protocol. A protocol is a *guest*: a stream without I/O in `protocol/`, and
a `guest.Guest` that opens a `guest.Session` for each connection and answers there.
`server.StreamServer` runs a guest; `settings` says where it listens and what one client
may take.

Inside: `loop` (sockets, deadlines, refusals) turned by `driver`, with `waits` (who
waits since when), `shares` and `turns` (what each address takes), `accepting`,
`connection` and `tls_channel` (one client), `tls_contexts`, `connection_log` and
`counters`; `worker` is the same loop in a process of the worker pool.
"""
