"""The Trust Verification Service: TVS queries of a whole cluster's phones over TLS.

`server.TvsServer` is the daemon, `caches` what it answers from, `settings` what an
administrator decides. `workers.TvsWorkers` is the same daemon in several processes,
`client` a small blocking client for the command line.
"""
