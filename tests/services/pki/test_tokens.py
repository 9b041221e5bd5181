"""Tokens that are files: fifteen tries, counted on the disk before each."""

import hashlib
import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests.rigs.clock import START
from tests.rigs.together import together
from tokenless.protocol.certificates.signature import verify_signature
from tokenless.protocol.codes import Digest
from tokenless.services.errors import ServiceError
from tokenless.services.pki.tokens import (
    DEFAULT_PASSWORD,
    MAX_WRONG_PASSWORDS,
    FileToken,
    TokenDestroyedError,
    TokenList,
    TokenLockedError,
    WrongPasswordError,
    create_token,
    delete_token,
    list_tokens,
    open_token,
)

EC_KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
UNKNOWN_KEY = b"""-----BEGIN PRIVATE KEY-----
MA0CAQAwBQYDKgMEBAEB
-----END PRIVATE KEY-----
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
def token(folder: Path) -> FileToken:
    return create_token(folder, "A", now=START)


def test_it_signs_after_its_password(token: FileToken) -> None:
    with pytest.raises(TokenLockedError):
        token.sign(b"data", Digest.SHA1)
    token.unlock(DEFAULT_PASSWORD)
    signature = token.sign(b"data", Digest.SHA1)
    verify_signature(token.certificate.public_key, signature, b"data", Digest.SHA1)


def test_fifteen_wrong_passwords_destroy_it(token: FileToken, folder: Path) -> None:
    for number in range(1, MAX_WRONG_PASSWORDS):
        with pytest.raises(WrongPasswordError) as caught:
            open_token(folder, "A").unlock("wrong")
        left = MAX_WRONG_PASSWORDS - number
        assert f"{left} more wrong passwords destroy it" in caught.value.explain()
        assert token.tries_left == left
    with pytest.raises(TokenDestroyedError):
        token.unlock("wrong")
    assert token.is_destroyed
    with pytest.raises(TokenDestroyedError):
        token.unlock(DEFAULT_PASSWORD)
    assert not list(folder.rglob("*.p12"))
    assert open_token(folder, "A").certificate == token.certificate


def test_the_right_password_starts_the_count_anew(token: FileToken) -> None:
    for _ in range(MAX_WRONG_PASSWORDS - 1):
        with pytest.raises(WrongPasswordError):
            token.unlock("wrong")
    token.unlock(DEFAULT_PASSWORD)
    assert token.tries_left == MAX_WRONG_PASSWORDS


def test_a_crash_in_a_try_costs_the_try(
    token: FileToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pkcs12, "load_key_and_certificates", crash)
    with pytest.raises(KeyboardInterrupt):
        token.unlock(DEFAULT_PASSWORD)
    assert token.tries_left == MAX_WRONG_PASSWORDS - 1


def test_tries_at_the_same_time_are_all_counted(folder: Path, token: FileToken) -> None:
    def guess() -> None:
        with pytest.raises(WrongPasswordError):
            open_token(folder, "A").unlock("wrong")

    together(*[guess] * 8)
    assert token.tries_left == MAX_WRONG_PASSWORDS - 8


def test_a_damaged_token_costs_no_try(token: FileToken, folder: Path) -> None:
    path = folder / "A" / "token.p12"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ServiceError, match="damaged"):
        token.unlock(DEFAULT_PASSWORD)
    assert token.tries_left == MAX_WRONG_PASSWORDS


def test_key_files_are_readable_by_nobody_else(token: FileToken, folder: Path) -> None:
    _ = token
    secret = [folder / "A" / "token.p12", folder / ".ca-key.pem"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secret] == [0o600, 0o600]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_tokens_of_one_folder_have_one_maker(folder: Path, token: FileToken) -> None:
    other = create_token(folder, "B", "another", now=START)
    assert other.certificate.issuer == token.certificate.issuer
    assert other.certificate.subject != token.certificate.subject
    assert [each.name for each in list_tokens(folder).tokens] == ["A", "B"]
    with pytest.raises(WrongPasswordError):
        other.unlock(DEFAULT_PASSWORD)
    other.unlock("another")


def test_names(folder: Path, token: FileToken) -> None:
    _ = token
    with pytest.raises(ServiceError, match="already"):
        create_token(folder, "A", now=START)
    unprintable = ("a\nb", "a\x1b[31m", "a\u202eb", "a\udcff")
    for name in ("", ".", "..", ".hidden", "a/b", "a\0", *unprintable):
        with pytest.raises(ServiceError):
            create_token(folder, name, now=START)
    with pytest.raises(ServiceError, match="no token C"):
        open_token(folder, "C")
    assert open_token(folder, str(folder / "A")).name == "A"


def test_one_of_several_that_make_the_same_token_makes_it(folder: Path) -> None:
    def make() -> str:
        try:
            return create_token(folder, "same", now=START).name
        except ServiceError as error:
            return str(error)

    said = sorted(together(*[make] * 4))
    assert said == ["same", *3 * ["the token same already exists"]]
    assert [each.name for each in list_tokens(folder).tokens] == ["same"]
    assert not list(folder.glob(".same*"))


def test_deleting_leaves_nothing(folder: Path, token: FileToken) -> None:
    _ = token
    delete_token(folder, "A")
    assert list_tokens(folder) == TokenList()
    assert not list(folder.rglob("*.p12"))
    create_token(folder, "A", now=START)


def test_a_folder_without_tokens(tmp_path: Path) -> None:
    assert list_tokens(tmp_path / "none") == TokenList()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("certificate.pem", None),
        ("certificate.pem", b""),
        ("certificate.pem", b"-----BEGIN CERTIFICATE-----\njunk"),
        ("state.json", None),
        ("state.json", b"{}"),
    ],
)
def test_a_damaged_token_does_not_hide_the_others(
    folder: Path, token: FileToken, file: str, content: bytes | None
) -> None:
    create_token(folder, "B", now=START)
    bad = folder / "B" / file
    bad.unlink()
    if content is not None:
        bad.write_bytes(content)
    found = list_tokens(folder)
    assert [each.certificate for each in found.tokens] == [token.certificate]
    assert list(found.damaged) == ["B"]
    assert f"{bad} is damaged" in found.damaged["B"]
    assert "restore it" in found.damaged["B"]
    delete_token(folder, "B")
    assert list_tokens(folder).damaged == {}
    with pytest.raises(ServiceError, match="no token B"):
        delete_token(folder, "B")


def test_a_token_that_cannot_be_read_does_not_hide_the_others(
    folder: Path, token: FileToken
) -> None:
    (folder / "B" / "certificate.pem").mkdir(parents=True)
    found = list_tokens(folder)
    assert [each.certificate for each in found.tokens] == [token.certificate]
    assert "Is a directory" in found.damaged["B"]
    assert delete_token(folder, "B") is None
    assert list_tokens(folder).damaged == {}


@pytest.mark.parametrize("content", [b"junk", EC_KEY, UNKNOWN_KEY])
def test_a_damaged_authority_makes_no_token(
    folder: Path, token: FileToken, content: bytes
) -> None:
    _ = token
    (folder / ".ca-key.pem").write_bytes(content)
    with pytest.raises(ServiceError) as caught:
        create_token(folder, "B", now=START)
    assert "restore it, or remove it" in caught.value.explain()
    assert [each.name for each in list_tokens(folder).tokens] == ["A"]
    (folder / ".ca-key.pem").unlink()
    assert create_token(folder, "B", now=START).name == "B"


def test_a_token_that_was_filled_by_somebody_else(
    folder: Path, token: FileToken
) -> None:
    assert repr(token) == "<FileToken A>"
    key = ec.generate_private_key(ec.SECP256R1())
    secret = BestAvailableEncryption(DEFAULT_PASSWORD.encode())
    data = pkcs12.serialize_key_and_certificates(b"", key, None, None, secret)
    (folder / "A" / "token.p12").write_bytes(data)
    state = {"sha256": hashlib.sha256(data).hexdigest()}
    (folder / "A" / "state.json").write_text(json.dumps(state))
    with pytest.raises(ServiceError, match="holds no RSA key") as caught:
        token.unlock(DEFAULT_PASSWORD)
    assert "delete the token" in caught.value.explain()
