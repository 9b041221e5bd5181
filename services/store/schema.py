"""The tables. Private keys have no column, and none will be added (REFERENCE 10.7).

Times are Unix seconds. `certificate`, `placement` and `placement_role` correspond to
the vendor's CERTIFICATE, CERTIFICATESERVICECERTIFICATEMAP and CERTIFICATETRUSTROLEMAP
(REFERENCE 1.12); `processnode` and `processconfig` have the vendor's names. A change
here is a step in `migrations/versions`, too.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

metadata: Final = MetaData()

_NAME = String(128)
_WHEN_CURRENT: Final = text("state = 'current'")


def _number(name: str, default: int) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


cluster: Final = Table(
    "cluster",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("name", _NAME, nullable=False),
    Column("revision", Integer, nullable=False),
)
"""One row. `revision` grows by one in every transaction of an administrator."""

processconfig: Final = Table(
    "processconfig",
    metadata,
    Column("paramname", _NAME, primary_key=True),
    Column("paramvalue", String(1024), nullable=False),
)

processnode: Final = Table(
    "processnode",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", _NAME, nullable=False, unique=True),
    Column("address", String(45), nullable=False),
    Column("is_publisher", Boolean, nullable=False),
    Column("folder", _NAME, nullable=False, unique=True),
    Column("tftp_port", Integer),
    Column("tvs_port", Integer),
    Column("db_role", String(63)),
    Column("ports", String(1024), nullable=False, server_default=text("'{}'")),
    Column(
        "roles",
        String(64),
        nullable=False,
        server_default=text("'tftp,callmanager,capf'"),
    ),
    Column("is_fips", Boolean, nullable=False, server_default=false()),
)
"""`folder` is the node's first name: a renamed node keeps its folder. Ports are those
that the services really have, once they have been served. `db_role` is the PostgreSQL
role that the node's host logs in with and that may write the node's rows; null on one
host. `ports` is a JSON object: the ports of services other than TFTP and TVS. `roles`
are the activated services, separated by commas. `is_fips` is whether it is in FIPS
mode."""

node_state: Final = Table(
    "node_state",
    metadata,
    Column("node_id", ForeignKey("processnode.id"), primary_key=True),
    Column("ctl_revision", Integer, nullable=False, default=0),
    Column("reset_itl_revision", Integer, nullable=False, default=0),
    Column("applied_revision", Integer, nullable=False, server_default=text("0")),
    Column("seen_at", BigInteger, nullable=False, server_default=text("0")),
)
"""The CTL that each node has taken, and the revision that it follows. Written by nodes,
outside the cluster's revision. `seen_at` is the time at which Cisco CallManager of the
node last reported that it serves."""

callmanager_group: Final = Table(
    "callmanager_group",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", _NAME, nullable=False, unique=True),
)

callmanager_group_member: Final = Table(
    "callmanager_group_member",
    metadata,
    Column("group_id", ForeignKey("callmanager_group.id"), primary_key=True),
    Column("priority", Integer, primary_key=True),
    Column("node_id", ForeignKey("processnode.id"), nullable=False),
)

device_pool: Final = Table(
    "device_pool",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", _NAME, nullable=False, unique=True),
    Column("group_id", ForeignKey("callmanager_group.id"), nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("model", _NAME, nullable=False),
    Column("time_zone", String(64), nullable=False, server_default=text("'UTC'")),
    Column("date_template", String(16), nullable=False, server_default=text("'D/M/Y'")),
)
"""`time_zone` and `date_template` are those of its date/time group."""

device: Final = Table(
    "device",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", _NAME, nullable=False, unique=True),
    Column("model", _NAME, nullable=False),
    Column("pool_id", ForeignKey("device_pool.id"), nullable=False),
    Column("security_mode", Integer, nullable=False),
    _number("transport", 1),
    _number("encrypts_config", 0),
    _number("capf_operation", 1),
    _number("capf_status", 1),
    _number("capf_auth_mode", 2),
    _number("capf_key_type", 0),
    _number("capf_key_size", 2048),
    _number("capf_finish_by", 0),
    Column("capf_string", String(16), nullable=False, server_default=text("''")),
    Column("capf_cause", Integer),
    Column("certificate", LargeBinary),
    Column("digest_user", _NAME, nullable=False, server_default=text("''")),
    Column("digest_ha1", String(32), nullable=False, server_default=text("''")),
    Column("digest_password", String(128), nullable=False, server_default=text("''")),
)
"""`certificate` is the phone's own as CAPF saw it last: its LSC, else its MIC. Codes of
operation and status are the vendor's where they are known (REFERENCE-3 3.6).
`digest_ha1` is as good as the password of the Digest user: H(A1) of RFC 2617;
`digest_password` is the password itself, of phones whose configuration holds it."""

certificate: Final = Table(
    "certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("der", LargeBinary, nullable=False),
)

placement: Final = Table(
    "placement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("certificate_id", ForeignKey("certificate.id"), nullable=False),
    Column("store", String(32), nullable=False),
    Column("node_id", ForeignKey("processnode.id")),
    Column("state", String(16), nullable=False),
    Column("placed_at", Integer, nullable=False),
    Column("retired_at", Integer),
    Column("label", String(64), nullable=False, server_default=text("''")),
    Index(
        "one_current_own_certificate",
        "store",
        "node_id",
        unique=True,
        sqlite_where=_WHEN_CURRENT,
        postgresql_where=_WHEN_CURRENT,
    ),
)
"""A certificate in a unit of a node, or in a trust store of all (`node_id` is null).
State `current`, or `history`: what was replaced and can be restored."""

placement_role: Final = Table(
    "placement_role",
    metadata,
    Column("placement_id", ForeignKey("placement.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("role", Integer, nullable=False),
)
"""The roles that TVS answers, in the order in which it answers them."""

ctl_file: Final = Table(
    "ctl_file",
    metadata,
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    Column("made_at", Integer, nullable=False),
)
"""Every CTL that the cluster had; the one of the greatest revision counts."""

reset_itl: Final = Table(
    "reset_itl",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("node_id", ForeignKey("processnode.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""ITLs of `utils itl reset`, served until the node's TFTP service starts again."""

published: Final = Table(
    "published",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("published_by", String(63), primary_key=True),
    Column("published_at", BigInteger, nullable=False),
    CheckConstraint(
        "published_at BETWEEN 0 AND 4294967295", name="published_at_in_32_bits"
    ),
)
"""The time at which each content was first published, so that equal contents stay equal
bytes. `published_by` is the PostgreSQL role that wrote the row, empty on SQLite: no
role waits for a row that another one has not committed."""

console_user: Final = Table(
    "console_user",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    _number("failures", 0),
    Column("locked_until", BigInteger, nullable=False, server_default=text("0")),
)
"""Users of the console's pages. `failures` are wrong passwords since the last right
one; no subscriber's role reads this table (services.store.access.roles)."""

registration: Final = Table(
    "registration",
    metadata,
    Column("device", _NAME, primary_key=True),
    Column("node_id", ForeignKey("processnode.id"), primary_key=True),
    Column("state", String(12), nullable=False),
    _number("code", 0),
    Column("at", BigInteger, nullable=False),
    Column("signalling", String(4), nullable=False, server_default=text("''")),
    _number("is_secure", 0),
    Column("address", String(45), nullable=False, server_default=text("''")),
    Column("load", String(64), nullable=False, server_default=text("''")),
    Column("itl_host", _NAME, nullable=False, server_default=text("''")),
    Column("itl_digest", _NAME, nullable=False, server_default=text("''")),
    Column("itl_at", BigInteger, nullable=False, server_default=text("0")),
    Column("alarms", String(2048), nullable=False, server_default=text("''")),
)
"""The state of a phone at a node: registered, unregistered or rejected, since when, and
the vendor's number of the reason (REFERENCE-3 4.6). The columns of the ITL are from
the phone's alarm, and empty once it is not registered (REFERENCE-2 4); `alarms` are its
last ones, as JSON. Written by the node,
in batches, outside the cluster's revision."""

tftp_itl: Final = Table(
    "tftp_itl",
    metadata,
    Column("node_id", ForeignKey("processnode.id"), primary_key=True),
    Column("sha1", String(40), nullable=False),
    Column("sha512", String(128), nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
"""Digests of the ITL that each node serves, for the status of phones' ITLs."""

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("by", _NAME, nullable=False),
    Column("action", _NAME, nullable=False),
    Column("detail", String(4096), nullable=False),
    UniqueConstraint("revision", name="one_audit_row_a_revision"),
)
