"""`run sql`, and the virtual tables it reads from the cluster's state."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from tokenless.services.admin.command import TREE
from tokenless.services.admin.help import columns
from tokenless.services.admin.session import Session
from tokenless.services.admin.sql import Row, Table, check_select, run_select
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store import certificates
from tokenless.services.store.audit import read_audit
from tokenless.services.store.parameters import TRUE, Parameter

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "processconfig": ("paramname", "paramvalue"),
    "processnode": ("name", "address", "publisher", "tftpport", "tvsport"),
    "audit": ("revision", "at", "by", "action", "detail"),
    "certificate": (
        *("unit", "node", "subjectname", "issuername", "serialnumber"),
        *("validfrom", "validto"),
    ),
    "device": (
        *("name", "model", "devicepool", "securitymode", "transport"),
        *("encryptedconfig", "tkcertificateoperation", "tkcertificatestatus"),
        *("capfauthmode", "authenticationstring", "tkkeysize", "upgradefinishtime"),
        *("publickey", "md5hash"),
    ),
}
"""The tables, and the columns of each in their order."""

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
    names = {node.id: node.name for node in cluster.nodes}
    with cluster.store.read() as connection:
        stored = [
            *certificates.all_own(connection),
            *certificates.all_trusted(connection),
        ]
    return [
        {
            "unit": each.store.value,
            "node": "" if each.node_id is None else names[each.node_id],
            "subjectname": each.certificate.subject_text,
            "issuername": each.certificate.issuer_text,
            "serialnumber": each.certificate.serial_hex,
            "validfrom": each.certificate.not_before.isoformat(sep=" "),
            "validto": each.certificate.not_after.isoformat(sep=" "),
        }
        for each in stored
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
    """Select from processconfig, processnode, certificate, device or audit."""
    heads, rows = run_select(" ".join(statement), tables(session.cluster))
    session.say(columns(heads, rows))
