"""SCCP ("Skinny"): frames, messages and streams (REFERENCE-3 4, REFERENCE-4).

`layout` describes message bodies field by field, with the protocol version that a field
begins with. `requests` and `answers` hold the messages of registration, `call` and
`media` those of a call; `frames` has the framing and the stream of one connection.
Bytes from a peer can cause `ProtocolError` only.
"""
