"""The lists and a configuration of a running cluster, fetched from its TFTP nodes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tokenless.ground.interrupts import run_trio
from tokenless.phone_emulator.addresses import silence_advice
from tokenless.phone_emulator.check.observing.fetching import Patience, fetch_nodes
from tokenless.phone_emulator.check.observing.observation import Missing, Node
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import lists_of
from tokenless.phone_emulator.rehearsal.importing.sources.phone_config import (
    phone_config_of,
)
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.trust.anchors import FileKind


class NothingAnsweredError(PhoneError):
    """No TFTP node answered: nothing can be told of the cluster."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files that the TFTP nodes of a cluster served."""

    imported_lists: list[ImportedList]
    config: PhoneConfig | None
    addresses: tuple[str, ...]
    """Of the nodes that served a list."""
    approximations: tuple[Approximation, ...]


def fetch_cluster(
    servers: Sequence[Server],
    device: str,
    patience: Patience,
    on_node: Callable[[], None],
) -> Fetched:
    """Fetch from every node, as `tokenless check` does.

    Raises:
        NothingAnsweredError: When no node answered.
        PhoneError: When a node serves no ITL, or something that cannot be read.
    """
    nodes = run_trio(fetch_nodes, servers, device, patience, on_node)
    answering = [node for node in nodes if not node.is_silent]
    if not answering:
        raise NothingAnsweredError(
            f"no TFTP node answered: {', '.join(map(str, servers))}",
            hint=silence_advice(servers),
        )
    _check_one_ctl(answering)
    imported_lists = [each for node in answering for each in _lists(node)]
    config, said = _configuration(answering, device)
    return Fetched(
        imported_lists,
        config,
        tuple(node.server.address for node in answering),
        (*_silent(nodes), *said),
    )


def _check_one_ctl(nodes: Sequence[Node]) -> None:
    """Refuse nodes of which one serves an older CTL: the import takes one CTL.

    Raises:
        PhoneError: When two nodes serve different ones.
    """
    found: dict[bytes, Node] = {}
    for node in nodes:
        data = node.find(FileKind.CTL)
        if isinstance(data, bytes) and data:
            found.setdefault(data, node)
    if len(found) > 1:
        first, second, *_ = found.values()
        raise PhoneError(
            f"{first.server} and {second.server} serve different CTLs: Cisco Tftp of "
            "one was not restarted",
            hint="`tokenless check` names it; restart Cisco Tftp there, or import from "
            "files that `file get tftp` saved",
        )


def _lists(node: Node) -> Iterator[ImportedList]:
    """Yield a node's lists; a CTL need not be there, an ITL must.

    Raises:
        PhoneError: When a file could not be had, or is none.
    """
    for kind in (FileKind.CTL, FileKind.ITL):
        data = node.find(kind)
        source = f"{kind} of {node.server}"
        if isinstance(data, bytes):
            if data:  # an empty file counts as absent, for phones too
                yield from lists_of(data, kind, source)
        elif not data.is_absent:
            raise PhoneError(
                f"{source} could not be fetched: {data.reason}",
                hint="try again, or save the file with `file get tftp`",
            )
        elif kind is FileKind.ITL:
            raise PhoneError(
                f"{node.server} serves no ITL",
                hint="give only nodes that serve TFTP, and restart TFTP on this one",
            )


def _silent(nodes: Sequence[Node]) -> Iterator[Approximation]:
    silent = [str(node.server) for node in nodes if node.is_silent]
    if silent:
        yield Approximation(
            Topic.TFTP,
            f"nothing is known of the ITL of {', '.join(silent)}",
            "there was no answer",
        )


def _configuration(
    nodes: Sequence[Node], device: str
) -> tuple[PhoneConfig | None, list[Approximation]]:
    """Return the first node's configuration for a device, and whose it is."""
    for node in nodes:
        data = node.find(FileKind.CONFIGURATION)
        if isinstance(data, Missing) or not data:
            continue
        config = phone_config_of(data, f"the configuration of {node.server}")
        own = node.files.get(f"{device}.cnf.xml")
        if isinstance(own, bytes):
            return config, []
        return config, [
            Approximation(
                Topic.GROUP,
                "the CallManager group is that of XMLDefault.cnf.xml",
                f"the cluster does not know {device}; --device names a real phone",
            )
        ]
    return None, []
