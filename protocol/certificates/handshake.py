"""The Certificate message of a handshake of TLS 1.0 to 1.2 (RFC 5246, 7.4.2).

A server that asks for a certificate ends the handshake of a client that has none, but
only after it has shown its own.

    type 11 (1) | length (3) | list length (3) | certificate length (3) | DER | ...
"""

from typing import Final

from tokenless.protocol.errors import DecodeError

CERTIFICATE_TYPE: Final = 11
_HEAD: Final = 4
_LENGTH: Final = 3


def decode_first_certificate(message: bytes) -> bytes:
    """Return the DER of the first certificate of a message.

    Args:
        message: The whole handshake message.

    Raises:
        DecodeError: When it is not such a message, or has no certificate.
    """
    if not message or message[0] != CERTIFICATE_TYPE:
        raise DecodeError("not a Certificate message", offset=0)
    at = _HEAD + _LENGTH
    length = int.from_bytes(message[at : at + _LENGTH])
    first = message[at + _LENGTH : at + _LENGTH + length]
    if not length or len(first) != length:
        raise DecodeError("no whole certificate in the message", offset=at)
    return first
