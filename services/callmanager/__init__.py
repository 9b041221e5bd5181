"""Cisco CallManager, as far as it registers phones.

`registrar` holds the registrations of a node and decides with
`protocol.phones.registration`; `sccp` and `sip` are guests of the stream server,
`sip_datagrams` serves UDP; `devices` is what the cluster knows of its devices;
`settings` says how it behaves, `server` puts it together. Facts: REFERENCE-3 4 and 5.
"""
