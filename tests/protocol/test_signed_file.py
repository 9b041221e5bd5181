"""Signing: what OpenSSL says of our signatures, digests, key sizes, forms."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.rigs import minting
from tests.rigs.lists import TIME, client_form, tokenless
from tests.rigs.minting import Identity
from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.certificates.signature import PrivateKeySigner, verify_signature
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.errors import BadSignatureError, BuildError, DecodeError
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.header_build import HeaderPlan, sign_with_header
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.signed_file import SignedFile, sign_file
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import (
    ListForm,
    emptied_record,
    record_for,
    sign_trust_list,
)

NAME = "SEP001122334455.cnf.xml.sgn"
CONTENT = b"<device><fullConfig>true</fullConfig></device>\n"


def openssl_verifies(
    folder: Path, file: SignedFile | TrustList, identity: Identity
) -> bool:
    """Ask OpenSSL about the signature over the file without element 12."""
    key, signature = folder / "key.pem", folder / "signature"
    key.write_bytes(
        identity.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    signature.write_bytes(file.header.signature)
    digest = f"-{file.header.digest.name.lower()}"
    done = subprocess.run(
        ["openssl", "dgst", digest, "-verify", key, "-signature", signature],
        input=file.header.signed_part(file.data),
        capture_output=True,
        check=False,
    )
    return done.stdout == b"Verified OK\n"


def identity_of(bits: int) -> Identity:
    if bits in (1024, 2048):
        return minting.server(minting.PUBLISHER, bits)
    key = minting.rsa_key(bits)
    return Identity(minting.mint(minting.lab_name("x"), key, serial=9), key)


@pytest.mark.parametrize("digest", Digest)
@pytest.mark.parametrize(("bits", "code"), [(1024, 1), (2048, 2), (4096, 3)])
def test_openssl_verifies_signed_files(
    tmp_path: Path, digest: Digest, bits: int, code: int
) -> None:
    identity = identity_of(bits)
    signed = sign_file(NAME, CONTENT, identity.signer, timestamp=TIME, digest=digest)
    assert signed.header.modulus_code == code
    assert len(signed.header.signature) == bits // 8
    assert openssl_verifies(tmp_path, signed, identity)
    assert not openssl_verifies(tmp_path, signed, minting.capf())


@pytest.mark.parametrize("digest", Digest)
def test_openssl_verifies_lists(tmp_path: Path, digest: Digest) -> None:
    identity = minting.server()
    trust_list = sign_trust_list(
        "ITLFile.tlv",
        minting.lab_records(),
        identity.signer,
        timestamp=TIME,
        digest=digest,
    )
    assert openssl_verifies(tmp_path, trust_list, identity)


def test_openssl_verifies_the_token_signed_list(tmp_path: Path) -> None:
    trust_list = client_form(secure=True)
    assert openssl_verifies(tmp_path, trust_list, minting.token())


def test_layout_of_a_signed_file() -> None:
    signed = sign_file(NAME, CONTENT, minting.server().signer, timestamp=TIME)
    assert signed.header.version == (1, 0)
    assert signed.filename == NAME
    assert signed.header.timestamp == TIME
    assert signed.header.header_length % 4 == 0
    assert signed.payload == CONTENT
    assert signed.data.endswith(CONTENT)
    again = decode_file(signed.data)
    assert isinstance(again, SignedFile)
    assert again == signed
    assert again.encode() == signed.data


def test_a_changed_content_does_not_verify() -> None:
    identity = minting.server()
    signed = sign_file(NAME, CONTENT, identity.signer, timestamp=TIME)
    signed.verify(identity.certificate.public_key)
    changed = SignedFile.decode(signed.data.replace(b"true", b"fals"))
    with pytest.raises(BadSignatureError, match="1024-bit"):
        changed.verify(identity.certificate.public_key)


def test_an_empty_content_can_be_signed() -> None:
    signed = sign_file(NAME, b"", minting.server().signer, timestamp=TIME)
    assert signed.payload == b""
    signed.verify(minting.server().certificate.public_key)


def test_comma_form() -> None:
    signed = sign_file(
        NAME, CONTENT, minting.server().signer, timestamp=TIME, form=NameForm.COMMA
    )
    assert signed.signer.subject.startswith("C=PL,O=Cisco,")


def test_element_28_makes_the_header_340() -> None:
    """The counter-check of REFERENCE 1.8: with it the vendor's 336 would be 340."""
    trust_list = sign_trust_list(
        "CTLFile.tlv",
        minting.lab_records(),
        minting.server().signer,
        timestamp=TIME,
        signer_version=(1, 1),
    )
    assert trust_list.header.header_length == 340
    assert trust_list.header.signer_version == (1, 1)
    assert tokenless().header.signer_version is None


def test_the_smallest_key_has_a_code_of_its_own() -> None:
    identity = identity_of(512)
    signed = sign_file(NAME, CONTENT, identity.signer, timestamp=TIME)
    header = signed.header
    assert (header.signature_algorithm, header.modulus_code) == (0, 0)
    signed.verify(identity.certificate.public_key)


def test_a_key_size_without_a_code_cannot_sign() -> None:
    with pytest.raises(BuildError, match="3072-bit key cannot sign"):
        sign_file(NAME, CONTENT, identity_of(3072).signer, timestamp=TIME)


def test_a_header_that_cannot_be_written_is_an_error() -> None:
    signer = minting.server().signer
    with pytest.raises(BuildError, match="65,535"):
        sign_file("x" * 65_300, CONTENT, signer, timestamp=TIME)


def test_a_time_after_2106_is_refused_in_words() -> None:
    with pytest.raises(BuildError, match="outside of 1970 to 2106") as refused:
        sign_file("a", CONTENT, minting.server().signer, timestamp=1 << 32)
    assert refused.value.hint == "set the clock"


def test_names_that_fit_one_by_one_and_not_together_are_an_error() -> None:
    """Together with their heads they are longer than the element that holds them."""
    signer = minting.server().signer
    names = SignerId("x" * 32_700, "x" * 32_810, bytes(16))
    plan = HeaderPlan((1, 0), names, Digest.SHA1, "a", TIME)
    with pytest.raises(BuildError, match="65,535"):
        sign_with_header(plan, CONTENT, signer)


def test_a_key_of_another_certificate_is_refused() -> None:
    key = minting.rsa_key(1024, "stranger")
    with pytest.raises(
        ValueError, match=r"^the private key does not belong to the certificate$"
    ):
        PrivateKeySigner(minting.server().certificate, key)


def test_a_signer_does_not_show_its_key() -> None:
    assert repr(minting.server().signer) == (
        "<PrivateKeySigner CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;"
        "ST=Malopolska;C=PL>"
    )


def test_ec_signatures_are_verified() -> None:
    key = minting.ec_key()
    signature = minting.sign(key, CONTENT, "sha256")
    verify_signature(key.public_key(), signature, CONTENT, Digest.SHA256)
    with pytest.raises(BadSignatureError):
        verify_signature(key.public_key(), signature, CONTENT + b" ", Digest.SHA256)
    with pytest.raises(BadSignatureError):
        verify_signature(key.public_key(), b"", CONTENT, Digest.SHA256)


def test_a_signer_without_a_record_is_named_by_the_lists_form() -> None:
    token = minting.token()
    record = record_for(
        minting.server().certificate, Role.CCM_TFTP, dns_name="a", ip_address=None
    )
    for form, start in (
        (ListForm.CUCM, "CN=SAST-"),
        (ListForm.CTL_CLIENT, 'cn="SAST-'),
        (ListForm.COMMA, "O=Cisco Systems"),
    ):
        trust_list = sign_trust_list(
            "CTLFile.tlv", [record], token.signer, timestamp=TIME, form=form
        )
        assert trust_list.signer.subject.startswith(start)
        assert trust_list.signing_record() is None


class ShortToken:
    """A token whose signatures lack their last byte."""

    certificate = minting.server().certificate

    def sign(self, data: bytes, digest: Digest) -> bytes:
        return minting.server().signer.sign(data, digest)[:-1]


def test_a_signature_of_the_wrong_length_is_not_written() -> None:
    with pytest.raises(BuildError, match="the signer made 127 bytes, not 128"):
        sign_file(NAME, CONTENT, ShortToken(), timestamp=TIME)


@pytest.mark.parametrize(
    ("kind", "limit"), [(SignedFile, 128 << 20), (TrustList, 2 << 20)]
)
def test_the_largest_file(kind: type[SignedFile | TrustList], limit: int) -> None:
    """A file of just the limit is read, and its header found missing."""
    with pytest.raises(DecodeError, match="no trust list or signed file") as caught:
        kind.decode(bytes(limit))
    assert caught.value.offset == 0
    with pytest.raises(DecodeError, match=f"over {limit} bytes") as caught:
        kind.decode(bytes(limit + 1))
    assert caught.value.offset == limit


def test_encrypted_files_are_told_by_their_version() -> None:
    data = sign_file(NAME, CONTENT, minting.server().signer, timestamp=TIME).data
    assert data[:4] == b"\1\0\2\1"
    assert not SignedFile.decode(data).is_encrypted
    assert SignedFile.decode(b"\1\0\2\2" + data[4:]).is_encrypted
    assert not SignedFile.decode(b"\1\0\2\3" + data[4:]).is_encrypted


def test_the_most_records() -> None:
    records = [emptied_record("a", "192.0.2.1", Role.CCM_TFTP)] * 1024
    signer = minting.server().signer
    full = sign_trust_list("CTLFile.tlv", records, signer, timestamp=TIME)
    assert len(full.records) == 1024
    with pytest.raises(DecodeError, match="over 1024 records") as caught:
        TrustList.decode(full.data + records[0].encode())
    assert caught.value.offset == len(full.data)
