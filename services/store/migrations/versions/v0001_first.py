"""The tables as they were when data folders had no history of their schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NAME = sa.String(128)
_WHEN_CURRENT = sa.text("state = 'current'")


def upgrade() -> None:
    """Make them."""
    _make_cluster()
    _make_nodes()
    _make_groups()
    _make_devices()
    _make_certificates()
    _make_files()


def _make_cluster() -> None:
    op.create_table(
        "cluster",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "processconfig",
        sa.Column("paramname", _NAME, primary_key=True),
        sa.Column("paramvalue", sa.String(1024), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("by", _NAME, nullable=False),
        sa.Column("action", _NAME, nullable=False),
        sa.Column("detail", sa.String(4096), nullable=False),
        sa.UniqueConstraint("revision", name="one_audit_row_a_revision"),
    )


def _make_nodes() -> None:
    op.create_table(
        "processnode",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("is_publisher", sa.Boolean, nullable=False),
        sa.Column("folder", _NAME, nullable=False, unique=True),
        sa.Column("tftp_port", sa.Integer),
        sa.Column("tvs_port", sa.Integer),
    )
    op.create_table(
        "node_state",
        sa.Column(
            "node_id", sa.Integer, sa.ForeignKey("processnode.id"), primary_key=True
        ),
        sa.Column("ctl_revision", sa.Integer, nullable=False),
        sa.Column("reset_itl_revision", sa.Integer, nullable=False),
    )


def _make_groups() -> None:
    op.create_table(
        "callmanager_group",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", _NAME, nullable=False, unique=True),
    )
    op.create_table(
        "callmanager_group_member",
        sa.Column(
            "group_id",
            sa.Integer,
            sa.ForeignKey("callmanager_group.id"),
            primary_key=True,
        ),
        sa.Column("priority", sa.Integer, primary_key=True),
        sa.Column(
            "node_id", sa.Integer, sa.ForeignKey("processnode.id"), nullable=False
        ),
    )


def _make_devices() -> None:
    op.create_table(
        "device_pool",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column(
            "group_id",
            sa.Integer,
            sa.ForeignKey("callmanager_group.id"),
            nullable=False,
        ),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("model", _NAME, nullable=False),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("model", _NAME, nullable=False),
        sa.Column(
            "pool_id", sa.Integer, sa.ForeignKey("device_pool.id"), nullable=False
        ),
        sa.Column("security_mode", sa.Integer, nullable=False),
    )


def _make_certificates() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "placement",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "certificate_id",
            sa.Integer,
            sa.ForeignKey("certificate.id"),
            nullable=False,
        ),
        sa.Column("store", sa.String(32), nullable=False),
        sa.Column("node_id", sa.Integer, sa.ForeignKey("processnode.id")),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("placed_at", sa.Integer, nullable=False),
        sa.Column("retired_at", sa.Integer),
    )
    op.create_index(
        "one_current_own_certificate",
        "placement",
        ["store", "node_id"],
        unique=True,
        sqlite_where=_WHEN_CURRENT,
        postgresql_where=_WHEN_CURRENT,
    )
    op.create_table(
        "placement_role",
        sa.Column(
            "placement_id", sa.Integer, sa.ForeignKey("placement.id"), primary_key=True
        ),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("role", sa.Integer, nullable=False),
    )


def _make_files() -> None:
    op.create_table(
        "ctl_file",
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.Integer, nullable=False),
    )
    op.create_table(
        "reset_itl",
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column(
            "node_id", sa.Integer, sa.ForeignKey("processnode.id"), primary_key=True
        ),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "published",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("published_at", sa.Integer, nullable=False),
    )
