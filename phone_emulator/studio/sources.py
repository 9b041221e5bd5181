"""Files and pastes of a cluster, given or fetched: their kinds, and what is unreadable.

Every node's list is called ITLFile.tlv: sources get names of which none is lost.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.addresses import (
    DEFAULT_TFTP_PORT,
    parse_device,
    parse_servers,
    silence_advice,
)
from tokenless.phone_emulator.check.observing.fetching import Patience, fetch_nodes
from tokenless.phone_emulator.check.observing.observation import Node
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
    InUse,
    SourceLineError,
    lists_of,
    without_repeats,
)
from tokenless.phone_emulator.rehearsal.importing.sources.phone_config import (
    phone_config_of,
)
from tokenless.phone_emulator.rehearsal.importing.sources.phones import (
    PhoneTable,
    phones_of,
)
from tokenless.phone_emulator.studio.archive import GivenSource, plain_name
from tokenless.phone_emulator.studio.study import Source
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.show_output.paste import decode_pasted
from tokenless.protocol.trust.verdicts import FileKind

_AROUND: Final = 2
_SHOWN: Final = 160
_DER: Final = b"\x30\x82"
_PACKED: Final = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
"""The first bytes of workbooks of Excel, old and new, and of archives."""
_PEM: Final = b"-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_TABLE_WORDS: Final = ("model", "devicetype", "modelname")
_CONFIGURATION: Final = (".cnf.xml", ".xml", ".cnf.xml.sgn", ".sgn")
DEVICE: Final = "SEP001122334455"
"""Asked for where no phone is named; clusters do not know it."""


@dataclass(frozen=True, slots=True)
class PasteLine:
    """A line of a text, and whether it is the wrong one."""

    number: int
    text: str
    is_wrong: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """The reason why a source cannot be read."""

    source: str
    reason: str
    hint: str
    lines: tuple[PasteLine, ...] = ()
    """The wrong line with some around it; none: it is no text."""


@dataclass(slots=True)
class Recognised:
    """All that the sources hold."""

    lists: list[ImportedList] = field(default_factory=list)
    config: PhoneConfig | None = None
    phones: PhoneTable | None = None
    tables: list[str] = field(default_factory=list)
    """The names of the tables of phones."""
    in_use: list[InUse] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def recognise(given: Sequence[GivenSource]) -> Recognised:
    """Read every source; those that cannot be read become problems."""
    found = Recognised()
    for each in given:
        try:
            what = _take(each, found)
        except PhoneError as error:
            found.problems.append(problem_of(each, error))
            continue
        found.sources.append(Source(printable(each.name)[:200], what[:200]))
    try:
        _check_together(found)
    except PhoneError as error:
        # Which of two is the cluster's is not for us to choose.
        found.lists, found.phones = [], None
        found.problems.append(
            Problem("the files together", str(error), error.hint or "")
        )
    return found


def _check_together(found: Recognised) -> None:
    """Put the lists in order.

    Raises:
        PhoneError: When two of the sources contradict each other.
    """
    if len(found.tables) > 1:
        raise PhoneError(
            f"{' and '.join(found.tables)} are tables of phones",
            hint="put all phones in one table, and leave the others out",
        )
    found.lists = sorted(
        without_repeats(found.lists), key=lambda each: each.kind is not FileKind.CTL
    )


def problem_of(given: GivenSource, error: PhoneError) -> Problem:
    """Return a problem, with the lines around it where its line is known."""
    lines: tuple[PasteLine, ...] = ()
    if isinstance(error, SourceLineError):
        lines = tuple(_around(given.data, error.line))
    return Problem(printable(given.name)[:200], str(error), error.hint or "", lines)


def _around(data: bytes, wrong: int) -> Iterator[PasteLine]:
    text = decode_pasted(data).splitlines()
    wrong = min(wrong, max(1, len(text)))
    first = max(1, wrong - _AROUND)
    for number in range(first, min(len(text), wrong + _AROUND) + 1):
        shown = printable(text[number - 1])[:_SHOWN]
        yield PasteLine(number, shown, number == wrong)


def _take(given: GivenSource, found: Recognised) -> str:
    """Take one source in; return what it is.

    Raises:
        PhoneError: When it cannot be read.
    """
    name, data = given.name.lower(), given.data
    if data.startswith(_PACKED):
        raise PhoneError(
            f"{given.name} is a workbook or an archive",
            hint="save the table of phones as CSV; unpack an archive",
        )
    if _PRIVATE_KEY.search(data[:4096]) is not None:
        raise PhoneError(
            f"{given.name} is a private key",
            hint="keys stay where they are: give the certificate",
        )
    if _is_configuration(name, data):
        found.config = phone_config_of(data, given.name)
        return "configuration of a phone"
    if _PEM in data[:4096] or data[:2] == _DER:
        certificates = _certificates(given)
        found.in_use += certificates
        return f"{len(certificates)} certificate(s) in use"
    if _is_table(name, data):
        table = phones_of(decode_pasted(data), given.name)
        found.phones = table
        found.tables.append(printable(given.name))
        return counted(sum(kind.count for kind in table.kinds), "phone")
    kind = FileKind.ITL if "itl" in name else FileKind.CTL
    lists = lists_of(data, kind, given.name)
    found.lists += lists
    return ", ".join(_list_words(each) for each in lists)


def _list_words(each: ImportedList) -> str:
    of = f" of {printable(each.owner)}" if each.owner else ""
    records = counted(len(each.entries), "record")
    return f"{each.kind.value.removesuffix('File.tlv')}{of}, {records}"


def _is_configuration(name: str, data: bytes) -> bool:
    return name.endswith(_CONFIGURATION) or data.lstrip()[:1] == b"<"


def _is_table(name: str, data: bytes) -> bool:
    """Tell by the name, or by a first line of columns."""
    if name.endswith(".csv"):
        return True
    head = decode_pasted(data[:4096]).lstrip().partition("\n")[0]
    for delimiter in ",;\t":
        cells = head.split(delimiter)
        plain = {"".join(filter(str.isalnum, cell)).casefold() for cell in cells}
        if len(cells) > 1 and plain.intersection(_TABLE_WORDS):
            return True
    return False


def _certificates(given: GivenSource) -> list[InUse]:
    try:
        found = [Certificate.decode(der) for der in read_certificates(given.data)]
    except DecodeError as error:
        raise PhoneError(
            f"{given.name} holds no certificate: {error}",
            hint="export it as PEM or DER",
        ) from None
    return [InUse(certificate, given.name) for certificate in found]


def distinct(given: Sequence[GivenSource]) -> list[GivenSource]:
    """Return the sources of a form under plain names of their own, each file once."""
    kept: list[GivenSource] = []
    for name, data in dict.fromkeys((plain_name(g.name), g.data) for g in given):
        kept.append(GivenSource(free_name(name, [k.name for k in kept]), data))
    return kept


def beside(
    before: Sequence[Source], new: Sequence[Source], given: Sequence[GivenSource]
) -> list[GivenSource]:
    """Return new sources under names that replace only what they are meant to.

    A file replaces one of its name, unless both are lists and of other owners.

    Args:
        before: What there is.
        new: What the given ones were recognised as.
        given: The new ones.
    """
    old = {each.name: _owner(each) for each in before}
    now = {each.name: _owner(each) for each in new}
    renamed = []
    for each in given:
        of, name = now.get(each.name, ""), each.name
        if of and old.get(name) and old[name] != of:
            name = _name_of(of, name, old)
        renamed.append(GivenSource(name, each.data))
    return renamed


def _name_of(owner: str, name: str, old: Mapping[str, str]) -> str:
    """Return the name under which that owner's list was given before, or a free one."""
    stem = name.rpartition(".")[0] or name
    known = (n for n, of in old.items() if of == owner and n.startswith(f"{stem}-"))
    return next(known, None) or free_name(name, old)


def _owner(source: Source) -> str:
    """Return what a list is, as `ITL of sub1`; empty: it is no list."""
    words = source.what.partition(",")[0]
    return words if words.startswith(("CTL", "ITL")) else ""


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name, with a number where it is taken."""
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    number, found = 2, name
    while found in taken:
        found, number = f"{stem}-{number}{dot}{ending}", number + 1
    return found


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
            hint=silence_advice(servers),
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
