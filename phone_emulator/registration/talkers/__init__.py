"""A phone's side of SCCP and SIP, without I/O: bytes in, bytes and events out."""
