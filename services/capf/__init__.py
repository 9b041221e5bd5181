"""CAPF: issues locally significant certificates to phones (REFERENCE-3 3).

`guest` speaks with phones, a guest of the stream server; `jobs` decides and writes, in
a thread and in batches; `server` puts both together.
"""
