"""The Trust Verification Service: TVS queries of a whole cluster's phones over TLS.

`server.TvsServer` is the daemon, `caches` what it answers from, `settings` what an
administrator decides, `client` a small blocking client for the command line.

Inside: `guest` is what the stream server (`services.stream_server`) serves; `decision`
says what a request is answered; `trace` and `log_lines` have the vendor's trace.
"""
