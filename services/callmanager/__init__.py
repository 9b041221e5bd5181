"""Cisco CallManager: registers phones, and connects their calls.

`registrar` holds the registrations of a node and decides with
`protocol.phones.registration`; `sccp` and `sip` are guests of the stream server, `sip`
serves UDP, too. `switch` connects calls, `remote_calls` those with phones at other
nodes, which `directory`, `cluster_view` and `peers` know. `records` writes who is
registered to the database; `devices` is what the cluster knows of its devices;
`settings` says how it behaves, `server` puts it together. Facts: REFERENCE-3 4 and 5.
"""
