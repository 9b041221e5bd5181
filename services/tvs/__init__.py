"""The Trust Verification Service: TVS queries of a whole cluster's phones over TLS.

`server.TvsServer` is the daemon, `caches` what it answers from, `settings` what an
administrator decides, `client` a small blocking client for the command line.

Inside, from the wire to the answer: `listeners` and `loop` (sockets and deadlines, with
`waits` and `peers`), `connection` and `tls_channel` (one phone), `responder` and
`decision` (its requests). `workers`, `worker_pool` and `worker` are the same loop in
several processes.
"""
