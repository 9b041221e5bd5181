"""Cisco CallManager of a node, as supervision starts and stops it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from tokenless.ground.tls import TlsVersion
from tokenless.protocol.codes import NodeRole, TrustStore
from tokenless.protocol.phones.registration import UnregisterReason, vendor_word
from tokenless.protocol.sccp.answers import ResetType
from tokenless.services.callmanager.devices import DeviceBook
from tokenless.services.callmanager.records import RegistrationRecords
from tokenless.services.callmanager.registration import Absence, Registration
from tokenless.services.callmanager.sccp.guest import SccpSettings
from tokenless.services.callmanager.server import CallManagerServer
from tokenless.services.callmanager.settings import (
    Advertised,
    CallManagerPorts,
    CallManagerSettings,
    ciphers_of,
)
from tokenless.services.callmanager.sip.stations import SipSettings
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster_links.links import ClusterLinks, LinkSettings
from tokenless.services.cluster_links.peers import PeerNode
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.node.database_thread import in_thread
from tokenless.services.node.supervised.settings import newest_tls, shown_certificate
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.store.phone_alarms import PhoneAlarmNote
from tokenless.services.store.registrations import read_alarms
from tokenless.services.stream_server.settings import OwnCertificate, StreamLimits

_FIRST_WRITE_S: Final = 1.0
"""The longest wait for the database, which phones need not register."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    devices: DeviceBook
    settings: CallManagerSettings
    links: LinkSettings


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
        self._link_port = section.link_port_or_default
        self._prepared: _Prepared | None = None
        self._records: RegistrationRecords | None = None
        self._links: ClusterLinks | None = None
        self.server: CallManagerServer | None = None
        self._log = get_logger(node=node.name)

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Listening addresses: `sccp`, `sccps`, `sip`, `sips`, `link`."""
        if self.server is None or self._links is None:
            return {}
        link = self._links.address
        more = {} if link is None else {"link": link}
        return {**self.server.addresses, **more}

    async def prepare(self) -> None:
        """Load the devices, the certificate and the trust store of now."""
        self._prepared = await in_thread(self._cluster, self._load)

    async def bind(self) -> None:
        """Take the sockets. Raises ServiceError when one cannot be had."""
        if self.server is not None:
            return
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            prepared = await in_thread(self._cluster, self._load)
        records = RegistrationRecords(
            self._cluster.store,
            self._node.id,
            clock=self._cluster.clock,
            log=self._log,
        )
        server = CallManagerServer(
            prepared.devices,
            prepared.settings,
            clock=self._cluster.clock,
            on_change=records.note,
            log=self._log,
        )
        known = await in_thread(self._cluster, self._read_alarms)
        server.registrar.recall_alarms(known)
        links = ClusterLinks(prepared.links, server.view, self._log)
        await server.bind()
        try:
            await links.bind()
        except BaseException:
            server.close()
            raise
        server.view.connect(links)
        self.server, self._records, self._links = server, records, links
        if links.address is not None:
            self._link_port = links.address[1]
        self._ports = CallManagerPorts(
            **{name: port for name, (_, port) in server.addresses.items()}
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Register phones until cancelled."""
        server, records, links = self.server, self._records, self._links
        assert server is not None  # noqa: S101  # supervision binds first
        assert records is not None  # noqa: S101
        assert links is not None  # noqa: S101
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(records.run)
                # From then on health says whether the database takes them.
                with trio.move_on_after(_FIRST_WRITE_S):
                    await records.has_tried.wait()
                await nursery.start(links.serve)
                await nursery.start(server.serve)
                task_status.started()
        finally:
            # The server has dismissed its phones by now.
            await records.finish()
            self.close()

    async def reload(self) -> None:
        """Take the trust store, the certificates and the limits of now.

        Raises:
            ServiceError: When the certificate or its key cannot be had.
        """
        if self.server is not None:
            loaded = await in_thread(self._cluster, self._load)
            if self.server is not None:  # nobody has stopped it meanwhile
                self.server.reload(loaded.settings)
                self.server.devices = loaded.devices

    async def follow(self) -> None:
        """Register by the devices, and know the nodes, that the database has now."""
        server, links = self.server, self._links
        if server is None or links is None:
            return
        server.devices = await in_thread(self._cluster, self._read_devices)
        try:
            links.reload(await in_thread(self._cluster, self._link_settings))
        except ServiceError as error:
            # As after a regeneration on another host: the key is not here yet.
            self._log.warning("links are not changed", reason=error.explain())

    @property
    def unwritten(self) -> str | None:
        """The reason why the database has not the registrations of now, or None."""
        return None if self._records is None else self._records.unwritten

    def registrations(self) -> dict[str, object]:
        """Return the registrations here, and why others have ended."""
        server = self.server
        if server is None:
            return {"registered": [], "absent": []}
        return {
            "registered": [_shown(each) for each in server.registrar.registrations()],
            "absent": [_shown_absent(each) for each in server.registrar.absences()],
        }

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

    async def until_left(self) -> None:
        """Return when no phone is registered here."""
        if self.server is not None:
            await self.server.registrar.until_empty()

    def close(self) -> None:
        """Give back sockets that were never served on."""
        if self.server is not None:
            self.server.close()
            self.server = None
        if self._links is not None:
            self._links.close()
            self._links = None
        self._records = None

    def _read_devices(self) -> DeviceBook:
        with self._cluster.store.read() as connection:
            return DeviceBook.read(connection)

    def _read_alarms(self) -> dict[str, tuple[PhoneAlarmNote, ...]]:
        with self._cluster.store.read() as connection:
            return read_alarms(connection, self._node.id)

    def _load(self) -> _Prepared:
        return _Prepared(self._read_devices(), self._settings(), self._link_settings())

    def _own(self) -> OwnCertificate:
        unit = TrustStore.CALLMANAGER
        own = certificates.own_certificate(self._cluster, self._node, unit)
        return shown_certificate(self._node, own, unit)

    def _link_settings(self) -> LinkSettings:
        cluster = self._cluster
        unit = TrustStore.CALLMANAGER
        shown = certificates.own_of_all(cluster, unit)
        nodes = cluster.nodes
        if missing := [node.name for node in nodes if node.id not in shown]:
            raise ServiceError(
                f"{missing[0]} has no {unit} certificate",
                hint=f"regenerate it with `set cert regen {unit}`",
            )
        # Known by their folders: a node that is renamed keeps it.
        peers = {
            node.folder.name: PeerNode(
                node.folder.name,
                node.address,
                node.ports.get("link", 0),
                shown[node.id].der,
            )
            for node in nodes
            # On the others nothing listens, and nothing would ever connect from there.
            if node.id != self._node.id and NodeRole.CALLMANAGER in node.roles
        }
        return LinkSettings(
            self._node.folder.name,
            cluster.listening_address(self._node),
            self._link_port,
            self._own(),
            peers,
        )

    def _settings(self) -> CallManagerSettings:
        cluster, node = self._cluster, self._node
        section, release = cluster.config.callmanager, cluster.release
        advertised = cluster.config.advertise
        return CallManagerSettings(
            certificates=(self._own(),),
            authorities=self._authorities(),
            address=cluster.listening_address(node),
            ports=self._ports,
            minimum_tls=TlsVersion(section.tls_minimum),
            newest_tls=newest_tls(cluster),
            ciphers=section.ciphers or ciphers_of(cluster.tls_ciphers),
            max_devices=section.max_devices,
            sccp=SccpSettings(
                section.keepalive_s,
                section.secondary_keepalive_s,
                token_wait_s=section.token_wait_s or None,
            ),
            sip=SipSettings(
                server=f"Cisco-CUCM{release.major}.{release.minor}",
                notes_itl=release.notes_itl,
            ),
            limits=StreamLimits.of(section),
            node=node.name,
            advertised=Advertised(
                node.address, advertised.sip or 0, advertised.sips or 0
            ),
            number=node.id,
        )

    def _authorities(self) -> tuple[bytes, ...]:
        """Return CallManager-trust; a certificate in it twice is there once."""
        trusted = certificates.trust(self._cluster, TrustStore.CALLMANAGER_TRUST)
        return tuple(dict.fromkeys(each.certificate.der for each in trusted))


def _shown(registration: Registration) -> dict[str, object]:
    return {
        "device": registration.device,
        "address": registration.address,
        "since": registration.since,
        "load": registration.load,
        "secure": registration.peer.is_secure,
        "signalling": registration.signalling.value,
    }


def _shown_absent(absence: Absence) -> dict[str, object]:
    why = absence.failure or absence.reason or UnregisterReason.UNKNOWN
    return {
        "device": absence.device,
        "address": absence.address,
        "at": absence.at,
        "why": vendor_word(why),
        "code": int(why),
        "rejected": absence.failure is not None,
    }
