"""The configurations of phones, made from device pools (REFERENCE 5).

A configuration is the same bytes as long as its content is the same: its versionStamp
is made from the content and from when that was first published.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self
from xml.etree import ElementTree as ET

from sqlalchemy import Connection

from tokenless.protocol.phone_config import (
    CallManagerMember,
    CapfServer,
    PhoneConfig,
    TvsMember,
)
from tokenless.protocol.phone_models import PHONE_MODELS
from tokenless.services.store.devices import DevicePool, read_devices, read_pools
from tokenless.services.store.nodes import NodeRow, read_nodes
from tokenless.services.store.parameters import TRUE, Parameter, read_parameter

_CAPF_PORT: Final = 3804
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'

FirstPublished = Callable[[str], int]
"""Takes the SHA-256 of a content, returns when it was first published."""


@dataclass(frozen=True, slots=True)
class PhoneConfigs:
    """All configurations of one state; equal ones are one bytes object."""

    by_device: Mapping[str, bytes]
    """Of devices that are configured by hand."""
    for_others: bytes | None
    """Of every other device; None when there is no auto-registration."""
    default: bytes
    """XMLDefault.cnf.xml."""

    @classmethod
    def read(
        cls, connection: Connection, tvs_port: int, first_published: FirstPublished
    ) -> Self:
        """Make them.

        Args:
            connection: The database.
            tvs_port: Of nodes that were not served yet.
            first_published: Remembers contents.
        """
        nodes = {node.id: node for node in read_nodes(connection)}
        pools = {pool.name: pool for pool in read_pools(connection)}
        encode = _Encoder(nodes, tvs_port, first_published)
        default = next((pool for pool in pools.values() if pool.is_default), None)
        registers = read_parameter(connection, Parameter.AUTO_REGISTRATION) == TRUE
        return cls(
            by_device={
                device.name: encode(
                    pools[device.pool], device.model, device.security_mode
                )
                for device in read_devices(connection)
            },
            for_others=(
                encode(default, default.model, security_mode=1)
                if registers and default is not None
                else None
            ),
            default=_encode_default(default, nodes),
        )

    def find(self, device: str) -> bytes | None:
        """Return a device's configuration, None when it gets none of its own."""
        return self.by_device.get(device, self.for_others)


class _Encoder:
    """Encodes each distinct configuration once."""

    def __init__(
        self,
        nodes: Mapping[int, NodeRow],
        tvs_port: int,
        first_published: FirstPublished,
    ) -> None:
        self._nodes = nodes
        self._tvs_port = tvs_port
        self._first_published = first_published
        self._known: dict[tuple[int, str, int], bytes] = {}

    def __call__(self, pool: DevicePool, model: str, security_mode: int) -> bytes:
        key = (pool.id, model, security_mode)
        if key not in self._known:
            config = self._config(pool, model, security_mode)
            self._known[key] = self._stamp(config)
        return self._known[key]

    def _config(self, pool: DevicePool, model: str, security_mode: int) -> PhoneConfig:
        members = [self._nodes[node_id] for node_id in pool.node_ids]
        publisher = next(node for node in self._nodes.values() if node.is_publisher)
        return PhoneConfig(
            callmanager_group=pool.group_name,
            callmanagers=_callmanagers(members),
            tvs=tuple(
                TvsMember(node.address, node.tvs_port or self._tvs_port, priority)
                for priority, node in enumerate(members)
            ),
            load=PHONE_MODELS[model].load,
            security_mode=security_mode,
            device_protocol=PHONE_MODELS[model].protocol,
            capf=(CapfServer(publisher.address, _CAPF_PORT),),
        )

    def _stamp(self, config: PhoneConfig) -> bytes:
        """Encode with a versionStamp `<unix>-<uuid>` (REFERENCE 5.1)."""
        digest = hashlib.sha256(config.encode())
        unique = uuid.UUID(bytes=digest.digest()[:16], version=4)
        at = self._first_published(digest.hexdigest())
        return replace(config, version_stamp=f"{at}-{unique}").encode()


def _callmanagers(members: list[NodeRow]) -> tuple[CallManagerMember, ...]:
    return tuple(
        CallManagerMember(node.name, node.address, priority)
        for priority, node in enumerate(members)
    )


def _encode_default(pool: DevicePool | None, nodes: Mapping[int, NodeRow]) -> bytes:
    """Encode XMLDefault.cnf.xml, without TVS as observed (REFERENCE 5.1)."""
    root = ET.Element("Default")
    members = ET.SubElement(ET.SubElement(root, "callManagerGroup"), "members")
    for priority, node_id in enumerate(() if pool is None else pool.node_ids):
        node = nodes[node_id]
        member = ET.SubElement(members, "member", priority=str(priority))
        manager = ET.SubElement(member, "callManager")
        ET.SubElement(manager, "name").text = node.name
        ports = ET.SubElement(manager, "ports")
        ET.SubElement(ports, "ethernetPhonePort").text = "2000"
        ET.SubElement(manager, "processNodeName").text = node.address
    ET.indent(root)
    body: str = ET.tostring(root, encoding="unicode")
    return _DECLARATION + body.encode() + b"\n"
