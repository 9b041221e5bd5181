"""A client's identity from its TLS connection, for the registration decision."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenless.protocol.certificates.certificate import UNREADABLE
from tokenless.protocol.phones.registration import Peer
from tokenless.services.stream_server.connections.connection import Connection


def peer_of(connection: Connection) -> Peer:
    """Return the client's names; a certificate that cannot be read has none."""
    channel = connection.channel
    if channel is None:
        return Peer()
    shown = connection.peer_certificate
    if shown is None:
        return Peer(channel.cipher)
    try:
        certificate = x509.load_der_x509_certificate(shown)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common_name = str(names[-1].value) if names else ""
        return Peer(channel.cipher, common_name, _dns_names(certificate))
    except UNREADABLE:
        return Peer(channel.cipher, "")


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))
