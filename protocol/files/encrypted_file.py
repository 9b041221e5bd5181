"""Encrypted configurations, `SEP….cnf.xml.enc.sgn` (REFERENCE-3 2.1).

    header of version 2.0 (see files.header), with these elements after the time:
        16 { 17 { 18 (1) 0   19 IV (16)   20 number of pad bytes (2) }
             21 { 22 (1) 0   23 bits of the wrapping key (2)   24 (1) 1
                  25 AES key, wrapped with RSAES-PKCS1-v1_5 for the phone's key } }
        26 digest algorithm (1)   27 digest of the content before it was padded
    ciphertext …        AES-128-CBC, from HEADERLENGTH to the end of the file

The content is padded with 1 to 16 bytes 0x0d, a whole block when it is aligned already;
this is not PKCS#7. The signature covers the header without element 12, then the
ciphertext. No file of CUCM's own was seen: the layout is enccnf's, which phones accept.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.certificates.signature import Signer
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import BuildError, CannotDecryptError, DecodeError
from tokenless.protocol.files.header import Header
from tokenless.protocol.files.header_build import (
    HeaderPlan,
    identity_of,
    sign_with_header,
)
from tokenless.protocol.files.header_fields import expect_length, read_container
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.wire import ELEMENT_HEAD_LENGTH, pack_element

ENCRYPTED_SUFFIX: Final = ".enc.sgn"
KEY_BYTES: Final = 16
"""AES-128, the only key length of the format."""
IV_BYTES: Final = 16
_BLOCK: Final = 16
_PAD: Final = b"\x0d"
_VERSION: Final = (2, 0)
_ALGORITHM_AES: Final = 1
"""Element 24. Thought to name AES; no other value was seen."""


@unique
class EncryptionTag(IntEnum):
    """Tags that only encrypted files have."""

    ENCRYPTION = 16
    IV_INFO = 17
    IV_ALGORITHM = 18
    """Always 0; its meaning is unknown."""
    IV = 19
    PAD_COUNT = 20
    KEY_INFO = 21
    KEY_ALGORITHM = 22
    """Always 0; its meaning is unknown."""
    KEY_BITS = 23
    """Of the wrapping RSA key, not of the AES key."""
    CIPHER = 24
    WRAPPED_KEY = 25
    CONTENT_DIGEST_ALGORITHM = 26
    CONTENT_DIGEST = 27


_IV_TAGS: Final = (
    EncryptionTag.IV_ALGORITHM,
    EncryptionTag.IV,
    EncryptionTag.PAD_COUNT,
)
_KEY_TAGS: Final = (
    EncryptionTag.KEY_ALGORITHM,
    EncryptionTag.KEY_BITS,
    EncryptionTag.CIPHER,
    EncryptionTag.WRAPPED_KEY,
)
_HEADER_TAGS: Final = (
    EncryptionTag.ENCRYPTION,
    EncryptionTag.CONTENT_DIGEST_ALGORITHM,
    EncryptionTag.CONTENT_DIGEST,
)


@dataclass(frozen=True, slots=True)
class ContentKey:
    """The AES key and the IV of one file. Fresh random bytes for every file."""

    key: bytes = field(repr=False)
    iv: bytes

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES or len(self.iv) != IV_BYTES:
            raise ValueError("AES-128 needs a key and an IV of 16 bytes each")

    def encrypt(self, padded: bytes) -> bytes:
        """Encrypt whole blocks."""
        encryptor = Cipher(AES(self.key), CBC(self.iv)).encryptor()
        return encryptor.update(padded) + encryptor.finalize()

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt whole blocks; the padding stays."""
        decryptor = Cipher(AES(self.key), CBC(self.iv)).decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()


@dataclass(frozen=True, slots=True)
class Envelope:
    """Encryption parameters in the header: elements 16, 26 and 27."""

    iv: bytes
    pad_count: int
    key_bits: int
    """The size of the phone's RSA key, as the writer claims."""
    wrapped_key: bytes = field(repr=False)
    digest: Digest
    content_digest: bytes
    iv_algorithm: int = 0
    key_algorithm: int = 0

    def encode(self) -> bytes:
        """Write the three elements in enccnf's order."""
        tag = EncryptionTag
        iv_info = (
            pack_element(tag.IV_ALGORITHM, bytes([self.iv_algorithm]))
            + pack_element(tag.IV, self.iv)
            + pack_element(tag.PAD_COUNT, self.pad_count.to_bytes(2))
        )
        key_info = (
            pack_element(tag.KEY_ALGORITHM, bytes([self.key_algorithm]))
            + pack_element(tag.KEY_BITS, self.key_bits.to_bytes(2))
            + pack_element(tag.CIPHER, bytes([_ALGORITHM_AES]))
            + pack_element(tag.WRAPPED_KEY, self.wrapped_key)
        )
        encryption = pack_element(tag.IV_INFO, iv_info)
        encryption += pack_element(tag.KEY_INFO, key_info)
        return (
            pack_element(tag.ENCRYPTION, encryption)
            + pack_element(tag.CONTENT_DIGEST_ALGORITHM, bytes([self.digest]))
            + pack_element(tag.CONTENT_DIGEST, self.content_digest)
        )


@dataclass(frozen=True, slots=True)
class EncryptedFile(SignedFile):
    """A decoded encrypted file: a signed one whose payload is the ciphertext.

    It has proved nothing until `verify` returned.
    """

    envelope: Envelope

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode a whole file.

        Raises:
            DecodeError: When its header is malformed, is of another version, or the
                ciphertext is not made of whole blocks.
        """
        signed = SignedFile.decode(data)
        header = signed.header
        if header.version != _VERSION:
            raise DecodeError(
                "not an encrypted file: its version is "
                f"{header.version[0]}.{header.version[1]}",
                offset=0,
            )
        length = len(signed.payload)
        if not length or length % _BLOCK:
            raise DecodeError(
                f"a ciphertext of {length} bytes is not made of whole blocks",
                offset=header.header_length,
            )
        return cls(signed.data, header, _decode_envelope(header))

    def decrypt(self, private_key: RSAPrivateKey) -> bytes:
        """Return the content. Check the signature first: this proves no origin.

        Raises:
            CannotDecryptError: When this key does not open it, whatever the cause.
        """
        try:
            key = private_key.decrypt(self.envelope.wrapped_key, PKCS1v15())
            padded = ContentKey(key, self.envelope.iv).decrypt(self.payload)
        except ValueError:
            raise CannotDecryptError from None
        content = padded[: len(padded) - self.envelope.pad_count]
        digest = _hash(content, self.envelope.digest)
        if not hmac.compare_digest(digest, self.envelope.content_digest):
            raise CannotDecryptError
        return content


def encrypt_file(
    filename: str,
    content: bytes,
    signer: Signer,
    recipient: RSAPublicKey,
    content_key: ContentKey,
    *,
    timestamp: int,
    digest: Digest = Digest.SHA1,
) -> EncryptedFile:
    """Encrypt a configuration for one phone, and sign it.

    Args:
        filename: The name that phones ask for, `.enc.sgn` included.
        content: The full configuration.
        signer: The CallManager key of the TFTP node.
        recipient: The public key of the phone's LSC, else of its MIC.
        content_key: Fresh random bytes, for this file only.
        timestamp: Unix seconds of signing.
        digest: For the signature and for the content.

    Raises:
        BuildError: When the signer's key has no code, the recipient's key is too small
            to wrap an AES key, or the header is too long.
    """
    envelope = _envelope_of(content, content_key, recipient, digest)
    plan = HeaderPlan(
        _VERSION,
        identity_of(signer.certificate, NameForm.CUCM),
        digest,
        filename,
        timestamp,
        further=envelope.encode(),
    )
    ciphertext = content_key.encrypt(content + envelope.pad_count * _PAD)
    return EncryptedFile.decode(sign_with_header(plan, ciphertext, signer))


def _envelope_of(
    content: bytes, content_key: ContentKey, recipient: RSAPublicKey, digest: Digest
) -> Envelope:
    return Envelope(
        iv=content_key.iv,
        pad_count=_BLOCK - len(content) % _BLOCK,
        key_bits=recipient.key_size,
        wrapped_key=_wrap(content_key.key, recipient),
        digest=digest,
        content_digest=_hash(content, digest),
    )


def _wrap(key: bytes, recipient: RSAPublicKey) -> bytes:
    try:
        return recipient.encrypt(key, PKCS1v15())
    except ValueError as error:
        raise BuildError(
            f"a {recipient.key_size}-bit RSA key cannot wrap an AES key"
        ) from error


class _Values:
    """The values of some elements, with the offsets that errors name."""

    def __init__(self, elements: dict[int, tuple[bytes, int]]) -> None:
        self._found = elements

    @classmethod
    def of_header(cls, header: Header) -> "_Values":
        """Find elements 16, 26 and 27, each once."""
        elements: dict[int, tuple[bytes, int]] = {}
        offset = 0
        for tag, value in header.elements:
            if tag in _HEADER_TAGS and tag in elements:
                raise DecodeError(f"header element {tag} comes twice", offset=offset)
            elements[tag] = (value, offset)
            offset += ELEMENT_HEAD_LENGTH + len(value)
        for tag in _HEADER_TAGS:
            if tag not in elements:
                raise DecodeError(f"the header lacks {tag.name}", offset=offset)
        return cls(elements)

    def nested(self, tag: IntEnum, wanted: tuple[IntEnum, ...]) -> "_Values":
        """Read a container among them."""
        return _Values(read_container(*self._found[tag], wanted, tag.name))

    def value(self, tag: IntEnum, length: int | None = None) -> bytes:
        """Return a value, which must have this length."""
        value, offset = self._found[tag]
        if length is not None:
            expect_length(value, length, tag.name, offset)
        return value

    def number(self, tag: IntEnum, length: int) -> int:
        """Return a big-endian number."""
        return int.from_bytes(self.value(tag, length))

    def wrong(self, tag: IntEnum, why: str) -> DecodeError:
        """Return the error for an element with a wrong value."""
        return DecodeError(f"{tag.name} {why}", offset=self._found[tag][1])


def _decode_envelope(header: Header) -> Envelope:
    """Read elements 16, 26 and 27 of a header."""
    tag = EncryptionTag
    values = _Values.of_header(header)
    encryption = values.nested(tag.ENCRYPTION, (tag.IV_INFO, tag.KEY_INFO))
    iv = encryption.nested(tag.IV_INFO, _IV_TAGS)
    key = encryption.nested(tag.KEY_INFO, _KEY_TAGS)
    pads = iv.number(tag.PAD_COUNT, 2)
    if not 1 <= pads <= _BLOCK:
        raise iv.wrong(tag.PAD_COUNT, f"is {pads}, not 1 to {_BLOCK}")
    wrapped, bits = key.value(tag.WRAPPED_KEY), key.number(tag.KEY_BITS, 2)
    if bits != 8 * len(wrapped) or not wrapped:
        raise key.wrong(tag.WRAPPED_KEY, f"has {len(wrapped)} bytes for {bits} bits")
    cipher = key.number(tag.CIPHER, 1)
    if cipher != _ALGORITHM_AES:
        raise key.wrong(tag.CIPHER, f"{cipher} is unknown")
    digest = _digest(values)
    return Envelope(
        iv=iv.value(tag.IV, IV_BYTES),
        pad_count=pads,
        key_bits=bits,
        wrapped_key=wrapped,
        digest=digest,
        content_digest=values.value(tag.CONTENT_DIGEST, len(_hash(b"", digest))),
        iv_algorithm=iv.number(tag.IV_ALGORITHM, 1),
        key_algorithm=key.number(tag.KEY_ALGORITHM, 1),
    )


def _digest(values: _Values) -> Digest:
    tag = EncryptionTag.CONTENT_DIGEST_ALGORITHM
    code = values.number(tag, 1)
    try:
        return Digest(code)
    except ValueError:
        raise values.wrong(tag, f"{code} is unknown") from None


def _hash(content: bytes, digest: Digest) -> bytes:
    return hashlib.new(digest.name, content, usedforsecurity=False).digest()
