"""HTTPS for the studio: hypercorn in the caller's nursery; its own certificate."""

import secrets
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tokenless.ground.files import replace_file
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.app import make_app
from tokenless.phone_emulator.studio.studio import Studio
from tokenless.services.console.serving import HttpsConfig, serve_pages, server_context
from tokenless.services.pki.keys import generate_ec, write_key

_KEY_BYTES: Final = 24
_DAYS: Final = 365
_LEFT_DAYS: Final = 14
_BITS: Final = 256
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class StudioSettings:
    """The studio's address, its folder, and the key for signing in."""

    folder: Path
    address: str
    port: int
    asks_nobody: bool = False
    """True if it has no sign-in: on loopback only."""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(_KEY_BYTES))
    """The key with which a person signs in; new at each start."""


async def serve_studio(
    settings: StudioSettings,
    *,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the pages until cancelled; reports where.

    Raises:
        PhoneError: When the address cannot be had, or others would reach a studio that
            has no sign-in.
    """
    _check(settings)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    context = await trio.to_thread.run_sync(
        load_context, settings.folder, settings.address
    )
    config = HttpsConfig(context)
    where = config.listen("the studio", settings.address, settings.port)
    async with trio.open_nursery() as nursery:
        key = None if settings.asks_nobody else settings.key
        studio = Studio(settings.folder, nursery, key)
        nursery.start_soon(serve_pages, make_app(studio), config, studio.log)
        task_status.started(where)


def _check(settings: StudioSettings) -> None:
    try:
        is_loopback = ip_address(settings.address).is_loopback
    except ValueError:
        raise PhoneError(
            f"{settings.address!r} is not an IP address", hint="use 127.0.0.1"
        ) from None
    if settings.asks_nobody and not is_loopback:
        raise PhoneError(
            f"without a sign-in the studio would be open to all who reach "
            f"{settings.address}",
            hint="leave --no-sign-in out",
        )


def load_context(folder: Path, address: str) -> ssl.SSLContext:
    """Return a context with the studio's certificate; make one when it must be new.

    Raises:
        OSError: When the files cannot be written.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not _is_good(certificate, address) or not key.is_file():
        _make(certificate, key, address)
    context = server_context()
    context.load_cert_chain(certificate, key)
    return context


def _is_good(path: Path, address: str) -> bool:
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return False
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    ends = found.not_valid_after_utc - timedelta(days=_LEFT_DAYS)
    return ip_address(address) in addresses and datetime.now(UTC) < ends


def _make(certificate: Path, key_path: Path, address: str) -> None:
    key = generate_ec(_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokenless studio")])
    addresses = dict.fromkeys((address, _LOOPBACK))
    begins = datetime.now(UTC) - timedelta(hours=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=_DAYS))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("localhost"),
                    *(x509.IPAddress(ip_address(each)) for each in addresses),
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    write_key(key_path, key)
    replace_file(certificate, built.public_bytes(Encoding.PEM))
