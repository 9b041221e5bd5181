r"""Netascii: the text mode of TFTP (RFC 1350, RFC 764).

A line ends with CR LF on the wire and with LF here; a lone CR is CR NUL on the wire.
"""


def to_netascii(content: bytes) -> bytes:
    """Return a file's bytes as they are sent in netascii mode."""
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
