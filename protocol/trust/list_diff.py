"""The reaction of a phone to a replaced trust list, and the signers it trusts then.

The decision is that of `protocol.trust.anchors`; here it is put into one sentence. A
phone holds a CTL and an ITL: the one that is not given is taken as absent, and what it
could add is said.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import assert_never

from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import Role, role_name
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchors import (
    Accept,
    AskTvs,
    FileKind,
    Refuse,
    TrustAnchors,
    Verdict,
)


@unique
class Reaction(StrEnum):
    """Result of the new list on a phone that holds the old one."""

    IDENTICAL = "identical"
    INSTALLS = "installs"
    INSTALLS_WITH_TVS = "installs-with-tvs"
    """The phone can reach TVS, and TVS vouches for the signer as SAST."""
    REFUSES = "refuses"


@dataclass(frozen=True, slots=True)
class AnchorChange:
    """The keys of one role, before and after."""

    role: int
    surviving: tuple[str, ...]
    lost: tuple[str, ...]
    gained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListDiff:
    """The difference of two lists, as a phone meets it."""

    outcome: Reaction
    sentence: str
    anchors: tuple[AnchorChange, ...]
    finding: str | None
    """Something that the phone does not mind and a person should know."""


def diff_lists(
    old: TrustList, new: TrustList, *, beside: TrustList | None = None
) -> ListDiff:
    """Compare two lists.

    Args:
        old: What the phone holds, a CTL or an ITL by its FILENAME.
        new: What it downloads in its place.
        beside: The list of the other kind that the phone holds too.
    """
    if old.data == new.data:
        return ListDiff(
            Reaction.IDENTICAL,
            "A phone with the old list does nothing: the new one is the same.",
            _anchor_changes(old, new),
            None,
        )
    verdict = _judge(old, new, beside)
    outcome, sentence = _in_words(verdict, old, new, beside)
    finding = verdict.finding if isinstance(verdict, Accept) else None
    return ListDiff(outcome, sentence, _anchor_changes(old, new), finding)


def kind_of(trust_list: TrustList) -> FileKind:
    """Return what a list is by its FILENAME; without one it is taken as a CTL."""
    is_itl = trust_list.filename == FileKind.ITL.value
    return FileKind.ITL if is_itl else FileKind.CTL


def _judge(old: TrustList, new: TrustList, beside: TrustList | None) -> Verdict:
    held = {kind_of(old): old}
    if beside is not None:
        held.setdefault(kind_of(beside), beside)
    anchors = TrustAnchors.of(held.get(FileKind.CTL), held.get(FileKind.ITL))
    return anchors.judge(kind_of(new), new)


def _in_words(
    verdict: Verdict, old: TrustList, new: TrustList, beside: TrustList | None
) -> tuple[Reaction, str]:
    match verdict:
        case Accept(verified_by=by, rule=rule):
            return Reaction.INSTALLS, (
                "A phone with the old list installs the new one without TVS: "
                f"its signer {_signer(new)} is a SAST in the {by.value} (rule "
                f"{rule})."
            )
        case AskTvs(rule=rule):
            return Reaction.INSTALLS_WITH_TVS, (
                "A phone with the old list installs the new one only if TVS "
                "vouches for its signer: the phone does not know "
                f"{_signer(new)}, so TVS must answer with the role SAST (rule "
                f"{rule})."
            )
        case Refuse() if beside is None and _may_ask_tvs(old, new):
            return Reaction.INSTALLS_WITH_TVS, (
                "A phone with the old list installs the new one only when its "
                f"ITL has the signer {_signer(new)} as SAST, or names a TVS that "
                "answers with that role."
            )
        case Refuse(reason=reason, rule=rule):
            return Reaction.REFUSES, (
                "A phone with the old list refuses the new one and keeps the "
                f"old one: {printable(reason)} (rule {rule})."
            )
        case _:
            assert_never(verdict)


def _may_ask_tvs(old: TrustList, new: TrustList) -> bool:
    """Return whether the refusal came only of an ITL that was not given."""
    same_kind = new.filename in (None, kind_of(new).value)
    known = any(r.is_sast and r.is_named(new.signer) for r in old.records)
    return kind_of(old) is FileKind.CTL and same_kind and not known


def _signer(trust_list: TrustList) -> str:
    signer = trust_list.signer
    return f"{printable(signer.subject)} (serial {signer.serial_hex})"


def _anchor_changes(old: TrustList, new: TrustList) -> tuple[AnchorChange, ...]:
    """Compare by role and key: a new certificate of an old key is the same anchor."""
    before, after = _anchors(old), _anchors(new)
    return tuple(
        AnchorChange(
            role,
            surviving=_names(before, role, before.keys() & after.keys()),
            lost=_names(before, role, before.keys() - after.keys()),
            gained=_names(after, role, after.keys() - before.keys()),
        )
        for role in sorted({role for role, _ in before.keys() | after.keys()})
    )


def _anchors(trust_list: TrustList) -> dict[tuple[int, bytes], Record]:
    return {
        (record.role, record.public_key): record
        for record in trust_list.records
        if record.public_key is not None
    }


def _names(
    anchors: dict[tuple[int, bytes], Record],
    role: int,
    wanted: set[tuple[int, bytes]],
) -> tuple[str, ...]:
    return tuple(
        f"{_short_name(record)} (serial {record.serial_hex})"
        for key, record in anchors.items()
        if key in wanted and key[0] == role
    )


def _short_name(record: Record) -> str:
    certificate = record.certificate
    common = None if certificate is None else certificate.subject.get("CN")
    return printable((common or record.subject_name or "unnamed").strip())


def format_anchors(change: AnchorChange) -> str:
    """Return one line about a role: `SAST: keeps …; loses …; gains …`."""
    parts = [
        f"{verb} {', '.join(names)}"
        for verb, names in (
            ("keeps", change.surviving),
            ("loses", change.lost),
            ("gains", change.gained),
        )
        if names
    ]
    return f"{role_name(change.role)}: {'; '.join(parts)}"


def survives_as_signer(diff: ListDiff) -> bool:
    """Tell whether a SAST of the old list may still sign for the new list."""
    return any(c.role == Role.SAST and c.surviving for c in diff.anchors)
