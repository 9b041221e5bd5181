"""Rows of processnode and of what each node has taken."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import count
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from tokenless.ground.json_input import decode_json
from tokenless.protocol.codes import EVERY_ROLE, NodeRole
from tokenless.services.store.schema import (
    callmanager_group_member,
    node_state,
    processnode,
    registration,
    reset_itl,
    tftp_itl,
)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node as the cluster knows it."""

    id: int
    name: str
    address: str
    is_publisher: bool
    tftp_port: int | None
    """The port that the service really has, once it was served."""
    tvs_port: int | None
    ports: Mapping[str, int]
    """Of the services other than TFTP and TVS, by name: `http`, `sccp` and so on."""
    roles: frozenset[NodeRole]
    """The services that are activated on it."""
    is_fips: bool
    """True if it is in FIPS mode (REFERENCE-2 8.1)."""

    @property
    def serves_tftp(self) -> bool:
        """Return whether phones can fetch files from it, so that it has an ITL."""
        return NodeRole.TFTP in self.roles


@dataclass(frozen=True, slots=True)
class NodeRow(NodeFacts):
    """A node's row in the database."""

    folder: str
    """The name of its folder in the data folder of its host."""


_LAST_PORT: Final = 65535
_OWN_COLUMNS: Final = ("tftp", "tvs")
_COLUMNS: Final = tuple(processnode.c[each.name] for each in fields(NodeRow))

# Made once: nodes ask so often that making a query costs more than the database.
_ALL: Final = select(*_COLUMNS).order_by(
    processnode.c.is_publisher.desc(), processnode.c.id
)
_STATE: Final = select(node_state).where(node_state.c.node_id == bindparam("node"))


@dataclass(frozen=True, slots=True)
class NodeState:
    """State of a node: the cluster's files it has taken, the revision it applied."""

    ctl_revision: int
    reset_itl_revision: int
    applied_revision: int


def add_node(
    connection: Connection,
    name: str,
    address: str,
    *,
    is_publisher: bool,
    roles: frozenset[NodeRole] = EVERY_ROLE,
) -> NodeRow:
    """Add a node that has taken nothing."""
    kept = [role.value for role in NodeRole if role in roles]
    folders = set(connection.scalars(select(processnode.c.folder)))
    # A node that was renamed keeps the folder of its first name.
    folder = next(each for each in _folder_names(name) if each not in folders)
    node_id = connection.scalar(
        insert(processnode)
        .values(
            name=name,
            address=address,
            is_publisher=is_publisher,
            folder=folder,
            roles=",".join(kept),
        )
        .returning(processnode.c.id)
    )
    connection.execute(
        insert(node_state).values(node_id=node_id, ctl_revision=0, reset_itl_revision=0)
    )
    return read_node(connection, int(node_id or 0))


def read_nodes(connection: Connection) -> list[NodeRow]:
    """Return all nodes, the publisher first."""
    return [_node(row) for row in connection.execute(_ALL)]


def read_node(connection: Connection, node_id: int) -> NodeRow:
    """Return one node as it is now."""
    return _node(
        connection.execute(select(*_COLUMNS).where(processnode.c.id == node_id)).one()
    )


def remove_node(connection: Connection, node_id: int) -> None:
    """Forget a node and its places in CallManager groups; it has no certificates."""
    for table in (
        callmanager_group_member,
        reset_itl,
        node_state,
        registration,
        tftp_itl,
    ):
        connection.execute(delete(table).where(table.c.node_id == node_id))
    connection.execute(delete(processnode).where(processnode.c.id == node_id))


def rename_node(connection: Connection, node_id: int, name: str) -> None:
    """Give a node another name; its folder keeps the first one."""
    connection.execute(
        update(processnode).where(processnode.c.id == node_id).values(name=name)
    )


def write_roles(
    connection: Connection, node_id: int, roles: Collection[NodeRole]
) -> None:
    """Record which services are activated on a node."""
    kept = ",".join(role.value for role in NodeRole if role in roles)
    connection.execute(
        update(processnode).where(processnode.c.id == node_id).values(roles=kept)
    )


def write_fips(connection: Connection, node_id: int, *, enabled: bool) -> None:
    """Note whether a node is in FIPS mode."""
    connection.execute(
        update(processnode).where(processnode.c.id == node_id).values(is_fips=enabled)
    )


def write_ports(connection: Connection, node_id: int, ports: Mapping[str, int]) -> None:
    """Record the ports that a node's services have, by the service's name."""
    columns: dict[str, object] = {
        f"{service}_port": ports[service]
        for service in _OWN_COLUMNS
        if service in ports
    }
    more = {name: port for name, port in ports.items() if name not in _OWN_COLUMNS}
    if more:
        known = read_node(connection, node_id).ports
        columns["ports"] = msgspec.json.encode({**known, **more}).decode()
    connection.execute(
        update(processnode).where(processnode.c.id == node_id).values(columns)
    )


def read_state(connection: Connection, node_id: int) -> NodeState:
    """Return what a node has taken."""
    row = connection.execute(_STATE, {"node": node_id}).one()
    return NodeState(row.ctl_revision, row.reset_itl_revision, row.applied_revision)


def write_state(connection: Connection, node_id: int, **revisions: int) -> None:
    """Note how far a node is: `ctl_revision`, `applied_revision` and so on."""
    connection.execute(
        update(node_state).where(node_state.c.node_id == node_id).values(**revisions)
    )


def _folder_names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in count(2))


def _node(row: Row[*tuple[Any, ...]]) -> NodeRow:
    node = NodeRow(*row)
    return replace(
        node,
        tftp_port=_port(node.tftp_port),
        tvs_port=_port(node.tvs_port),
        ports=_read_ports(row.ports),
        roles=_read_roles(row.roles, is_publisher=row.is_publisher),
    )


def _read_ports(written: str) -> Mapping[str, int]:
    """Return the ports in a column that another host may have filled with anything."""
    try:
        ports = decode_json(written, dict[str, int])
    except msgspec.DecodeError:
        return {}
    return {name: port for name, port in ports.items() if _port(port) is not None}


def _read_roles(written: str, *, is_publisher: bool) -> frozenset[NodeRole]:
    """Return the roles of a column; CAPF counts on the publisher only."""
    words = frozenset(written.split(","))
    roles = frozenset(role for role in NodeRole if role.value in words)
    return roles if is_publisher else roles - {NodeRole.CAPF}


def _port(written: int | None) -> int | None:
    """Return a port that phones take, None for what another host may have written."""
    return written if written is not None and 0 < written <= _LAST_PORT else None
