"""What lists say of the cluster that made them: nodes, release, mode, names, drift."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from phone_emulator.errors import PhoneError
from phone_emulator.rehearsal.imported_lists import Entry, InUse, Picture, attribute
from protocol.codes import Role, TrustStore
from protocol.trust_verdicts import TFTP_ROLES, FileKind

_NODE_ROLES: Final = (*TFTP_ROLES, Role.TVS, Role.CAPF)
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HOST_NAME: Final = re.compile(
    rf"(?=.{{1,128}}\Z){_HOST.pattern}(?:\.{_HOST.pattern})*"
)
_LOOPBACK: Final = "127.0.48.{}"
"""For nodes whose address is not known, or would not do on this machine."""
_FIRST_HOST: Final = 11
MAX_NODES: Final = 20
_COUNTRY: Final = re.compile("[A-Z]{2}")
_SUBJECT_KEYS: Final = {
    "organizational_unit": "OU",
    "organization": "O",
    "locality": "L",
    "state": "ST",
}


@dataclass(frozen=True, slots=True)
class ImportedNode:
    """A node of the imported cluster."""

    name: str
    address: str
    """On loopback: as much of the real one as can be kept."""
    real_address: str | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A certificate that was regenerated and is not in every list yet."""

    unit: TrustStore
    node: str | None
    """None: the publisher's."""


@dataclass(slots=True)
class ImportedSite:
    """The cluster, as far as lists and certificates tell it."""

    nodes: list[ImportedNode]
    """The publisher first."""
    version: str
    version_why: str
    is_mixed: bool
    has_ctl: bool
    tokens: int
    """How many hardware tokens the CTL lists; the first signs."""
    subject: dict[str, str]
    domain: str | None
    capf: str | None
    key_bits: int
    since_ctl: list[Drift] = field(default_factory=list)
    """Regenerated after the CTL was made: in the ITLs only."""
    since_lists: list[Drift] = field(default_factory=list)
    """Regenerated after all lists were made: in use only."""
    remarks: list[str] = field(default_factory=list)
    """What cannot be rebuilt, for the comment above the rehearsal."""


def read_site(
    pictures: Sequence[Picture],
    in_use: Sequence[InUse] = (),
    version: str | None = None,
) -> ImportedSite:
    """Work out the cluster.

    Args:
        pictures: A CTL, ITLs, or both.
        in_use: Certificates that nodes use.
        version: The release, when it is known.

    Raises:
        PhoneError: When no node can be found in the lists, or too many.
    """
    entries = [entry for picture in pictures for entry in picture.entries]
    ctl = next((p for p in pictures if p.kind is FileKind.CTL), None)
    itls = [p for p in pictures if p.kind is FileKind.ITL]
    nodes = _nodes(entries)
    release, why = (version, "given") if version else _release(ctl, itls)
    server = next((e for e in entries if e.role in TFTP_ROLES and e.subject), None)
    site = ImportedSite(
        nodes=nodes,
        version=release,
        version_why=why,
        is_mixed=_is_mixed(ctl, itls),
        has_ctl=ctl is not None,
        tokens=0 if ctl is None else sum(e.is_token for e in ctl.entries),
        subject=_subject(server.subject if server else ""),
        domain=_domain(server, nodes),
        capf=_host_name(
            next((e.common_name for e in entries if e.role == Role.CAPF), "")
        ),
        key_bits=_usual_bits(entries),
    )
    _find_drift(site, ctl, itls, in_use)
    _find_odd_keys(site, entries)
    return site


def _nodes(entries: Sequence[Entry]) -> list[ImportedNode]:
    """Return the nodes, the one that has CAPF or signs the CTL first."""
    found: dict[str, str | None] = {}
    for entry in entries:
        if entry.role in _NODE_ROLES:
            name = node_name(entry)
            if name:
                found[name] = found.get(name) or entry.address
    for entry in entries:
        # A CTL Client's emptied servers have no name, only an address (1.7, 1.9).
        bare = entry.dns_name
        is_nameless = entry.role in TFTP_ROLES and not node_name(entry)
        if is_nameless and _is_address(bare) and bare not in found.values():
            found[_made_name(bare)] = bare
    if not found:
        raise PhoneError(
            "the lists name no node", hint="give the CTL and the ITL of every node"
        )
    if len(found) > MAX_NODES:
        raise PhoneError(
            f"{len(found)} nodes are more than {MAX_NODES}",
            hint="give the lists of one cluster only",
        )
    publisher = _publisher(entries, found)
    order = sorted(found, key=lambda name: name != publisher)
    return list(_with_addresses(order, found))


def node_name(entry: Entry) -> str:
    """Return a node's name; the CTL Client writes addresses, so its CN's then."""
    name = entry.dns_name
    if _is_address(name):
        name = entry.common_name
        if entry.role == Role.CAPF:  # its CN is no host's
            return ""
    host = name.split(".")[0].strip()
    return host if _HOST.fullmatch(host) else ""


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _publisher(entries: Sequence[Entry], found: dict[str, str | None]) -> str:
    for entry in entries:
        of_publisher = entry.role == Role.CAPF or entry.is_recovery
        if of_publisher and node_name(entry) in found:
            return node_name(entry)
    capf_at = {e.dns_name for e in entries if e.role == Role.CAPF}
    for entry in entries:
        if entry.role in TFTP_ROLES and entry.dns_name in capf_at:
            return node_name(entry) or _made_name(entry.dns_name)
    return next(iter(found))


def _made_name(address: str) -> str:
    return f"node-{address.replace('.', '-')}"


def _with_addresses(
    names: Sequence[str], found: dict[str, str | None]
) -> Iterator[ImportedNode]:
    """Give every node a loopback address: 127 and the last three parts of its own."""
    taken: set[str] = set()
    for number, name in enumerate(names):
        real = found[name]
        address = _LOOPBACK.format(_FIRST_HOST + number)
        if real is not None and (kept := _on_loopback(real)) not in taken:
            address = kept
        taken.add(address)
        yield ImportedNode(name, address, real)


def _on_loopback(real: str) -> str:
    """Return an address of this machine that reads like a real one, and is as long.

    A CTL Client writes addresses as text (REFERENCE 1.7): files keep their length.
    """
    _, second, third, fourth = real.split(".")
    spare = len(real) - len(f"127..{third}.{fourth}")
    if len(second) != spare:
        second = {1: "0", 2: "10", 3: "100"}.get(spare, second)
    return f"127.{second}.{third}.{fourth}"


def _release(ctl: Picture | None, itls: Sequence[Picture]) -> tuple[str, str]:
    """Tell the release by who signs and who is SAST (REFERENCE 1.9, 2.3)."""
    signers = [p.signer_subject for p in (ctl, *itls) if p is not None]
    if any(attribute(s, "CN").upper().startswith("ITLRECOVERY") for s in signers):
        return "12.5(1)", "ITLRecovery signs"
    if ctl is not None and any(e.is_recovery for e in ctl.entries):
        return "11.5(1)", "the CTL lists ITLRecovery, CallManager or a token signs"
    return "10.5(1)", "the CTL does not list ITLRecovery"


def _is_mixed(ctl: Picture | None, itls: Sequence[Picture]) -> bool:
    """Tell the mode: the CTL's servers have certificates, or the ITLs say CCM+TFTP."""
    if ctl is not None:
        return any(e.role in TFTP_ROLES and e.serial for e in ctl.entries)
    return any(e.role == Role.CCM_TFTP for p in itls for e in p.entries)


def _subject(server: str) -> dict[str, str]:
    subject = {key: attribute(server, name) for key, name in _SUBJECT_KEYS.items()}
    country = attribute(server, "C")
    kept = {key: value for key, value in subject.items() if value}
    return {**kept, "country": country} if _COUNTRY.fullmatch(country) else kept


def _domain(server: Entry | None, nodes: Sequence[ImportedNode]) -> str | None:
    """Return what follows the node's name in its certificate's common name."""
    if server is None:
        return None
    common = server.common_name
    for node in nodes:
        if common.lower().startswith(f"{node.name.lower()}."):
            return _host_name(common[len(node.name) + 1 :])
    return None


def _host_name(text: str) -> str | None:
    """Return a name that a configuration takes; None for any other."""
    return text if _HOST_NAME.fullmatch(text) else None


def _usual_bits(entries: Sequence[Entry]) -> int:
    counts = Counter(e.key_bits for e in entries if e.key_bits and not e.is_token)
    usual = counts.most_common(1)
    return usual[0][0] if usual and usual[0][0] in (1024, 2048, 4096) else 2048


def _find_drift(
    site: ImportedSite,
    ctl: Picture | None,
    itls: Sequence[Picture],
    in_use: Sequence[InUse],
) -> None:
    """Find which certificates were regenerated since lists were made."""
    in_itls = _serials(itls)
    in_ctl = _serials([] if ctl is None else [ctl])
    for place, serials in in_ctl.items():
        if place in in_itls and not serials & in_itls[place]:
            site.since_ctl.append(_drift(site, place))
    for place, serials in in_itls.items():
        if len(serials) > 1:
            unit, node = place
            site.remarks.append(
                f"the ITLs hold {len(serials)} certificates for {unit} of {node}: one "
                "node's TFTP was not restarted; here all ITLs are alike"
            )
    listed = {**in_ctl, **in_itls}
    everything = set().union(*in_ctl.values(), *in_itls.values())
    for each in in_use:
        place = _place_of(each, site)
        if each.certificate.serial_hex in everything:
            continue
        if place in listed:
            site.since_lists.append(_drift(site, place))
        else:
            site.remarks.append(
                f"{each.source} is in no list, and its file name says no unit that the "
                "lists have: it was left out"
            )


_Place = tuple[TrustStore, str]


def _serials(pictures: Sequence[Picture]) -> dict[_Place, set[str]]:
    """Return the serials of each unit and node."""
    found: dict[_Place, set[str]] = {}
    for picture in pictures:
        for entry in picture.entries:
            unit = _unit(entry)
            if unit is not None and entry.serial:
                place = (unit, _owner(entry, unit))
                found.setdefault(place, set()).add(entry.serial)
    return found


def _unit(entry: Entry) -> TrustStore | None:
    if entry.role in TFTP_ROLES:
        return TrustStore.CALLMANAGER
    if entry.role == Role.TVS:
        return TrustStore.TVS
    if entry.role == Role.CAPF:
        return TrustStore.CAPF
    return TrustStore.ITLRECOVERY if entry.is_recovery else None


def _owner(entry: Entry, unit: TrustStore) -> str:
    is_clusters = unit in (TrustStore.CAPF, TrustStore.ITLRECOVERY)
    return "" if is_clusters else node_name(entry)


def _drift(site: ImportedSite, place: _Place) -> Drift:
    unit, node = place
    is_publisher = node in ("", site.nodes[0].name)
    return Drift(unit, None if is_publisher else node)


def _place_of(each: InUse, site: ImportedSite) -> _Place:
    """Place a certificate by its file's name and its common name."""
    stem = each.unit_name.lower().replace("_", "-")
    for unit in (
        TrustStore.CALLMANAGER,
        TrustStore.TVS,
        TrustStore.CAPF,
        TrustStore.ITLRECOVERY,
    ):
        if stem.startswith(unit.lower()):
            host = (each.certificate.subject.get("CN") or "").split(".")[0]
            is_clusters = unit in (TrustStore.CAPF, TrustStore.ITLRECOVERY)
            return unit, "" if is_clusters else host
    return TrustStore.TOMCAT, site.nodes[0].name


def _find_odd_keys(site: ImportedSite, entries: Sequence[Entry]) -> None:
    odd = sorted(
        {
            f"{entry.common_name} ({entry.key_bits} bits)"
            for entry in entries
            if entry.key_bits not in (None, site.key_bits) and not entry.is_token
        }
    )
    if odd:
        site.remarks.append(
            f"keys of other sizes than {site.key_bits} bits: {', '.join(odd)}; here "
            f"first certificates all have {site.key_bits}"
        )
