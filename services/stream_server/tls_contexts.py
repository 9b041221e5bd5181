"""The TLS contexts of a stream server's ports.

OpenSSL must be talked down to TLS 1.0, which weakens the whole context: so it is never
on by itself, and belongs to a port of its own unless old and new clients can only be
sent to one.

Python's ssl module can ask for a client certificate only together with the authorities
that it must come from; a client that shows one of another authority fails the
handshake. Where certificates are only requested there is a second context that does not
ask, for clients that have failed (`accepting.UnverifiableClients`).
"""

import base64
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tokenless.ground.tls import TlsVersion, limit_versions
from tokenless.services.errors import RESTORE_THE_KEY, ServiceError
from tokenless.services.stream_server.settings import (
    ClientCertificates,
    OwnCertificate,
    StreamSettings,
    TlsSettings,
)

_LEVEL_OF_OLD_PEERS: Final = 0
# Suites without encryption (authenticated mode) need that level as well.
_NULL_CIPHERS: Final = "NULL-SHA"
_TLS_1_0_WARNING: Final = (
    "{} answers TLS 1.0: its phones' connections can be read and changed by anyone who "
    "has broken that protocol"
)
_SHORT_KEY_WARNING: Final = (
    "{} shows a certificate whose RSA key is short; OpenSSL's security level was "
    "lowered for it: regenerate it (`show cert list own`) with 2048 bits"
)
# OpenSSL's level 2 wants RSA keys of 2,048 bits, level 1 of 1,024.
_LEVEL_2_KEY_BITS: Final = 2048
_LEVEL_1_KEY_BITS: Final = 1024
_USUAL_LEVEL: Final = 2
# SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS, which Python's ssl module does not name. Without
# it a TLS 1.0 answer leaves as two records, the first of them empty.
_ONE_RECORD_AN_ANSWER: Final = 0x800
_ONE_TICKET: Final = 1
_MOST_SESSIONS: Final = 1000
# X509_V_FLAG_NO_CHECK_TIME, which it does not name either.
_ANY_TIME: Final = 0x200000
_TRUSTED: Final = "TRUSTED CERTIFICATE"
# What OpenSSL appends to such a certificate: SEQUENCE { SEQUENCE { OID clientAuth } }.
_FOR_CLIENTS: Final = bytes.fromhex("300c300a06082b06010505070302")


@dataclass(frozen=True, slots=True)
class PortContexts:
    """TLS context for new connections of one port."""

    usual: ssl.SSLContext | None
    """None where no TLS is spoken."""
    unasking: ssl.SSLContext | None = None
    """One that asks for no certificate of the client, where `usual` requests one."""
    made_from: tuple[TlsSettings, str] | None = None
    """The settings and the server's name; None where no TLS is spoken."""

    def without_old_sessions(self) -> "PortContexts":
        """Return new contexts if OpenSSL remembers many sessions, else these.

        For clients that take no tickets it keeps the last 20,480 sessions of a context,
        with the client's certificate 6 kB each; Python's ssl has no word for fewer.
        Clients of before do a whole handshake at their next connection. Contexts that
        cannot be made now, while certificates and keys change, stay as they are.
        """
        usual = self.usual
        if usual is None or self.made_from is None:
            return self
        asks = usual.verify_mode is not ssl.CERT_NONE
        if not asks or usual.session_stats()["number"] <= _MOST_SESSIONS:
            return self
        try:
            return _contexts_of(*self.made_from)
        except ServiceError:
            return self


def load_contexts(settings: StreamSettings) -> tuple[PortContexts, ...]:
    """Make the contexts of all ports.

    Raises:
        ServiceError: When a certificate, its key or the authorities cannot be used.
    """
    return tuple(
        PortContexts(None)
        if port.tls is None
        else _contexts_of(port.tls, settings.name)
        for port in settings.ports
    )


def warn_of_weaknesses(
    settings: StreamSettings, log: structlog.typing.FilteringBoundLogger
) -> None:
    """Log what weakens the contexts, and what the administrator can do."""
    name = settings.name
    weakest = None
    for port in settings.ports:
        if port.tls is None:
            continue
        if port.tls.minimum is TlsVersion.TLS_1_0:
            log.warning(
                _TLS_1_0_WARNING.format(name),
                listener=port.name,
                port=port.port,
            )
        bits = _shortest_key_bits(port.tls, name)
        if bits < _LEVEL_2_KEY_BITS and (weakest is None or bits < weakest[0]):
            weakest = bits, _level_for(port.tls, name)
    if weakest is not None:
        log.warning(
            _SHORT_KEY_WARNING.format(name),
            key_bits=weakest[0],
            security_level=weakest[1],
        )


def _contexts_of(tls: TlsSettings, name: str) -> PortContexts:
    usual = _make_context(tls, name)
    if tls.client_certificates is not ClientCertificates.REQUESTED:
        return PortContexts(usual, None, (tls, name))
    unasking = replace(tls, client_certificates=ClientCertificates.IGNORED)
    return PortContexts(usual, _make_context(unasking, name), (tls, name))


def _make_context(tls: TlsSettings, name: str) -> ssl.SSLContext:
    if not tls.certificates:
        raise ServiceError(
            f"{name} has no certificate of its own", hint=_regenerate(name)
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION | _ONE_RECORD_AN_ANSWER
    # A phone asks once a connection; a second ticket would be made for nothing.
    context.num_tickets = _ONE_TICKET
    limit_versions(context, tls.minimum, tls.maximum)
    # The level must be lowered before a short key is loaded, or it is refused.
    context.set_ciphers(f"{tls.ciphers}:@SECLEVEL={_level_for(tls, name)}")
    _load_certificates(context, tls, name)
    if tls.client_certificates is not ClientCertificates.IGNORED:
        _ask_for_certificates(context, tls)
    return context


def _load_certificates(context: ssl.SSLContext, tls: TlsSettings, name: str) -> None:
    for own in tls.certificates:
        with _as_file(own) as path:
            try:
                context.load_cert_chain(path, own.key, password=_no_password)
            except (OSError, ssl.SSLError) as error:
                raise ServiceError(
                    f"{own.key}: {name} cannot use its key: {error}",
                    hint=RESTORE_THE_KEY,
                ) from error


def _ask_for_certificates(context: ssl.SSLContext, tls: TlsSettings) -> None:
    if tls.authorities_file is not None:
        try:
            context.load_verify_locations(tls.authorities_file)
        except (OSError, ssl.SSLError) as error:
            raise ServiceError(
                f"{tls.authorities_file}: not a file of authorities: {error}",
                hint="name a PEM file with the certificates that issued MICs and LSCs",
            ) from error
    if tls.authorities:
        with _trusted_for_clients(tls.authorities) as path:
            try:
                context.load_verify_locations(path)
            except ssl.SSLError as error:
                raise ServiceError(
                    f"a certificate of an authority cannot be used: {error}",
                    hint="delete it from the trust store, and upload it again",
                ) from error
    context.verify_mode = (
        ssl.CERT_REQUIRED
        if tls.client_certificates is ClientCertificates.REQUIRED
        else ssl.CERT_OPTIONAL
    )
    # Phones' issuers are often intermediate: the manufacturer's sub-CA, a CAPF. That a
    # phone's certificate has expired is for the session to judge: it sees the time.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _ANY_TIME


@contextmanager
def _trusted_for_clients(authorities: Iterable[bytes]) -> Iterator[Path]:
    """Lend authorities as a file that says of each: trusted to issue for clients.

    A CAPF's certificate has the purpose of servers only, as in the field; without that
    word OpenSSL refuses every LSC that it has issued.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        for der in authorities:
            text = base64.encodebytes(der + _FOR_CLIENTS).decode()
            file.write(f"-----BEGIN {_TRUSTED}-----\n{text}-----END {_TRUSTED}-----\n")
        file.flush()
        yield Path(file.name)


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


def _regenerate(name: str) -> str:
    return f"regenerate the certificate that {name} uses: `show cert list own` has it"


def _level_for(tls: TlsSettings, name: str) -> int:
    """Return OpenSSL's highest security level that takes our keys and versions.

    Clients' keys count too: phones hold LSCs of 1,024 bits and MICs signed with SHA-1,
    nodes have first certificates of 1,024 bits. Which of them is right is decided by
    the chain and the name, not by OpenSSL's level.
    """
    if tls.client_certificates is not ClientCertificates.IGNORED:
        return _LEVEL_OF_OLD_PEERS
    bits = _shortest_key_bits(tls, name)
    if tls.minimum is TlsVersion.TLS_1_0 or _NULL_CIPHERS in tls.ciphers.split(":"):
        return _LEVEL_OF_OLD_PEERS
    if bits >= _LEVEL_2_KEY_BITS:
        return _USUAL_LEVEL
    return 1 if bits >= _LEVEL_1_KEY_BITS else 0


def _shortest_key_bits(tls: TlsSettings, name: str) -> int:
    return min(_rsa_bits(own, name) for own in tls.certificates)


def _rsa_bits(own: OwnCertificate, name: str) -> int:
    """Return the length of an RSA key; other keys are never too short here."""
    try:
        key = x509.load_der_x509_certificate(own.der).public_key()
    except ValueError as error:
        raise ServiceError(
            f"the {name} certificate cannot be read: {error}", hint=_regenerate(name)
        ) from error
    return key.key_size if isinstance(key, RSAPublicKey) else _LEVEL_2_KEY_BITS
