"""SIP as phones and CUCM speak it for registration and a simple call, without I/O.

`messages` reads and writes requests and responses, `addresses` the values of From, To
and Contact, `stream` cuts a connection into messages, `register` knows the REGISTER of
Cisco phones and its answers, `sdp` the offers and answers of one audio stream
(RFC 3261, RFC 4566, RFC 4568, REFERENCE-3 5, REFERENCE-4 4). Bytes from a peer can
cause `ProtocolError` only.
"""
