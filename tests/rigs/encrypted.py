"""Encrypted configurations written by hand from the table of REFERENCE-3 2.1.

Not a line of it uses the product's encoder: what this writes and what the product
writes must agree. The RSA padding is fixed here, so that equal input gives equal bytes.
"""

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tests.rigs import minting
from tests.rigs.lists import TIME
from tests.rigs.minting import Identity

NAME = "SEP001122334455.cnf.xml.enc.sgn"
KEY = bytes(range(16))
IV = bytes(range(16, 32))
XML = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<device>\n'
    b"  <fullConfig>true</fullConfig>\n" + b"  <a>b</a>\n" * 26 + b"</device>\n"
)[:364].ljust(364)
DIGESTS = {"sha1": 1, "sha256": 2, "sha512": 3}


@cache
def signer() -> Identity:
    """Return the signer of the reference's example: names of 24 bytes, serial of 20."""
    key = minting.rsa_key(2048, "enc signer")
    name = minting.name(
        [
            ("common_name", "cucm11pub"),
            ("organization_name", "Lab"),
            ("country_name", "US"),
        ]
    )
    serial = minting.serial_of("enc signer", 20)
    return Identity(minting.mint(name, key, serial=serial), key)


@cache
def phone() -> Identity:
    """Return a phone with an RSA-2048 certificate."""
    key = minting.rsa_key(2048, "phone")
    name = minting.lab_name("SEP001122334455")
    return Identity(minting.mint(name, key, serial=minting.serial_of("phone")), key)


def element(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def wrap(key: RSAPublicKey) -> bytes:
    """Wrap the AES key with padding that is always the same."""
    size = key.key_size // 8
    block = b"\0\2" + b"\xaa" * (size - 3 - len(KEY)) + b"\0" + KEY
    numbers = key.public_numbers()
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(size, "big")


def encrypted_by_hand(xml: bytes = XML, digest: str = "sha1") -> bytes:
    """Write and sign a file for the phone."""
    public = phone().key.public_key()
    assert isinstance(public, RSAPublicKey)
    pads = 16 - len(xml) % 16
    cipher = Cipher(AES(KEY), CBC(IV)).encryptor()
    body = cipher.update(xml + b"\x0d" * pads) + cipher.finalize()
    text = signer().certificate.subject_text.encode() + b"\0"
    serial = signer().certificate.serial_number
    code = bytes([DIGESTS[digest]])
    before = element(3, element(4, text) + element(5, serial) + element(6, text))
    algorithm = element(9, element(10, b"\0") + element(11, b"\2"))
    before += element(7, element(8, code) + algorithm)
    wrapped = wrap(public)
    info = element(18, b"\0") + element(19, IV) + element(20, pads.to_bytes(2, "big"))
    key = element(22, b"\0") + element(23, b"\x08\0") + element(24, b"\1")
    after = element(14, NAME.encode() + b"\0") + element(15, TIME.to_bytes(4, "big"))
    after += element(16, element(17, info) + element(21, key + element(25, wrapped)))
    after += element(26, code) + element(27, hashlib.new(digest, xml).digest())
    length = 10 + len(before) + 3 + 256 + len(after)
    padding = -length % 4
    before = (
        element(1, b"\2\0")
        + element(2, (length + padding).to_bytes(2, "big"))
        + (before)
    )
    after += b"\x0d" * padding
    signature = minting.sign(signer().key, before + after + body, digest)
    return before + element(12, signature) + after + body
