"""Certificates in PEM (RFC 7468), read and written in one way everywhere.

    -----BEGIN CERTIFICATE-----
    base64 of the DER, in lines of any length
    -----END CERTIFICATE-----

What stands around the blocks is for people: OpenSSL's descriptions, mails, keys.
Only the armour is judged here; what is inside, `Certificate.decode` judges.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Final

from tokenless.protocol.errors import DecodeError

_LINE: Final = 64
_BLOCK: Final = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)"
    rb"-----END (?:TRUSTED |X509 )?CERTIFICATE-----"
)
_DER_SEQUENCE: Final = b"\x30"


def read_certificates(data: bytes) -> tuple[bytes, ...]:
    """Return the DER of every certificate of a file, in order: PEM, or DER itself.

    Raises:
        DecodeError: When there is none, or the base64 of one is damaged.
    """
    blocks = list(_BLOCK.finditer(data))
    if blocks:
        return tuple(map(_from_base64, blocks))
    if data.startswith(_DER_SEQUENCE):
        return (data,)
    raise DecodeError("no certificate in it, neither PEM nor DER", offset=0)


def write_certificate(der: bytes) -> bytes:
    """Return a certificate in PEM, in lines of 64 letters."""
    text = b64encode(der)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    head, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    return b"\n".join([head, *lines, end, b""])


def _from_base64(block: re.Match[bytes]) -> bytes:
    try:
        return b64decode(b"".join(block[1].split()), validate=True)
    except Base64Error as error:
        raise DecodeError(
            f"the PEM is damaged ({error})", offset=block.start()
        ) from error
