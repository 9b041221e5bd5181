"""Security tokens (eTokens): a key that signs after a password, and its certificate.

This file has the kind that is a folder with a PKCS#12 file; services.pki.hsm has the
PKCS#11 kind behind the same face.

    TOKENS/NAME/certificate.pem    what `export` gives
    TOKENS/NAME/token.p12          key and certificate under the password, 0600
    TOKENS/NAME/state.json         wrong passwords so far

Fifteen wrong passwords destroy a token (REFERENCE 6.5). The count grows on the disk
before a password is tried, so that a crash does not give another attempt. Anyone who
can copy the folder can still guess without limit: a file is not a smart card.
"""

import errno
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Final, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12

from tokenless.ground.json_input import decode_json
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.protocol.codes import Digest
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, replace_file
from tokenless.services.pki.keys import generate_rsa
from tokenless.services.pki.manufacturing import (
    TOKEN_KEY_BITS,
    issue_token_certificate,
    locked,
    to_pem,
)
from tokenless.services.pki.recovery import export_key
from tokenless.services.pki.uploads import read_certificates

DEFAULT_PASSWORD: Final = "Cisco123"  # noqa: S105 - printed in the vendor's manual
MAX_WRONG_PASSWORDS: Final = 15

_CERTIFICATE: Final = "certificate.pem"
_KEY: Final = "token.p12"
_STATE: Final = "state.json"
_HOW_TO_MEND: Final = "restore it, or delete the token"


class WrongPasswordError(ServiceError):
    """A password that does not open the token."""


class TokenDestroyedError(ServiceError):
    """A token that had too many wrong passwords."""


class TokenLockedError(ServiceError):
    """A token that was asked to sign before its password was given."""


class Token(Protocol):
    """A token of any kind. Once unlocked, it is a `signature.Signer`."""

    @property
    def name(self) -> str:
        """Name given by its owner."""

    @property
    def certificate(self) -> Certificate:
        """Its certificate, which needs no password."""

    def unlock(self, password: str) -> None:
        """Let it sign. Raises WrongPasswordError or TokenDestroyedError."""

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """Sign with the key inside. Raises TokenLockedError before `unlock`."""


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    """Of the PKCS#12 file: a damaged one must not use up its owner's tries."""
    wrong: int = 0


class FileToken:
    """A token that is a folder."""

    def __init__(self, folder: Path) -> None:
        """Open a token, locked.

        Raises:
            ServiceError: When the folder holds none, or one that is damaged.
        """
        self._folder = folder
        self._signer: PrivateKeySigner | None = None
        if not folder.is_dir():
            raise _no_token(folder.name)
        self._certificate = _load_certificate(folder / _CERTIFICATE)

    def __repr__(self) -> str:
        """Name the token, never the key."""
        return f"<FileToken {self.name}>"

    @property
    def name(self) -> str:
        """Name given by its owner."""
        return self._folder.name

    @property
    def certificate(self) -> Certificate:
        """Its certificate, which needs no password."""
        return self._certificate

    @property
    def is_destroyed(self) -> bool:
        """Return whether too many wrong passwords were given."""
        return not (self._folder / _KEY).exists()

    @property
    def tries_left(self) -> int:
        """Number of wrong passwords before it locks.

        Raises:
            ServiceError: When the token's count of them is damaged.
        """
        if self.is_destroyed:
            return 0
        return MAX_WRONG_PASSWORDS - self._load_state().wrong

    def unlock(self, password: str) -> None:
        """Let it sign.

        Raises:
            WrongPasswordError: When the password is wrong; says how many tries remain.
            TokenDestroyedError: When it was the last try, or they had run out before.
            ServiceError: When the token's files are damaged.
        """
        with locked(self._folder):
            if self.is_destroyed:
                raise TokenDestroyedError(
                    f"token {self.name} was destroyed by {MAX_WRONG_PASSWORDS} wrong "
                    "passwords",
                    hint="use another token",
                )
            data, state = self._load_key(), self._load_state()
            wrong = state.wrong + 1
            self._save_state(msgspec.structs.replace(state, wrong=wrong))
            try:
                key, _, _ = pkcs12.load_key_and_certificates(data, password.encode())
            except ValueError:
                raise self._refusal(wrong) from None
            self._save_state(msgspec.structs.replace(state, wrong=0))
        if not isinstance(key, RSAPrivateKey):
            raise ServiceError(f"token {self.name} holds no RSA key", hint=_HOW_TO_MEND)
        self._signer = PrivateKeySigner(self._certificate, key)

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """Sign with the key inside.

        Raises:
            TokenLockedError: Before `unlock`.
        """
        if self._signer is None:
            raise TokenLockedError(
                f"token {self.name} is locked", hint="give its password"
            )
        return self._signer.sign(data, digest)

    def _refusal(self, wrong: int) -> ServiceError:
        """Return why a wrong password is refused; the last one destroys the key."""
        left = MAX_WRONG_PASSWORDS - wrong
        if left > 0:
            return WrongPasswordError(
                f"wrong password for token {self.name}",
                hint=f"{left} more wrong passwords destroy it",
            )
        (self._folder / _KEY).unlink()
        return TokenDestroyedError(
            f"wrong password number {wrong}: token {self.name} is destroyed",
            hint="use another token",
        )

    def _load_key(self) -> bytes:
        data = (self._folder / _KEY).read_bytes()
        if hashlib.sha256(data).hexdigest() != self._load_state().sha256:
            raise ServiceError(
                f"{self._folder / _KEY} is damaged",
                hint="restore it; no attempt was counted",
            )
        return data

    def _load_state(self) -> _State:
        path = self._folder / _STATE
        try:
            return decode_json(path.read_bytes(), _State)
        except (OSError, msgspec.DecodeError):
            raise ServiceError(f"{path} is damaged", hint=_HOW_TO_MEND) from None

    def _save_state(self, state: _State) -> None:
        replace_file(self._folder / _STATE, msgspec.json.encode(state), mode=PRIVATE)


def create_token(
    tokens: Path, name: str, password: str = DEFAULT_PASSWORD, *, now: float
) -> FileToken:
    """Make a token in a folder of tokens.

    Raises:
        ServiceError: When there is one of this name, or the name is none.
        OSError: When it cannot be written; nothing is left behind.
    """
    folder = _folder_of(tokens, name)
    if not name.isprintable():
        raise _no_name(name)
    if folder.exists():
        raise _exists(name)
    key = generate_rsa(TOKEN_KEY_BITS)
    certificate = issue_token_certificate(tokens, key.public_key(), now)
    data = export_key(key, certificate, password)
    scratch = Path(mkdtemp(prefix=f".{name}.new-", dir=tokens))
    try:
        replace_file(scratch / _CERTIFICATE, to_pem(certificate))
        replace_file(scratch / _KEY, data, mode=PRIVATE)
        state = _State(hashlib.sha256(data).hexdigest())
        replace_file(scratch / _STATE, msgspec.json.encode(state), mode=PRIVATE)
        scratch.rename(folder)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:  # another command has made it meanwhile
            raise _exists(name) from None
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return FileToken(folder)


def open_token(tokens: Path, name: str) -> FileToken:
    """Open a token by its name, or by the path of its folder.

    Raises:
        ServiceError: When there is none.
    """
    if "/" in name:
        return FileToken(Path(name))
    return FileToken(_folder_of(tokens, name))


@dataclass(frozen=True, slots=True)
class TokenList:
    """The tokens of a folder or of a module, by name."""

    tokens: Sequence[Token] = ()
    damaged: Mapping[str, str] = field(default_factory=dict)
    """Those that cannot be used, and why."""


def list_tokens(tokens: Path) -> TokenList:
    """Return the tokens of a folder; a damaged one does not hide the others."""
    folders = sorted(tokens.iterdir()) if tokens.is_dir() else []
    file_tokens: list[FileToken] = []
    damaged: dict[str, str] = {}
    for folder in folders:
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        try:
            token = FileToken(folder)
            _ = token.tries_left  # is what a damaged count makes fail
        except ServiceError as error:
            damaged[folder.name] = error.explain()
        else:
            file_tokens.append(token)
    return TokenList(tuple(file_tokens), damaged)


def delete_token(tokens: Path, name: str) -> Certificate | None:
    """Delete a token with its key; return its certificate, None of a damaged one.

    Raises:
        ServiceError: When there is none.
    """
    folder = _folder_of(tokens, name)
    if not folder.is_dir():
        raise _no_token(name)
    certificate = None
    with suppress(ServiceError):
        certificate = _load_certificate(folder / _CERTIFICATE)
    with locked(tokens):
        gone = tokens / f".{name}.gone"
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone)
    return certificate


def _load_certificate(path: Path) -> Certificate:
    try:
        certificate, *_ = read_certificates(path.read_bytes())
    except (OSError, ServiceError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ServiceError(f"{path} is damaged: {why}", hint=_HOW_TO_MEND) from None
    return certificate


def _no_token(name: str) -> ServiceError:
    return ServiceError(
        f"there is no token {name}",
        hint="`tokenless token list` lists the tokens",
    )


def _exists(name: str) -> ServiceError:
    return ServiceError(f"the token {name} already exists", hint="choose another name")


def _no_name(name: str) -> ServiceError:
    return ServiceError(f"{name!r} is not a name for a token", hint="use letters")


def _folder_of(tokens: Path, name: str) -> Path:
    if not name or name.startswith(".") or set(name) & {"/", "\\", "\0"}:
        raise _no_name(name)
    return tokens / name
