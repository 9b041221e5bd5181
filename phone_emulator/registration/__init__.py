"""Registration and calls of an emulated phone, after it has its configuration.

`talkers` has the phone's sides of both protocols without I/O: bytes and the time in,
bytes and events out. The runner opens connections and media sockets. Facts: REFERENCE-3
4 and 5, REFERENCE-4.
"""
