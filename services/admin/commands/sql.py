"""`run sql`, and the virtual tables it reads from the cluster's state.

The vendor's list of certificates (REFERENCE-2 3.5) joins `certificate` with three more
tables. `certificate` has its columns, and readable ones of ours; a certificate that
several units have stands there several times.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from tokenless.protocol.certificates.pem import write_certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.admin.command import TREE, columns
from tokenless.services.admin.session import Session
from tokenless.services.admin.sql import Row, Table, check_select, run_select
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.installation import Node
from tokenless.services.store import certificates
from tokenless.services.store.audit import read_audit
from tokenless.services.store.certificates import StoredCertificate
from tokenless.services.store.parameters import TRUE, Parameter

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "processconfig": ("paramname", "paramvalue"),
    "processnode": ("name", "address", "publisher", "tftpport", "tvsport"),
    "audit": ("revision", "at", "by", "action", "detail"),
    "certificate": (
        *("unit", "node", "subjectname", "issuername", "serialnumber"),
        *("validfrom", "validto"),
        *("pkid", "servername", "ipv4address", "tkcertificatedistribution"),
        "certificate",
    ),
    "certificateservicecertificatemap": ("fkcertificate", "tkcertificateservice"),
    "typecertificateservice": ("enum", "name"),
    "typecertificatedistribution": ("enum", "moniker"),
    "device": (
        *("name", "model", "devicepool", "securitymode", "transport"),
        *("encryptedconfig", "tkcertificateoperation", "tkcertificatestatus"),
        *("capfauthmode", "authenticationstring", "tkkeysize", "upgradefinishtime"),
        *("publickey", "md5hash"),
    ),
}
"""The tables, and the columns of each in their order."""

_SERVICES: Final = {
    TrustStore.PHONE_TRUST: 1,
    TrustStore.PHONE_VPN_TRUST: 2,
    TrustStore.CALLMANAGER: 3,
    TrustStore.CALLMANAGER_TRUST: 4,
    TrustStore.TOMCAT: 5,
    TrustStore.TOMCAT_TRUST: 6,
    TrustStore.IPSEC: 7,
    TrustStore.IPSEC_TRUST: 8,
    TrustStore.CAPF: 9,
    TrustStore.CAPF_TRUST: 10,
    TrustStore.TVS: 11,
    TrustStore.TVS_TRUST: 12,
    TrustStore.PHONE_SAST_TRUST: 14,
    TrustStore.PHONE_CTL_TRUST: 15,
    TrustStore.ITLRECOVERY: 16,
    TrustStore.CALLMANAGER_ECDSA: 17,
    TrustStore.TOMCAT_ECDSA: 18,
    TrustStore.PHONE_EDGE_TRUST: 19,
}
"""Numbers of units (REFERENCE 1.12); 8 and those from 16 on are inferred."""
_DISTRIBUTIONS: Final = {False: (1, "this-server"), True: (2, "multi-server")}
"""Numbers and names by `is multi-server`; they are inferred."""
_ROLLBACK_IN_DATABASE: Final = "RollBackToPreGrayback"


def tables(cluster: Cluster) -> Mapping[str, Table]:
    """Return each table's columns and what gives its rows."""
    return {
        "processconfig": (
            COLUMNS["processconfig"],
            lambda: _parameters(cluster),
        ),
        "processnode": (COLUMNS["processnode"], lambda: _nodes(cluster)),
        "audit": (COLUMNS["audit"], lambda: _audit(cluster)),
        "certificate": (COLUMNS["certificate"], lambda: _certificates(cluster)),
        "certificateservicecertificatemap": (
            COLUMNS["certificateservicecertificatemap"],
            lambda: _certificate_map(cluster),
        ),
        "typecertificateservice": (
            COLUMNS["typecertificateservice"],
            lambda: [
                {"enum": number, "name": store.value}
                for store, number in _SERVICES.items()
            ],
        ),
        "typecertificatedistribution": (
            COLUMNS["typecertificatedistribution"],
            lambda: [
                {"enum": number, "moniker": moniker}
                for number, moniker in _DISTRIBUTIONS.values()
            ],
        ),
        "device": (COLUMNS["device"], lambda: _devices(cluster)),
    }


def _parameters(cluster: Cluster) -> list[Row]:
    values = cluster.parameters()
    rows: list[Row] = [
        {"paramname": name, "paramvalue": value} for name, value in values.items()
    ]
    # The vendor's name and letters of the rollback parameter (REFERENCE-2 3.5).
    letter = "T" if values[Parameter.ROLLBACK] == TRUE else "F"
    return [*rows, {"paramname": _ROLLBACK_IN_DATABASE, "paramvalue": letter}]


def _nodes(cluster: Cluster) -> list[Row]:
    return [
        {
            "name": node.name,
            "address": node.address,
            "publisher": "t" if node.is_publisher else "f",
            "tftpport": node.tftp_port,
            "tvsport": node.tvs_port,
        }
        for node in cluster.nodes
    ]


def _certificates(cluster: Cluster) -> list[Row]:
    nodes = _holders(cluster)
    placed = _placed(cluster)
    holders = Counter((each.store, each.certificate.der) for each in placed)
    rows: list[Row] = []
    for each in placed:
        certificate = each.certificate
        node = nodes[each.node_id]
        shared = holders[each.store, certificate.der] > 1
        rows.append(
            {
                "unit": each.store.value,
                "node": "" if node is None else node.name,
                "subjectname": certificate.subject_text,
                "issuername": certificate.issuer_text,
                "serialnumber": certificate.serial_hex,
                "validfrom": certificate.not_before.isoformat(sep=" "),
                "validto": certificate.not_after.isoformat(sep=" "),
                "pkid": _pkid(each, node),
                "servername": "" if node is None else node.name,
                "ipv4address": "" if node is None else node.address,
                "tkcertificatedistribution": _DISTRIBUTIONS[shared][0],
                # In one line: the rows are printed as a table.
                "certificate": "".join(
                    write_certificate(certificate.der).decode().splitlines()
                ),
            }
        )
    return rows


def _certificate_map(cluster: Cluster) -> list[Row]:
    nodes = _holders(cluster)
    return [
        {
            "fkcertificate": _pkid(each, nodes[each.node_id]),
            "tkcertificateservice": _SERVICES[each.store],
        }
        for each in _placed(cluster)
    ]


def _holders(cluster: Cluster) -> dict[int | None, Node | None]:
    """Return nodes by number; what all nodes trust is of none."""
    return {None: None, **{node.id: node for node in cluster.nodes}}


def _pkid(placed: StoredCertificate, node: Node | None) -> str:
    """Name a row as CUCM does, by a UUID; a number would tell how it was stored."""
    where = "" if node is None else node.name
    what = f"{placed.store.value} {where} {placed.certificate.der.hex()}"
    return str(uuid5(NAMESPACE_OID, what))


def _placed(cluster: Cluster) -> list[StoredCertificate]:
    with cluster.store.read() as connection:
        return [
            *certificates.all_own(connection),
            *certificates.all_trusted(connection),
        ]


def _audit(cluster: Cluster) -> list[Row]:
    with cluster.store.read() as connection:
        entries = read_audit(connection)
    return [
        {
            "revision": entry.revision,
            "at": datetime.fromtimestamp(entry.at, UTC).isoformat(sep=" "),
            "by": entry.by,
            "action": entry.action,
            "detail": entry.detail,
        }
        for entry in entries
    ]


def _devices(cluster: Cluster) -> list[Row]:
    return [
        {
            "name": device.name,
            "model": device.model,
            "devicepool": device.pool,
            "securitymode": int(device.security_mode),
            "transport": int(device.transport),
            "encryptedconfig": "t" if device.encrypts_config else "f",
            "tkcertificateoperation": int(device.capf.operation),
            "tkcertificatestatus": int(device.capf.status),
            "capfauthmode": int(device.capf.auth_mode),
            "authenticationstring": device.capf.string,
            "tkkeysize": device.capf.key_size,
            "upgradefinishtime": _finish_time(device.capf.finish_by),
            "publickey": (
                ""
                if device.certificate is None
                else device.certificate.public_key_bytes.hex()
            ),
            "md5hash": device.certificate_hash,
        }
        for device in cluster.devices()
    ]


def _finish_time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y:%m:%d:%H:%M") if at else ""


@TREE.command(
    "run sql STATEMENT...",
    literal=True,
    values=lambda *statement: check_select(" ".join(statement), COLUMNS),
)
def run_sql(session: Session, *statement: str) -> None:
    """Select from processconfig, processnode, certificate, device, audit and others."""
    heads, rows = run_select(" ".join(statement), tables(session.cluster))
    session.say(columns(heads, rows))
