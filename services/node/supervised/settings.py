"""The configuration's `[http]` and `[tvs]` as their servers take them, for a node."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from tokenless.ground.tls import TlsVersion
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes.certificates import own_certificate
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.config import TvsSection
from tokenless.services.http.settings import HTTP_PORT, HTTPS_PORT, HttpSettings
from tokenless.services.stream_server.settings import OwnCertificate, StreamLimits
from tokenless.services.tvs.settings import LegacyListener, TvsSettings


def shown_certificate(node: Node, own: Certificate, unit: TrustStore) -> OwnCertificate:
    """Return a node's own certificate of a unit as stream servers take it."""
    return OwnCertificate(own.der, node.keys.path(unit, own))


def newest_tls(cluster: Cluster) -> TlsVersion | None:
    """Return the newest version that servers for phones offer; None: no limit."""
    return None if cluster.release.speaks_tls_1_3 else TlsVersion.TLS_1_2


def http_settings(
    cluster: Cluster, node: Node, ports: Mapping[str, int]
) -> HttpSettings:
    """Return how a node's HTTP server behaves; its certificate is that of CallManager.

    Args:
        cluster: The cluster.
        node: The node.
        ports: Those that were taken before, by their names.

    Raises:
        ServiceError: When the node has no such certificate.
    """
    section, is_free = cluster.config.http, cluster.config.tftp.port == 0
    own = own_certificate(cluster, node, TrustStore.CALLMANAGER)

    def port_of(name: str, given: int | None, usual: int) -> int:
        return ports.get(name, (0 if is_free else usual) if given is None else given)

    return HttpSettings(
        certificates=(shown_certificate(node, own, TrustStore.CALLMANAGER),),
        address=cluster.listening_address(node),
        port=port_of("http", section.port, HTTP_PORT),
        tls_port=port_of("https", section.tls_port, HTTPS_PORT),
        alias_port=ports.get("https-alias", section.alias_port),
        missing_ctl=HTTPStatus(section.missing_ctl),
        newest_tls=newest_tls(cluster),
        limits=StreamLimits.of(section),
        node=node.name,
    )


def tvs_settings(cluster: Cluster, node: Node, port: int) -> TvsSettings:
    """Return how a node's TVS behaves; its certificate is its own one of now.

    Args:
        cluster: The cluster.
        node: The node.
        port: Where it listens.

    Raises:
        ServiceError: When the node has no TVS certificate.
    """
    section = cluster.config.tvs
    own = own_certificate(cluster, node, TrustStore.TVS)
    return TvsSettings(
        certificates=(shown_certificate(node, own, TrustStore.TVS),),
        address=cluster.listening_address(node),
        port=port,
        minimum_tls=TlsVersion(section.tls_minimum),
        newest_tls=newest_tls(cluster),
        legacy=_legacy(section),
        client_ca=None if section.client_ca is None else Path(section.client_ca),
        limits=StreamLimits.of(section),
        workers=section.workers,
        node=node.name,
    )


def _legacy(section: TvsSection) -> LegacyListener | None:
    if section.legacy is None:
        return None
    return LegacyListener(section.legacy.port, section.legacy.address)
