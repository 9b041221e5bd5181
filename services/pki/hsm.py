"""Tokens behind a PKCS#11 module: SoftHSM2 in tests, a SafeNet eToken by the same call.

The extra `[hsm]` brings python-pkcs11, which is imported only when a module is named.
It is not safe to use from several threads, even with different tokens, so one lock
guards every call. Wrong passwords are counted by the token itself.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import DecodeError
from tokenless.services.errors import ServiceError
from tokenless.services.pki.manufacturing import TOKEN_KEY_BITS, issue_token_certificate
from tokenless.services.pki.tokens import (
    TokenDestroyedError,
    TokenList,
    TokenLockedError,
    WrongPasswordError,
)

_LOCK: Final = threading.Lock()
_KEY_ID: Final = b"tokenless-sast"
_LABEL: Final = "SAST"
_USE_ANOTHER: Final = "use another token"
_AWAY: Final = (
    "see that it is inserted, and that its module can read and write what it keeps; "
    "then try again"
)

# PKCS#11 names of what signs DigestInfo and pads it, by the digest of a header.
_MECHANISMS: Final = {
    Digest.SHA1: "SHA1_RSA_PKCS",
    Digest.SHA256: "SHA256_RSA_PKCS",
    Digest.SHA512: "SHA512_RSA_PKCS",
}


class HsmToken:
    """One token of a module. It signs after `unlock`; the key never leaves it."""

    def __init__(self, module: Path, label: str, certificate: Certificate) -> None:
        self._module = module
        self._password: str | None = None
        self.name = label
        self.certificate = certificate

    def __repr__(self) -> str:
        """Name the token, never the password."""
        return f"<HsmToken {self.name} of {self._module}>"

    @classmethod
    def open(cls, module: Path, label: str) -> Self:
        """Open a token, locked.

        Raises:
            ServiceError: When the extra is not installed, the module cannot be loaded,
                or it has no token of this label with a certificate of ours.
        """
        certificate = _load_certificate(module, label)
        if certificate is None:
            raise ServiceError(
                f"token {label} holds no certificate",
                hint=f"make one with `tokenless token create --module … {label}`",
            )
        return cls(module, label, certificate)

    def unlock(self, password: str) -> None:
        """Let it sign.

        Raises:
            WrongPasswordError: When the password is wrong.
            TokenDestroyedError: When the token has locked itself.
        """
        with (
            _explained(f"token {self.name}"),
            _session(self._module, self.name, password),
        ):
            self._password = password

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """Sign with the key inside.

        Raises:
            TokenLockedError: Before `unlock`.
            ServiceError: When the token cannot sign.
        """
        if self._password is None:
            raise TokenLockedError(
                f"token {self.name} is locked", hint="give its password"
            )
        library = _library()
        mechanism = library.Mechanism[_MECHANISMS[digest]]
        with (
            _explained(f"token {self.name}"),
            _session(self._module, self.name, self._password) as session,
        ):
            key = session.get_key(
                object_class=library.ObjectClass.PRIVATE_KEY, id=_KEY_ID
            )
            return bytes(key.sign(data, mechanism=mechanism))


def create_hsm_token(
    module: Path, label: str, password: str, tokens: Path, *, now: float
) -> HsmToken:
    """Make key and certificate inside an initialised token.

    Args:
        module: The PKCS#11 module.
        label: The token's label.
        password: Its user PIN.
        tokens: Where the lab's authority is kept that issues the certificate.
        now: Unix time.

    Raises:
        ServiceError: As HsmToken.open; or the token has a certificate of ours already.
    """
    with (
        _explained(f"token {label}"),
        _session(module, label, password, writes=True) as session,
    ):
        if _read_certificate(session) is not None:
            raise ServiceError(
                f"token {label} already has a certificate", hint=_USE_ANOTHER
            )
        with _generated(session) as public_key:
            certificate = issue_token_certificate(tokens, public_key, now)
            _write_certificate(session, certificate)
    return HsmToken(module, label, certificate)


def list_hsm_tokens(module: Path) -> TokenList:
    """Return the tokens of a module that hold a certificate of ours.

    Raises:
        ServiceError: When the module cannot be loaded.
    """
    tokens: list[HsmToken] = []
    damaged: dict[str, str] = {}
    for label in _labels(module):
        try:
            certificate = _load_certificate(module, label)
        except ServiceError as error:
            damaged[label] = error.explain()
            continue
        if certificate is not None:
            tokens.append(HsmToken(module, label, certificate))
    return TokenList(tuple(tokens), damaged)


def _load_certificate(module: Path, label: str) -> Certificate | None:
    with (
        _explained(f"token {label}"),
        _session(module, label, password=None) as session,
    ):
        return _read_certificate(session)


def _labels(module: Path) -> list[str]:
    with _explained(f"module {module}"), _loaded(module) as loaded:
        tokens = [slot.get_token() for slot in loaded.get_slots(token_present=True)]
        initialised = _library().TokenFlag.TOKEN_INITIALIZED
        return sorted(token.label for token in tokens if token.flags & initialised)


@contextmanager
def _session(
    module: Path, label: str, password: str | None, *, writes: bool = False
) -> Iterator[Any]:
    """Open a session on a token; without a password it sees public objects only."""
    with _loaded(module) as loaded:
        token = loaded.get_token(token_label=label)
        with token.open(rw=writes, user_pin=password) as session:
            yield session


@contextmanager
def _loaded(module: Path) -> Iterator[Any]:
    """Give the module, which begins anew after a token has failed.

    One whose token was taken away may go on failing when it is back (SoftHSM does).
    """
    with _LOCK:
        loaded = _load(module)
        try:
            yield loaded
        except _failures():
            with suppress(_library().exceptions.PKCS11Error):
                loaded.finalize()
            raise


@contextmanager
def _generated(session: Any) -> Iterator[RSAPublicKey]:  # noqa: ANN401 - untyped
    """Make a key pair inside the token; the private half never leaves it.

    It is taken back when the block fails: another try would make a second one, and it
    would be unclear which of them signs.
    """
    library = _library()
    public, private = session.generate_keypair(
        library.KeyType.RSA, TOKEN_KEY_BITS, id=_KEY_ID, label=_LABEL, store=True
    )
    try:
        yield RSAPublicNumbers(
            int.from_bytes(public[library.Attribute.PUBLIC_EXPONENT]),
            int.from_bytes(public[library.Attribute.MODULUS]),
        ).public_key()
    except BaseException:
        private.destroy()
        public.destroy()
        raise


def _write_certificate(session: Any, certificate: Certificate) -> None:  # noqa: ANN401
    library = _library()
    session.create_object(
        {
            library.Attribute.CLASS: library.ObjectClass.CERTIFICATE,
            library.Attribute.CERTIFICATE_TYPE: library.CertificateType.X_509,
            library.Attribute.TOKEN: True,
            library.Attribute.LABEL: _LABEL,
            library.Attribute.ID: _KEY_ID,
            library.Attribute.SUBJECT: certificate.subject_text.encode(),
            library.Attribute.VALUE: certificate.der,
        }
    )


def _read_certificate(session: Any) -> Certificate | None:  # noqa: ANN401 - untyped
    library = _library()
    wanted = {
        library.Attribute.CLASS: library.ObjectClass.CERTIFICATE,
        library.Attribute.ID: _KEY_ID,
    }
    # To its end: a search that is left half-way outlives the session that it needs.
    objects = list(session.get_objects(wanted))
    if not objects:
        return None
    try:
        return Certificate.decode(bytes(objects[0][library.Attribute.VALUE]))
    except DecodeError as error:
        raise ServiceError(
            f"the token's certificate is damaged: {error}", hint=_USE_ANOTHER
        ) from None


def password_missing(label: str) -> ServiceError:
    """Return why no password is tried on a token for which none was given."""
    return ServiceError(
        f"token {label} needs its password: it counts wrong ones and locks itself",
        hint="set TOKENLESS_PASSWORD to it",
    )


def _library() -> ModuleType:
    try:
        import pkcs11  # noqa: PLC0415 - the extra may not be installed
    except ImportError:
        raise ServiceError(
            "PKCS#11 tokens need the extra [hsm]",
            hint="install tokenless[hsm] (requirements/hsm.txt)",
        ) from None
    library: ModuleType = pkcs11
    return library


def _load(module: Path) -> Any:  # noqa: ANN401 - python-pkcs11 has no types
    library = _library()
    try:
        return library.lib(str(module))
    except (library.exceptions.PKCS11Error, RuntimeError, OSError) as error:
        # Many of these errors have a name and no words.
        raise ServiceError(
            f"{module}: no PKCS#11 module: {str(error) or type(error).__name__}",
            hint="name the module's shared library, and see to the configuration "
            "that it reads",
        ) from None


def _failures() -> tuple[type[Exception], ...]:
    """Return the errors of a token that is away or broken, or of a full disk."""
    errors = _library().exceptions
    return (
        errors.DeviceError,
        errors.DeviceRemoved,
        errors.FunctionFailed,
        errors.GeneralError,
        errors.TokenNotPresent,
    )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn the library's errors into ones that say what to do."""
    errors = _library().exceptions
    try:
        yield
    except (errors.PinIncorrect, errors.PinLenRange, errors.PinInvalid):
        raise WrongPasswordError(
            f"wrong password for {what}",
            hint="the token counts wrong passwords and locks itself",
        ) from None
    except errors.PinLocked:
        raise TokenDestroyedError(
            f"{what} is locked by wrong passwords", hint=_USE_ANOTHER
        ) from None
    except errors.NoSuchToken:
        raise ServiceError(
            f"there is no {what} in the module",
            hint="insert it; the module's own tool initialises a new one",
        ) from None
    except errors.MultipleTokensReturned:
        raise ServiceError(
            f"{what} is in the module more than once",
            hint="remove all but one, or initialise them anew with other labels",
        ) from None
    except errors.PKCS11Error as error:
        name = type(error).__name__
        reason = f"{what}: {name} {error}".rstrip()
        is_away = isinstance(error, _failures())
        raise ServiceError(reason, hint=_AWAY if is_away else _USE_ANOTHER) from None
