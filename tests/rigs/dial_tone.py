"""A served lab and phones that register at it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.phone import Network, Phone, open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.node.runtime import Kind
from tokenless.services.node.serve import Serving, serve_nodes

PUBLISHER, SUBSCRIBER = "cucm-1051-a-pub", "cucm-1051-a-sub1"
KINDS = frozenset({Kind.TFTP, Kind.TVS, Kind.CALLMANAGER})


@dataclass
class Site:
    """A cluster that is served, and the network that its phones share."""

    cluster: Cluster
    serving: Serving
    network: Network
    folder: Path

    def port(self, node: str, service: str) -> Server:
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
            servers=(self.port(PUBLISHER, "tftp"),),
        )
        folder = self.folder / device
        report = await boot_in_folder(identity, folder, self.network)
        assert report.holds_what_is_served, report
        flash = FolderFlash.open(folder)
        return Phone(identity, flash, flash.certificates)


@asynccontextmanager
async def dial_tone(
    cluster: Cluster,
    folder: Path,
    nodes: Iterable[str] = (PUBLISHER, SUBSCRIBER),
) -> AsyncIterator[Site]:
    """Serve nodes on free ports, and open the phones' network."""
    async with trio.open_nursery() as nursery:
        serving = await nursery.start(serve_nodes, cluster, list(nodes), KINDS)
        ports = {
            each.address: each.port
            for each in serving.listening
            if each.service == "sccps"
        }
        async with open_network(
            secure_ports=SecurePorts(by_address=ports), register_timeout_s=5.0
        ) as network:
            yield Site(cluster, serving, network, folder)
        nursery.cancel_scope.cancel()
