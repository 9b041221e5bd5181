"""Trust lists, signed files, TVS, TFTP and phone configurations, without I/O.

Nothing in this package opens a file or a socket, reads a clock or logs. Bytes, events
and the time come in; values, events, effects and bytes to send go out. Bytes from
outside, however hostile, can cause one family of exceptions only:
`tokenless.protocol.errors.ProtocolError`.
"""
