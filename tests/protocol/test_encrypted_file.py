"""Encrypted configurations: the layout byte by byte, there and back, every damage."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs import encrypted, minting
from tests.rigs.encrypted import NAME, XML
from tests.rigs.lists import TIME
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import (
    BadSignatureError,
    BuildError,
    CannotDecryptError,
    DecodeError,
    ProtocolError,
)
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.encrypted_file import (
    ContentKey,
    EncryptedFile,
    EncryptionTag,
    encrypt_file,
)

KEY = ContentKey(encrypted.KEY, encrypted.IV)


def encrypt(xml: bytes = XML, digest: Digest = Digest.SHA1) -> EncryptedFile:
    return encrypt_file(
        NAME,
        xml,
        encrypted.signer().signer,
        minting.rsa_key(2048, "phone").public_key(),
        KEY,
        timestamp=TIME,
        digest=digest,
    )


def opened(file: EncryptedFile, label: str = "phone", bits: int = 2048) -> bytes:
    return file.decrypt(minting.rsa_key(bits, label))


# REFERENCE-3 2.1: offset, tag, length of the example of 364 bytes with RSA-2048 keys.
LAYOUT = (
    *((0, 1, 2), (5, 2, 2), (10, 3, 77), (90, 7, 15), (93, 8, 1), (97, 9, 8)),
    *((100, 10, 1), (104, 11, 1), (108, 12, 256), (367, 14, 32), (402, 15, 4)),
    *((409, 16, 306), (412, 17, 28), (415, 18, 1), (419, 19, 16), (438, 20, 2)),
    *((443, 21, 272), (446, 22, 1), (450, 23, 2), (455, 24, 1), (459, 25, 256)),
    *((718, 26, 1), (722, 27, 20)),
)


@pytest.mark.parametrize(("offset", "tag", "length"), LAYOUT)
def test_the_layout_of_the_reference(offset: int, tag: int, length: int) -> None:
    data = encrypt().data
    assert data[offset] == tag
    assert int.from_bytes(data[offset + 1 : offset + 3]) == length


def test_the_sizes_of_the_reference() -> None:
    file = encrypt()
    assert file.header.header_length == 748 == int.from_bytes(file.data[8:10])
    assert file.data[745:748] == b"\x0d" * 3
    assert len(file.data) == 748 + 16 * (364 // 16 + 1)
    assert encrypt(digest=Digest.SHA512).header.header_length == 792


@pytest.mark.parametrize("digest", Digest)
@pytest.mark.parametrize("length", [0, 15, 16, 363, 368])
def test_our_bytes_are_those_written_by_hand(digest: Digest, length: int) -> None:
    """All but the signature and the wrapped key, whose padding is random."""
    xml = XML[:length].ljust(length)
    by_hand = encrypted.encrypted_by_hand(xml, digest.name.lower())
    theirs, ours = EncryptedFile.decode(by_hand), encrypt(xml, digest)
    theirs.verify(encrypted.signer().certificate.public_key)
    assert opened(theirs) == opened(ours) == xml
    assert len(by_hand) == len(ours.data)
    wrapped, signature = ours.envelope.wrapped_key, ours.header.signature
    alike = by_hand.replace(theirs.envelope.wrapped_key, wrapped)
    assert alike.replace(theirs.header.signature, signature) == ours.data


@given(st.binary(max_size=200), st.sampled_from(Digest))
def test_what_is_encrypted_is_read_again(xml: bytes, digest: Digest) -> None:
    file = encrypt(xml, digest)
    again = decode_file(file.data)
    assert isinstance(again, EncryptedFile)
    assert again == file
    assert again.encode() == file.data
    assert again.header.elements[-3][1] + b"" in again.envelope.encode()
    again.verify(encrypted.signer().certificate.public_key)
    assert opened(again) == xml


def test_padding_is_a_whole_block_where_the_content_is_aligned() -> None:
    assert encrypt(bytes(32)).envelope.pad_count == 16
    assert encrypt(bytes(31)).envelope.pad_count == 1


def test_two_writings_differ() -> None:
    def fresh() -> bytes:
        key = ContentKey(os.urandom(16), os.urandom(16))
        phone = minting.rsa_key(2048, "phone").public_key()
        signer = encrypted.signer().signer
        return encrypt_file(NAME, XML, signer, phone, key, timestamp=TIME).payload

    assert fresh() != fresh()


def test_another_phones_key_does_not_open_it() -> None:
    with pytest.raises(CannotDecryptError):
        opened(encrypt(), "another phone")
    with pytest.raises(CannotDecryptError):
        opened(encrypt(), "phone", 1024)


def test_one_sentence_for_whatever_cannot_be_decrypted() -> None:
    """A wrong key, a changed ciphertext, key, IV, count or digest look alike."""
    said = set()
    file = encrypt()
    start = file.header.header_length
    for offset in (start + 1, len(file.data) - 1, 430, 470, 730):
        data = bytearray(file.data)
        data[offset] ^= 1
        with pytest.raises(CannotDecryptError) as caught:
            opened(EncryptedFile.decode(bytes(data)))
        said.add(str(caught.value))
    with pytest.raises(CannotDecryptError) as caught:
        opened(file, "another phone")
    assert said == {str(caught.value)}


def test_a_configuration_of_a_megabyte() -> None:
    content = XML * (1_048_576 // len(XML) + 1)
    file = EncryptedFile.decode(encrypt(content).data)
    assert opened(file) == content


def test_every_truncation_is_refused() -> None:
    data = encrypt().data
    for length in range(len(data)):
        with pytest.raises((DecodeError, CannotDecryptError)):
            opened(EncryptedFile.decode(data[:length]))


def test_every_bit_flip_is_noticed() -> None:
    """Whichever bit is changed: it is not decoded, or the signature does not hold."""
    data = encrypt(XML[:40]).data
    key = encrypted.signer().certificate.public_key
    for position in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        try:
            file = EncryptedFile.decode(bytes(damaged))
        except DecodeError:
            continue
        with pytest.raises(BadSignatureError):
            file.verify(key)


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (3, 1, "its version is 1.0"),
        (442, 0, "PAD_COUNT is 0"),
        (442, 17, "PAD_COUNT is 17"),
        (454, 1, "WRAPPED_KEY has 256 bytes for 2049 bits"),
        (458, 2, "CIPHER 2 is unknown"),
        (721, 9, "CONTENT_DIGEST_ALGORITHM 9 is unknown"),
        (721, 3, "CONTENT_DIGEST has 20 bytes instead of 64"),
        (438, 19, "element 19 is out of place in IV_INFO"),
        (409, 99, "the header lacks ENCRYPTION"),
        (722, 26, "element 26 comes twice"),
    ],
)
def test_defects(offset: int, value: int, reason: str) -> None:
    data = bytearray(encrypt().data)
    data[offset] = value
    with pytest.raises(DecodeError, match=reason):
        EncryptedFile.decode(bytes(data))


def test_a_ciphertext_that_is_no_whole_blocks() -> None:
    data = encrypt().data
    for wrong in (data + b"\0", data[:748]):
        with pytest.raises(DecodeError, match="whole blocks"):
            EncryptedFile.decode(wrong)


def test_a_key_too_small_to_wrap() -> None:
    """The smallest key that the libraries make still wraps 16 bytes."""
    key = minting.rsa_key(512, "phone").public_key()
    signer = encrypted.signer().signer
    file = encrypt_file(NAME, XML, signer, key, KEY, timestamp=TIME)
    assert file.envelope.key_bits == 512
    assert opened(file, "phone", 512) == XML


def test_a_name_too_long_is_an_error() -> None:
    key = minting.rsa_key(2048, "phone").public_key()
    with pytest.raises(BuildError, match="65,535"):
        encrypt_file(
            "x" * 65_000, XML, encrypted.signer().signer, key, KEY, timestamp=TIME
        )


def test_a_content_key_is_checked_and_not_shown() -> None:
    with pytest.raises(ValueError, match="16 bytes each"):
        ContentKey(bytes(32), bytes(16))
    assert encrypted.KEY.hex() not in repr(KEY).lower()
    assert repr(encrypted.KEY) not in repr(KEY)


def test_errors_are_protocol_errors() -> None:
    assert issubclass(CannotDecryptError, ProtocolError)
    assert EncryptionTag.WRAPPED_KEY.value == 25


def test_plain_openssl_opens_it_step_by_step(tmp_path: Path) -> None:
    """Cut with offsets, unwrap the key, decrypt, drop the pads, check digest, sign."""
    file = encrypt(digest=Digest.SHA512)
    (tmp_path / "phone.pem").write_bytes(encrypted.phone().key_pem)
    wrapped = file.data[462 : 462 + 256]
    key = openssl(tmp_path, wrapped, "pkeyutl", "-decrypt", "-inkey", "phone.pem")
    body = file.data[792:]
    iv, hex_key = file.data[422:438].hex(), key.hex()
    plain = openssl(
        tmp_path, body, "enc", "-d", "-aes-128-cbc", "-nopad", "-K", hex_key, "-iv", iv
    )
    pads = int.from_bytes(file.data[441:443])
    assert plain[-pads:] == b"\x0d" * pads
    assert plain[:-pads] == XML
    said = openssl(tmp_path, XML, "dgst", "-sha512", "-binary")
    assert said == file.data[725 : 725 + 64]
    (tmp_path / "signature").write_bytes(file.data[111 : 111 + 256])
    public = encrypted.signer().key.public_key()
    (tmp_path / "signer.pem").write_bytes(
        public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    signed = file.data[:108] + file.data[367:]
    verify = ("dgst", "-sha512", "-verify", "signer.pem", "-signature", "signature")
    assert openssl(tmp_path, signed, *verify) == b"Verified OK\n"


def openssl(folder: Path, given: bytes, *words: str) -> bytes:
    return subprocess.run(
        ["openssl", *words], input=given, cwd=folder, capture_output=True, check=True
    ).stdout
