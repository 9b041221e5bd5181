"""The files of a cluster's nodes, fetched as a phone does: by TFTP and HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import trio

from tokenless.phone_emulator.check.observing.observation import Missing, Node
from tokenless.phone_emulator.http_client import (
    HttpClient,
    NotByHttpError,
    NotServedError,
)
from tokenless.phone_emulator.phone import HttpPort
from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.secd.files import names_of
from tokenless.phone_emulator.tftp_client import TftpClient
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES
from tokenless.protocol.tftp.download import DownloadOptions, SilentServerError
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.protocol.trust.anchors import FileKind


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits."""

    tftp_s: float = 1.0
    """Until a TFTP packet is sent again."""
    tvs_s: float = 10.0
    """For one question to TVS."""


async def fetch_nodes(
    servers: Sequence[Server],
    device: str,
    patience: Patience,
    on_node: Callable[[], None] = lambda: None,
) -> list[Node]:
    """Fetch lists and configurations of every TFTP node, as a phone does.

    Args:
        servers: The nodes.
        device: The phone whose files are asked for.
        patience: How long to wait.
        on_node: Is called when a node has been asked everything.
    """
    download_options = DownloadOptions(timeout_s=patience.tftp_s, retransmits=3)
    client = TftpClient(download_options=download_options)
    nodes: dict[Server, Node] = {}

    async def fetch(server: Server) -> None:
        nodes[server] = await _fetch_node(client, server, device)
        on_node()

    async with trio.open_nursery() as running:
        await running.start(client.run)
        async with trio.open_nursery() as nursery:
            for server in servers:
                nursery.start_soon(fetch, server)
        running.cancel_scope.cancel()
    return [nodes[server] for server in servers]


async def _fetch_node(client: TftpClient, server: Server, device: str) -> Node:
    names = [
        *names_of(FileKind.CTL, device, signed=False),
        *names_of(FileKind.ITL, device, signed=False),
        *names_of(FileKind.CONFIGURATION, device, signed=False),
        *names_of(FileKind.CONFIGURATION, device, signed=True),
    ]
    files: dict[str, bytes | Missing] = {}
    for name in names:
        files[name] = await _fetch(client, server, name)
        data = files[name]
        if isinstance(data, Missing) and data.is_silence:
            # One wait is enough: a silent server will also be silent for the next name.
            return Node(server, {**dict.fromkeys(names, data), **files}, device)
    return Node(server, files, device)


async def _fetch(client: TftpClient, server: Server, name: str) -> bytes | Missing:
    try:
        return await client.fetch(server, name)
    except TftpError as error:
        absent = error.code == TftpErrorCode.FILE_NOT_FOUND
        return Missing(str(error), is_absent=absent)
    except SilentServerError as error:
        return Missing(str(error), is_absent=False, is_silence=True)
    except ProtocolError as error:
        return Missing(str(error), is_absent=False)


async def fetch_over_http(
    nodes: Sequence[Node], http_port: HttpPort, patience: Patience
) -> list[Node]:
    """Return the nodes with their files over HTTP, where HTTP is to be asked."""
    fetched = list(nodes)

    async def fetch(index: int, node: Node, port: int) -> None:
        where = Server(node.server.address, port)
        async with HttpClient(timeout_s=patience.tvs_s) as client:
            files = {name: await _fetch_one(client, where, name) for name in node.files}
        fetched[index] = replace(node, over_http=files)

    async with trio.open_nursery() as nursery:
        for index, node in enumerate(nodes):
            port = http_port(node.server)
            if port is not None and not node.is_silent:
                nursery.start_soon(fetch, index, node, port)
    return fetched


async def _fetch_one(client: HttpClient, where: Server, name: str) -> bytes | Missing:
    try:
        return await client.fetch(where, name, max_bytes=MAX_DOWNLOAD_BYTES)
    except NotServedError as error:
        return Missing(str(error), is_absent=True)
    except NotByHttpError as error:
        return Missing(str(error), is_absent=False, is_silence=True)
