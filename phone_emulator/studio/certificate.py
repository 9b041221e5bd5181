"""The studio's own certificate: self-signed, for the addresses that it listens on."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tokenless.ground.files import replace_file
from tokenless.services.console.https import server_context
from tokenless.services.pki.keys import generate_ec, write_key

_DAYS: Final = 365
_LEFT_DAYS: Final = 14
_BITS: Final = 256
_LOOPBACK: Final = "127.0.0.1"


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
