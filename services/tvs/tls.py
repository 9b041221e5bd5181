"""The TLS contexts of the TVS daemon.

The modern one speaks TLS 1.2 and 1.3. The legacy one speaks TLS 1.0 with the two suites
that 7900 phones have (REFERENCE 3.7). OpenSSL must be talked down to it, which weakens
the whole context: so it is never on by itself, and belongs to a listener of its own
unless old and new phones can only be sent to one port.

Python's ssl module can ask for a client certificate only together with the authorities
that it must come from; a phone that shows one of another authority fails the handshake.
So none is asked for until the administrator names these authorities, and even then
there are contexts that do not ask, for phones that have failed (`unverifiable`).
"""

import ssl
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tokenless.services.errors import ServiceError
from tokenless.services.tvs.settings import MinimumTls, OwnCertificate, TvsSettings

# What CUCM lists for this port, ECDHE first (REFERENCE 3.7): an 8861 was seen to use
# AES256-SHA. TLS 1.3 has suites of its own.
_CIPHERS: Final = (
    "ECDHE+AESGCM:ECDHE+AES:AES256-GCM-SHA384:AES256-SHA256:AES256-SHA:"
    "AES128-GCM-SHA256:AES128-SHA256:AES128-SHA"
)
_LEGACY_CIPHERS: Final = "AES128-SHA:AES256-SHA"
_LEVEL_OF_TLS_1_0: Final = 0
_OLDEST: Final = {
    MinimumTls.TLS_1_0: ssl.TLSVersion.TLSv1,
    MinimumTls.TLS_1_2: ssl.TLSVersion.TLSv1_2,
}
_LEGACY_WARNING: Final = (
    "TVS answers TLS 1.0: its phones' connections can be read and changed by whoever "
    "has broken that protocol"
)
# OpenSSL's level 2 wants RSA keys of 2,048 bits, level 1 of 1,024.
_LEVEL_2_KEY_BITS: Final = 2048
_LEVEL_1_KEY_BITS: Final = 1024
_USUAL_LEVEL: Final = 2
# SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS, which Python's ssl module does not name. Without
# it a TLS 1.0 answer leaves as two records, the first of them empty.
_ONE_RECORD_AN_ANSWER: Final = 0x800
_ONE_TICKET: Final = 1
# X509_V_FLAG_NO_CHECK_TIME, which it does not name either.
_ANY_TIME: Final = 0x200000


@dataclass(frozen=True, slots=True)
class TlsContexts:
    """What new connections are made from."""

    modern: ssl.SSLContext
    legacy: ssl.SSLContext | None
    unasking: "TlsContexts | None"
    """Others that ask for no certificate of the client, where these do."""


def load_contexts(settings: TvsSettings) -> TlsContexts:
    """Make the contexts.

    Raises:
        ServiceError: When a certificate, its key or the file of authorities cannot be
            used.
    """
    if not settings.certificates:
        raise ServiceError(
            "TVS has no certificate of its own",
            hint="regenerate the node's TVS certificate",
        )
    unasking = None
    if settings.client_ca is not None:
        unasking = load_contexts(replace(settings, client_ca=None))
    legacy = None if settings.legacy is None else _legacy_context(settings)
    return TlsContexts(_modern_context(settings), legacy, unasking)


def warn_of_weaknesses(
    settings: TvsSettings, log: structlog.typing.FilteringBoundLogger
) -> None:
    """Say what weakens the contexts, and what the administrator can do."""
    if settings.minimum_tls is MinimumTls.TLS_1_0:
        log.warning(_LEGACY_WARNING, listener="main", port=settings.port)
    if settings.legacy is not None:
        log.warning(_LEGACY_WARNING, listener="legacy", port=settings.legacy.port)
    bits = _shortest_key_bits(settings)
    if bits < _LEVEL_2_KEY_BITS:
        log.warning(
            "TVS shows a certificate whose RSA key is short; OpenSSL's security level "
            "was lowered for it: regenerate the TVS certificate with 2048 bits",
            key_bits=bits,
            security_level=_level_for(settings),
        )


def _modern_context(settings: TvsSettings) -> ssl.SSLContext:
    context = _context()
    _speak_from(context, _OLDEST[settings.minimum_tls])
    # The level must be lowered before a short key is loaded, or it is refused.
    context.set_ciphers(f"{_CIPHERS}:@SECLEVEL={_level_for(settings)}")
    _load_certificates(context, settings)
    return context


def _legacy_context(settings: TvsSettings) -> ssl.SSLContext:
    context = _context()
    _speak_from(context, ssl.TLSVersion.TLSv1, to=ssl.TLSVersion.TLSv1)
    context.set_ciphers(f"{_LEGACY_CIPHERS}:@SECLEVEL={_LEVEL_OF_TLS_1_0}")
    _load_certificates(context, settings)
    return context


def _speak_from(
    context: ssl.SSLContext, oldest: ssl.TLSVersion, *, to: ssl.TLSVersion | None = None
) -> None:
    with warnings.catch_warnings():
        # Python warns of TLS 1.0 as such; warn_of_weaknesses says what it means here.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = oldest
        if to is not None:
            context.maximum_version = to


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION | _ONE_RECORD_AN_ANSWER
    # A phone asks once a connection; a second ticket would be made for nothing.
    context.num_tickets = _ONE_TICKET
    return context


def _load_certificates(context: ssl.SSLContext, settings: TvsSettings) -> None:
    for own in settings.certificates:
        with _as_file(own) as path:
            try:
                context.load_cert_chain(path, own.key, password=_no_password)
            except (OSError, ssl.SSLError) as error:
                raise ServiceError(
                    f"{own.key}: TVS cannot use its key: {error}",
                    hint="regenerate the node's TVS certificate",
                ) from error
    if settings.client_ca is None:
        return
    try:
        context.load_verify_locations(settings.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise ServiceError(
            f"{settings.client_ca}: not a file of authorities: {error}",
            hint="name a PEM file with the certificates that issued MICs and LSCs",
        ) from error
    context.verify_mode = ssl.CERT_OPTIONAL
    # Phones' issuers are often intermediate: the manufacturer's sub-CA, a CAPF. A phone
    # with an expired certificate is recorded like others: nothing depends on it here.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _ANY_TIME


def _no_password() -> str:
    """Answer OpenSSL's question for a password, which would be asked on a terminal."""
    return ""


@contextmanager
def _as_file(own: OwnCertificate) -> Iterator[Path]:
    """Lend the certificate as a PEM file, the only form that OpenSSL's face takes."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(own.der))
        file.flush()
        yield Path(file.name)


def _level_for(settings: TvsSettings) -> int:
    """Return OpenSSL's highest security level that takes our keys and versions."""
    bits = _shortest_key_bits(settings)
    if settings.minimum_tls is MinimumTls.TLS_1_0:
        return _LEVEL_OF_TLS_1_0
    if bits >= _LEVEL_2_KEY_BITS:
        return _USUAL_LEVEL
    return 1 if bits >= _LEVEL_1_KEY_BITS else 0


def _shortest_key_bits(settings: TvsSettings) -> int:
    return min(map(_rsa_bits, settings.certificates))


def _rsa_bits(own: OwnCertificate) -> int:
    """Return the length of an RSA key; other keys are never too short here."""
    try:
        key = x509.load_der_x509_certificate(own.der).public_key()
    except ValueError as error:
        raise ServiceError(
            f"the TVS certificate cannot be read: {error}",
            hint="regenerate the node's TVS certificate",
        ) from error
    return key.key_size if isinstance(key, RSAPublicKey) else _LEVEL_2_KEY_BITS
