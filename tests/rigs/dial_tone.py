"""A served lab and phones that register at it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.rigs.node_rig import FREE_PORTS
from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.phone import Network, Phone, open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.protocol.phones.device_security import (
    CapfOperation,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.services.changes import security
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import (
    Request,
    RestartService,
    StartService,
    StopService,
    Sync,
)
from tokenless.services.node.serve import Serving, serve_nodes

PUBLISHER, SUBSCRIBER = "cucm-1051-a-pub", "cucm-1051-a-sub1"
CALLMANAGER, TFTP = "Cisco CallManager", "Cisco Tftp"
PORTS = {**FREE_PORTS, "capf": {"port": 0}}
PORTS["callmanager"] = {**FREE_PORTS["callmanager"], "tls_minimum": "1.0"}
NON_SECURE, AUTHENTICATED, ENCRYPTED = DeviceSecurity


@dataclass
class Site:
    """A cluster that is served, and the network that its phones share."""

    cluster: Cluster
    serving: Serving
    network: Network
    folder: Path

    def where(self, node: str, service: str) -> Server:
        """Return where a node's service listens."""
        for each in self.serving.listening:
            if (each.node, each.service) == (node, service):
                return Server(each.address, each.port)
        raise AssertionError((node, service))

    async def boot(self, device: str, model: str = "7975") -> Phone:
        """Boot a phone from the publisher; return it with its flash."""
        identity = PhoneIdentity(
            device=device,
            model_name=model,
            servers=(self.where(PUBLISHER, "tftp"),),
        )
        folder = self.folder / device
        report = await boot_in_folder(identity, folder, self.network)
        assert report.holds_what_is_served, report
        flash = FolderFlash.open(folder)
        return Phone(identity, flash, flash.certificates)

    async def add(
        self,
        device: str,
        model: str,
        mode: DeviceSecurity = NON_SECURE,
        *,
        with_lsc: bool = True,
    ) -> Phone:
        """Give a device a row; boot its phone until it has what it shall have."""
        is_secure = mode is not NON_SECURE
        is_sip = PHONE_MODELS[model].protocol == "SIP"
        change = DeviceChange(
            model=model,
            security_mode=mode,
            transport=DeviceTransport.TLS if is_secure and is_sip else None,
            operation=CapfOperation.INSTALL if is_secure and with_lsc else None,
            key_size=1024 if is_secure and with_lsc else None,
        )

        await self.change(device, change)
        return await self.boot(device, model)

    async def change(self, device: str, change: DeviceChange) -> None:
        """Change a device, and let every node know."""

        def both() -> None:
            set_devices(self.cluster, Selection((device,)), change, by="test")
            self.sync()

        await trio.to_thread.run_sync(both)

    async def go_mixed(self) -> None:
        """Switch mixed mode on, and restart what must be."""

        def go() -> None:
            security.set_cluster_mode(self.cluster, SecurityMode.MIXED, by="test")

        await trio.to_thread.run_sync(go)
        await self.restart(TFTP)

    async def restart(self, service: str) -> None:
        """Restart a service at every node."""
        for node in (PUBLISHER, SUBSCRIBER):
            await self.ask(node, RestartService(service=service))

    async def stop(self, node: str, service: str = CALLMANAGER) -> None:
        """Stop a service at a node."""
        await self.ask(node, StopService(service=service))

    async def start(self, node: str, service: str = CALLMANAGER) -> None:
        """Start it again."""
        await self.ask(node, StartService(service=service))

    async def ask(self, name: str, order: Request) -> None:
        """Ask a node's server, after it knows the newest state."""

        def ask() -> None:
            self.sync()
            node = self.cluster.node(name)
            request(node.name, node.control_socket, order)

        await trio.to_thread.run_sync(ask)

    def sync(self) -> None:
        """Let every node know the newest state."""
        for node in self.cluster.nodes:
            revision = Sync(revision=self.cluster.store.revision())
            request(node.name, node.control_socket, revision)


@asynccontextmanager
async def dial_tone(
    cluster: Cluster,
    folder: Path,
    nodes: Iterable[str] = (PUBLISHER, SUBSCRIBER),
) -> AsyncIterator[Site]:
    """Serve nodes on free ports, and open the phones' network."""
    async with trio.open_nursery() as nursery:
        serving = await nursery.start(serve_nodes, cluster, list(nodes))
        cluster.record_ports(serving.ports)
        ports = {
            each.address: each.port
            for each in serving.listening
            if each.service == "sccps"
        }
        async with open_network(
            secure_ports=SecurePorts(by_address=ports),
            register_timeout_s=5.0,
            clock=cluster.clock,
        ) as network:
            site = Site(cluster, serving, network, folder)
            await site.restart(TFTP)
            yield site
        nursery.cancel_scope.cancel()
