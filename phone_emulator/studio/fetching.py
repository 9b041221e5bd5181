"""The files of a real cluster, fetched of its TFTP nodes as a phone does."""

from collections.abc import Iterator
from typing import Final

from tokenless.phone_emulator.addresses import (
    DEFAULT_TFTP_PORT,
    parse_device,
    parse_servers,
)
from tokenless.phone_emulator.check.observing.observation import Node
from tokenless.phone_emulator.check.observing.observe import Patience, fetch_nodes
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.archive import GivenSource
from tokenless.protocol.trust.verdicts import FileKind

DEVICE: Final = "SEP001122334455"
"""Asked for where no phone is named; clusters do not know it."""


async def fetch_sources(
    addresses: str, device: str
) -> tuple[list[GivenSource], list[str]]:
    """Fetch the lists and the configuration of a phone; nothing is changed there.

    Args:
        addresses: TFTP nodes, as a person writes them.
        device: The phone's name; empty: one that the cluster does not know.

    Returns:
        The files, and the nodes that gave none.

    Raises:
        PhoneError: When an address or the name is none, or no node answers.
    """
    servers = parse_servers(addresses, default_port=DEFAULT_TFTP_PORT)
    nodes = await fetch_nodes(servers, parse_device(device or DEVICE), Patience())
    files = {str(node.server): list(_files(node)) for node in nodes}
    if not any(files.values()):
        raise PhoneError(
            f"no TFTP node answered: {', '.join(map(str, servers))}",
            hint="check address and port; the lab listens on 6969: add :6969",
        )
    given = [each for those in files.values() for each in those]
    return given, [server for server, those in files.items() if not those]


def _files(node: Node) -> Iterator[GivenSource]:
    for kind in FileKind:
        data = node.find(kind)
        if isinstance(data, bytes) and data:
            ending = ".cnf.xml" if kind is FileKind.CONFIGURATION else ".tlv"
            base = kind.value.removesuffix(".tlv")
            yield GivenSource(f"{base}-{node.server.address}{ending}", data)
