"""Differences between imported lists and those of the copy."""

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
    listed,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.digest import about_digest
from tokenless.phone_emulator.rehearsal.importing.cluster.issuers import (
    Issuers,
    unit_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.node_recoveries import (
    of_node_recoveries,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    ImportedNode,
    node_name,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.release import Release
from tokenless.protocol.trust.lint import SignatureState
from tokenless.protocol.trust.verdicts import TFTP_ROLES, FileKind


def of_lists(
    imported_lists: Sequence[ImportedList],
    issuers: Issuers,
    version: str,
    nodes: Sequence[ImportedNode],
    key_bits: int,
) -> Iterator[Approximation]:
    """Say what lists hold that is not rebuilt as they have it."""
    entries = [
        entry for imported_list in imported_lists for entry in imported_list.entries
    ]
    yield from _unverified(imported_lists)
    yield from _letters(imported_lists)
    yield from _shared(entries, issuers)
    yield from _guessed_shared(entries, issuers, nodes)
    yield from _ca_signed(entries, issuers)
    yield from _ec(imported_lists, Release.parse(version))
    yield from of_node_recoveries(entries)
    yield from _by_hash(entries)
    yield from _other_roles(entries)
    yield from _names(entries)
    yield from about_digest(imported_lists)
    yield from _node_names(entries, nodes)
    yield from _odd_keys(entries, key_bits)


def _unverified(imported_lists: Sequence[ImportedList]) -> Iterator[Approximation]:
    for imported_list in imported_lists:
        source = imported_list.source
        match imported_list.signature:
            case SignatureState.VALID:
                continue
            case SignatureState.INVALID:
                what = f"the signature of {source} did not verify"
            case SignatureState.UNVERIFIABLE:
                what = f"nothing in {source} verifies its signature"
            case never:
                assert_never(never)
        yield Approximation(Topic.UNVERIFIED, what, "here every list is signed well")


def _letters(imported_lists: Sequence[ImportedList]) -> Iterator[Approximation]:
    guessed = [each for each in imported_lists if each.is_encoding_guessed]
    known = [each for each in imported_lists if not each.is_encoding_guessed]
    names = {name for name in _names_of(guessed) if not name.isascii()}
    unsure = sorted(names - set(_names_of(known)))
    if unsure:
        yield Approximation(
            Topic.LETTERS,
            f"letters outside of ASCII are a guess: {listed(unsure)}",
            f"{listed(each.source for each in guessed)}: neither UTF-8 nor UTF-16, so "
            "read as Windows-1252; save the text again as UTF-8",
        )


def _names_of(lists: Sequence[ImportedList]) -> Iterator[str]:
    for each in lists:
        for entry in each.entries:
            yield entry.subject
            yield entry.issuer


def _shared(
    entries: Sequence[ImportedRecord], issuers: Issuers
) -> Iterator[Approximation]:
    """Find a certificate of several nodes that cannot be rebuilt as one."""
    holders: dict[tuple[str, str], dict[str, ImportedRecord]] = {}
    for entry in entries:
        unit = unit_of(entry)
        if unit is not None and unit not in issuers.shared:
            named = holders.setdefault(entry.identity, {})
            named.setdefault((node_name(entry) or entry.address or "").lower(), entry)
    for named in holders.values():
        if len(named) > 1:
            first = next(iter(named.values()))
            what = f"one {_unit_word(first)} certificate (CN={first.common_name})"
            yield Approximation(
                Topic.SHARED,
                f"{what} is that of {listed(named)}; here each of them has its own",
                "only some nodes of the lists have it, or the release cannot have it "
                "so; there one regeneration changes all of these nodes at once",
            )


def _guessed_shared(
    entries: Sequence[ImportedRecord],
    issuers: Issuers,
    nodes: Sequence[ImportedNode],
) -> Iterator[Approximation]:
    """Say for which nodes a multi-server certificate is a guess."""
    for unit in sorted(issuers.guessed):
        those = [entry for entry in entries if unit_of(entry) is unit]
        named = {node_name(entry).casefold() for entry in those}
        others = [node.name for node in nodes if node.name.casefold() not in named]
        yield Approximation(
            Topic.SHARED,
            f"the {unit} certificate (CN={those[0].common_name}) is taken for that of "
            f"{listed(others)}, too: a guess",
            "its name is no node's, and no list that was given has another one for "
            "them; the ITLs of these nodes tell it",
        )


def _ca_signed(
    entries: Sequence[ImportedRecord], issuers: Issuers
) -> Iterator[Approximation]:
    by_issuer: dict[str, list[str]] = {}
    for entry in entries:
        if entry.is_foreign:
            continue
        if entry.is_ca_signed and not _is_signed_here(entry, issuers):
            who = by_issuer.setdefault(entry.issuer, [])
            who.append(f"{_unit_word(entry)} (CN={entry.common_name})")
    for issuer, who in by_issuer.items():
        yield Approximation(
            Topic.CA,
            f"signed by a CA ({issuer}): {listed(who)}; self-signed here",
            "a CA of the lab signs CallManager and TVS certificates only; lists and "
            "phones go by the key, which a CA's signature does not change",
        )


def _is_signed_here(entry: ImportedRecord, issuers: Issuers) -> bool:
    """Return whether a CA of the lab signs it, in whatever role it stands.

    A SAST of that name is the CallManager again.
    """
    is_sast = entry.role == Role.SAST and not entry.is_recovery
    unit = TrustStore.CALLMANAGER if is_sast else unit_of(entry)
    return entry.is_ec or unit in issuers.signed


def _ec(lists: Sequence[ImportedList], release: Release) -> Iterator[Approximation]:
    entries = [entry for each in lists for entry in each.entries]
    who = [f"CN={entry.common_name}" for entry in entries if entry.is_ec]
    itls = [each for each in lists if each.kind is FileKind.ITL]
    if who and not release.has_ec_callmanager:
        yield Approximation(
            Topic.EC,
            f"left out: certificates with EC keys (CallManager-ECDSA): {listed(who)}",
            "the release has no such unit",
        )
    elif itls and not who and release.has_ec_callmanager:
        yield Approximation(
            Topic.EC,
            "emulated ITLs have CallManager-ECDSA records, the cluster's have none",
            "the release has that certificate; no phone accepts lists because of it",
        )


def _by_hash(entries: Sequence[ImportedRecord]) -> Iterator[Approximation]:
    who = [f"CN={entry.common_name}" for entry in entries if entry.is_by_hash]
    if who:
        yield Approximation(
            Topic.HASHES,
            f"listed by a hash there, with their certificates here: {listed(who)}",
            "lists of 8.x with hashes are not made",
        )


_REBUILT: Final = frozenset({Role.SAST, *TFTP_ROLES, Role.TVS, Role.CAPF})


def _other_roles(entries: Sequence[ImportedRecord]) -> Iterator[Approximation]:
    who = [f"CN={entry.common_name}" for entry in entries if entry.is_foreign]
    if who:
        yield Approximation(
            Topic.ROLES,
            f"left out: SASTs of no node here (Phone-SAST-trust): {listed(who)}",
            "phones accept lists of their signers there, and do not in this copy",
        )
    who = [
        f"CN={entry.common_name} (role {entry.role})"
        for entry in entries
        if entry.role not in _REBUILT
    ]
    if who:
        yield Approximation(
            Topic.ROLES,
            f"without these records here: {listed(who)}",
            "only SAST, TFTP, CCM+TFTP, TVS and CAPF records are made",
        )


def _names(entries: Sequence[ImportedRecord]) -> Iterator[Approximation]:
    """Find servers whose names differ in more than the common name."""
    rests: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for entry in entries:
        if entry.role in (*TFTP_ROLES, Role.TVS, Role.CAPF) and entry.subject:
            rests.setdefault(_rest(entry.subject), []).append(
                node_name(entry) or entry.common_name
            )
    if len(rests) > 1:
        forms = [
            f"{';'.join(f'{key}={value}' for key, value in rest) or 'a CN only'} "
            f"({listed(who)})"
            for rest, who in rests.items()
        ]
        yield Approximation(
            Topic.NAMES,
            "the certificates' names differ in more than the CN: "
            f"{listed(forms)}; here all are alike",
            "a cluster has one organisation, place and country here",
        )


def _rest(subject: str) -> tuple[tuple[str, str], ...]:
    try:
        name = DistinguishedName.parse(subject)
    except DecodeError:
        return (("?", subject),)
    return tuple(
        sorted(
            (key.upper(), value.strip())
            for key, value in name.attributes
            if key.upper() != "CN"
        )
    )


def _unit_word(entry: ImportedRecord) -> str:
    if entry.role in TFTP_ROLES:
        return "CallManager"
    if entry.role in (Role.TVS, Role.CAPF):
        return Role(entry.role).name
    return "ITLRecovery" if entry.is_recovery else "SAST"


def _node_names(
    entries: Sequence[ImportedRecord], nodes: Sequence[ImportedNode]
) -> Iterator[Approximation]:
    """Say when nodes have names that the lists do not have."""
    named = {e.dns_name.split(".")[0] for e in entries if e.dns_name}
    made = [node.name for node in nodes if node.name not in named]
    if made:
        yield Approximation(
            Topic.NODE_NAMES,
            f"names of nodes that were made up: {', '.join(made)}",
            "the lists have addresses, or nothing, in the place of names; these are "
            "the certificates' common names or numbers",
        )


def _odd_keys(entries: Sequence[ImportedRecord], usual: int) -> Iterator[Approximation]:
    """Say which certificates have keys of other sizes: that is not rebuilt."""
    odd = sorted(
        {
            f"{printable(entry.common_name)} ({entry.key_bits} bits)"
            for entry in entries
            if entry.key_bits not in (None, usual)
            and not entry.is_token
            and not entry.is_ec
        }
    )
    if odd:
        yield Approximation(
            Topic.KEYS,
            f"keys of other sizes than {usual} bits: {', '.join(odd)}",
            f"first certificates all have {usual} bits here",
        )
