"""What lists say of the cluster that made them: nodes, release, mode, names, drift."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.addresses import HOST
from tokenless.phone_emulator.rehearsal.imported_drift import Drift, Drifts
from tokenless.phone_emulator.rehearsal.imported_lists import (
    Entry,
    InUse,
    Picture,
    attribute,
)
from tokenless.phone_emulator.rehearsal.imported_nodes import ImportedNode, nodes_of
from tokenless.protocol.codes import Role
from tokenless.protocol.trust_verdicts import TFTP_ROLES, FileKind

_HOST_NAME: Final = re.compile(rf"(?=.{{1,128}}\Z){HOST.pattern}(?:\.{HOST.pattern})*")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_SUBJECT_KEYS: Final = {
    "organizational_unit": "OU",
    "organization": "O",
    "locality": "L",
    "state": "ST",
}


@dataclass(frozen=True, slots=True)
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
    since_ctl: list[Drift]
    """Regenerated after the CTL was made: in the ITLs only."""
    since_lists: list[Drift]
    """Regenerated after all lists were made: in use only."""
    remarks: list[str]
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
    nodes = nodes_of(entries)
    drifts = Drifts(ctl, itls, publisher=nodes[0].name)
    since_lists, strangers = drifts.since_lists(in_use)
    key_bits = _usual_bits(entries)
    release, why = (version, "given") if version else _release(ctl, itls)
    server = next((e for e in entries if e.role in TFTP_ROLES and e.subject), None)
    capf = next((e.common_name for e in entries if e.role == Role.CAPF), "")
    return ImportedSite(
        nodes=nodes,
        version=release,
        version_why=why,
        is_mixed=_is_mixed(ctl, itls),
        has_ctl=ctl is not None,
        tokens=0 if ctl is None else sum(e.is_token for e in ctl.entries),
        subject=_subject(server.subject if server else ""),
        domain=_domain(server, nodes),
        capf=_host_name(capf),
        key_bits=key_bits,
        since_ctl=drifts.since_ctl(),
        since_lists=since_lists,
        remarks=[*drifts.between_itls(), *strangers, *_odd_keys(entries, key_bits)],
    )


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


def _odd_keys(entries: Sequence[Entry], usual: int) -> Iterator[str]:
    """Say which certificates have keys of other sizes: that is not rebuilt."""
    odd = sorted(
        {
            f"{entry.common_name} ({entry.key_bits} bits)"
            for entry in entries
            if entry.key_bits not in (None, usual) and not entry.is_token
        }
    )
    if odd:
        yield (
            f"keys of other sizes than {usual} bits: {', '.join(odd)}; here first "
            f"certificates all have {usual}"
        )
