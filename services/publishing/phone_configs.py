"""The configurations of phones, made from device pools (REFERENCE 5).

A configuration is the same bytes as long as its content is the same: its versionStamp
is made from the content and from when that was first published.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self
from xml.etree import ElementTree as ET

from sqlalchemy import Connection

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import NodeRole
from tokenless.protocol.phones.configuration import (
    SCCP_PORT,
    SIP_PORT,
    SIPS_PORT,
    CallManagerMember,
    CapfServer,
    PhoneConfig,
    TvsMember,
)
from tokenless.protocol.phones.device_security import DeviceSecurity, DeviceTransport
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.services.store.device_pools import DevicePool, read_pools
from tokenless.services.store.devices import Device, read_devices
from tokenless.services.store.nodes import NodeRow, read_nodes
from tokenless.services.store.parameters import MIXED, TRUE, Parameter, read_parameter

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'

FirstPublished = Callable[[str], int]
"""Takes the SHA-256 of a content, returns when it was first published."""


@dataclass(frozen=True, slots=True)
class DeviceFiles:
    """Files of one device."""

    full: bytes
    """Its whole configuration."""
    companion: bytes | None = None
    """The small one that sends it to the encrypted one; None: the whole one is sent."""
    recipient: Certificate | None = None
    """The certificate for which it is encrypted; None: there is none yet."""


class PhoneConfigs:
    """All configurations of one state; equal ones are one bytes object."""

    def __init__(
        self,
        encode: "_Encoder",
        pools: Mapping[str, DevicePool],
        devices: Sequence[Device],
        for_others: DeviceFiles | None,
        default: bytes,
    ) -> None:
        self.default = default
        """XMLDefault.cnf.xml."""
        self._encode = encode
        self._pools = pools
        self._for_others = for_others
        self._devices = {device.name: device for device in devices}
        self._files: dict[str, DeviceFiles] = {}

    @classmethod
    def read(
        cls,
        connection: Connection,
        tvs_port: int,
        capf_port: int,
        usual_ports: Mapping[str, int],
        first_published: FirstPublished,
    ) -> Self:
        """Make them.

        Args:
            connection: The database.
            tvs_port: Of nodes that were not served yet.
            capf_port: Of the publisher's CAPF.
            usual_ports: Of CallManagers that were not served yet, by service.
            first_published: Remembers contents.
        """
        nodes = {
            node.id: replace(node, ports={**usual_ports, **node.ports})
            for node in read_nodes(connection)
        }
        pools = {pool.name: pool for pool in read_pools(connection)}
        mode = read_parameter(connection, Parameter.CLUSTER_SECURITY_MODE)
        encode = _Encoder(
            nodes, tvs_port, capf_port, first_published, is_mixed=mode == MIXED
        )
        default = next((pool for pool in pools.values() if pool.is_default), None)
        registers = read_parameter(connection, Parameter.AUTO_REGISTRATION) == TRUE
        devices = read_devices(connection)
        for device in devices:
            # Contents are remembered while the database is open to us.
            encode.base(pools[device.pool], device.model, device)
        for_others = (
            DeviceFiles(encode.base(default, default.model).encode())
            if registers and default is not None
            else None
        )
        return cls(encode, pools, devices, for_others, _encode_default(default, nodes))

    @property
    def devices(self) -> Sequence[str]:
        """The names of the devices that are configured by hand."""
        return sorted(self._devices)

    def find(self, name: str) -> DeviceFiles | None:
        """Return what a device gets, None when it gets nothing of its own."""
        device = self._devices.get(name)
        if device is None:
            return self._for_others
        found = self._files.get(name)
        if found is None:
            base = self._encode.base(self._pools[device.pool], device.model, device)
            found = self._files[name] = self._encode.device_files(base, device)
        return found

    def take_devices(self, devices: Sequence[Device]) -> bool:
        """Give devices their new files; tell whether any file differs.

        A device of a pool that came later waits for the next start of the service.
        """
        known = {each.name: each for each in devices if each.pool in self._pools}
        changed = {
            name
            for name in known.keys() | self._devices.keys()
            if known.get(name) != self._devices.get(name)
        }
        self._devices = known
        for name in changed:
            self._files.pop(name, None)
        return bool(changed)


class _Encoder:
    """Encodes each distinct configuration once."""

    def __init__(
        self,
        nodes: Mapping[int, NodeRow],
        tvs_port: int,
        capf_port: int,
        first_published: FirstPublished,
        *,
        is_mixed: bool,
    ) -> None:
        self._nodes = nodes
        self._is_mixed = is_mixed
        self._tvs_port = tvs_port
        self._capf_port = capf_port
        self._first_published = first_published
        self._known: dict[tuple[int, str, int, int], PhoneConfig] = {}
        self._encoded: dict[PhoneConfig, DeviceFiles] = {}

    def base(
        self, pool: DevicePool, model: str, device: Device | None = None
    ) -> PhoneConfig:
        """Return what all devices of a pool, a model and a profile have in common.

        A cluster that is not in mixed mode writes non-secure configurations, whatever
        the profiles say (the vendor's security guide).
        """
        mode, transport = DeviceSecurity.NON_SECURE, DeviceTransport.TCP
        if device is not None:
            is_secure = device.security_mode is not DeviceSecurity.NON_SECURE
            if self._is_mixed or not is_secure:
                mode, transport = device.security_mode, device.transport
        key = (pool.id, model, mode, transport)
        if key not in self._known:
            config = self._config(pool, model, int(mode))
            self._known[key] = self._stamp(replace(config, transport=int(transport)))
        return self._known[key]

    def device_files(self, base: PhoneConfig, device: Device) -> DeviceFiles:
        """Return the files of one device (REFERENCE-3 2.2, 2.4)."""
        config = replace(
            base,
            capf_auth_mode=device.capf.config_mode,
            certificate_hash=device.certificate_hash,
        )
        if device.digest is not None and device.digest.password:
            config = replace(
                config,
                digest_user=device.digest.user,
                digest_password=device.digest.password,
            )
        if config not in self._encoded:
            self._encoded[config] = DeviceFiles(config.encode())
        files = self._encoded[config]
        if not device.encrypts_config:
            return files
        return replace(
            files,
            companion=config.encode_companion(),
            recipient=device.certificate,
        )

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
            capf=self._capf(publisher),
            time_zone=pool.clock.time_zone,
            date_template=pool.clock.date_template,
        )

    def _capf(self, publisher: NodeRow) -> tuple[CapfServer, ...]:
        if NodeRole.CAPF not in publisher.roles:
            return ()
        port = publisher.ports.get("capf", self._capf_port)
        return (CapfServer(publisher.address, port),)

    def _stamp(self, config: PhoneConfig) -> PhoneConfig:
        """Add a versionStamp `<unix>-<uuid>` (REFERENCE 5.1)."""
        digest = hashlib.sha256(config.encode())
        unique = uuid.UUID(bytes=digest.digest()[:16], version=4)
        at = self._first_published(digest.hexdigest())
        return replace(config, version_stamp=f"{at}-{unique}")


def _callmanagers(members: list[NodeRow]) -> tuple[CallManagerMember, ...]:
    """Name the ports that the nodes' CallManagers really had when last served."""
    return tuple(
        CallManagerMember(
            node.name,
            node.address,
            priority,
            sccp_port=node.ports.get("sccp", SCCP_PORT),
            sip_port=node.ports.get("sip", SIP_PORT),
            sips_port=node.ports.get("sips", SIPS_PORT),
        )
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
        sccp_port = node.ports.get("sccp", SCCP_PORT)
        ET.SubElement(ports, "ethernetPhonePort").text = str(sccp_port)
        ET.SubElement(manager, "processNodeName").text = node.address
    ET.indent(root)
    body: str = ET.tostring(root, encoding="unicode")
    return _DECLARATION + body.encode() + b"\n"
