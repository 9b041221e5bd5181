"""Cisco CallManager of a node, as supervision starts and stops it."""

from collections.abc import Mapping, Sequence

import trio

from tokenless.ground.tls import TlsVersion
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.registration import UnregisterReason
from tokenless.protocol.sccp.answers import ResetType
from tokenless.services.callmanager.devices import DeviceBook
from tokenless.services.callmanager.sccp import SccpSettings
from tokenless.services.callmanager.server import CallManagerServer
from tokenless.services.callmanager.settings import (
    WITH_AUTHENTICATED,
    CallManagerPorts,
    CallManagerSettings,
)
from tokenless.services.callmanager.sip import SipSettings
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.logs import get_logger
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.stream_server.settings import (
    OwnCertificate,
    StreamLimits,
)


class CallManagerService:
    """Registers phones; the certificate that it shows is its own one of the start."""

    name = ServiceName.CALLMANAGER

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node
        section = cluster.config.callmanager
        # Remembered: a restart, and every phone configuration, keep their ports.
        self._ports = CallManagerPorts(
            section.sccp_port, section.sccps_port, section.sip_port, section.sips_port
        )
        self._prepared: tuple[DeviceBook, CallManagerSettings] | None = None
        self.server: CallManagerServer | None = None

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Listening addresses: `sccp`, `sccps`, `sip`, `sips`."""
        return {} if self.server is None else self.server.addresses

    async def prepare(self) -> None:
        """Load the devices, the certificate and the trust store of now."""
        self._prepared = await trio.to_thread.run_sync(self._load)

    async def bind(self) -> None:
        """Take the sockets. Raises ServiceError when one cannot be had."""
        if self.server is not None:
            return
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            prepared = await trio.to_thread.run_sync(self._load)
        devices, settings = prepared
        server = CallManagerServer(
            devices,
            settings,
            clock=self._cluster.clock,
            log=get_logger(node=self._node.name),
        )
        await server.bind()
        self.server = server
        self._ports = CallManagerPorts(
            **{name: port for name, (_, port) in server.addresses.items()}
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Register phones until cancelled."""
        server = self.server
        assert server is not None  # noqa: S101  # supervision binds first
        try:
            await server.serve(task_status=task_status)
        finally:
            self.close()

    async def reload(self) -> None:
        """Take the trust store, the certificates and the limits of now.

        Raises:
            ServiceError: When the certificate or its key cannot be had.
        """
        if self.server is not None:
            devices, settings = await trio.to_thread.run_sync(self._load)
            self.server.reload(settings)
            self.server.devices = devices

    async def take_devices(self) -> None:
        """Register by the devices that the database has now."""
        server = self.server
        if server is not None:
            server.devices = await trio.to_thread.run_sync(self._read_devices)

    def registrations(self) -> dict[str, object]:
        """Return who is registered here, and why others are not any more."""
        server = self.server
        if server is None:
            return {"registered": [], "absent": []}
        registered = [
            {
                "device": each.device,
                "address": each.address,
                "since": each.since,
                "load": each.load,
                "secure": each.peer.is_secure,
            }
            for each in server.registrar.registrations()
        ]
        absent = [
            {
                "device": each.device,
                "address": each.address,
                "at": each.at,
                "why": (each.failure or each.reason or UnregisterReason.UNKNOWN).name,
            }
            for each in server.registrar.absences()
        ]
        return {"registered": registered, "absent": absent}

    def reset(self, names: Sequence[str], *, restart: bool) -> int:
        """Reset registered phones, all when none is named; return how many."""
        server = self.server
        if server is None:
            return 0
        kind = ResetType.RESTART if restart else ResetType.RESET
        wanted = names or [each.device for each in server.registrar.registrations()]
        done = 0
        for name in wanted:
            station = server.registrar.station(name)
            if station is not None:
                station.reset(kind)
                done += 1
        return done

    def close(self) -> None:
        """Give back sockets that were never served on."""
        if self.server is not None:
            self.server.close()
            self.server = None

    def _read_devices(self) -> DeviceBook:
        with self._cluster.store.read() as connection:
            return DeviceBook.read(connection)

    def _load(self) -> tuple[DeviceBook, CallManagerSettings]:
        return self._read_devices(), self._settings()

    def _settings(self) -> CallManagerSettings:
        cluster, node = self._cluster, self._node
        section, release = cluster.config.callmanager, cluster.release
        own = certificates.own_certificate(cluster, node, TrustStore.CALLMANAGER)
        return CallManagerSettings(
            certificates=(
                OwnCertificate(own.der, node.keys.path(TrustStore.CALLMANAGER, own)),
            ),
            authorities=self._authorities(),
            address=node.address,
            ports=self._ports,
            minimum_tls=TlsVersion(section.tls_minimum),
            ciphers=section.ciphers or WITH_AUTHENTICATED,
            max_devices=section.max_devices,
            sccp=SccpSettings(
                section.keepalive_s,
                section.secondary_keepalive_s,
                token_wait_s=section.token_wait_s or None,
            ),
            sip=SipSettings(server=f"Cisco-CUCM{release.major}.{release.minor}"),
            limits=StreamLimits.of(section),
            node=node.name,
        )

    def _authorities(self) -> tuple[bytes, ...]:
        """Return CallManager-trust; a certificate in it twice is there once."""
        trusted = certificates.trust(self._cluster, TrustStore.CALLMANAGER_TRUST)
        return tuple(dict.fromkeys(each.certificate.der for each in trusted))
