"""How a group of phones stands after a step: states, anchors, reasons, remedies.

An anchor is a signer that a phone's lists hold and whose key the cluster has now: with
it the cluster can make a list that the phone takes without asking anybody. A usable TVS
server is one that the phone knows (role 21 of its ITL), that its configuration names,
that answers, and that speaks a TLS version of the model.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final

from tokenless.phone_emulator.rehearsal.cast import Cast, Sample
from tokenless.phone_emulator.rehearsal.facts import (
    ClusterFacts,
    Held,
    InferredRule,
    Signer,
    TvsFacts,
)
from tokenless.phone_emulator.rehearsal.remedies import (
    Trouble,
    remedies_for,
)
from tokenless.phone_emulator.rehearsal.remedy import Remedy, is_by_hand
from tokenless.phone_emulator.secd.decoding import decode_configuration, decode_list
from tokenless.phone_emulator.secd.events import FlashContents, Identity
from tokenless.phone_emulator.secd.report import Action, BootReport, Outcome
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phone_models import PhoneModel
from tokenless.protocol.reasons import Reason
from tokenless.protocol.trust_anchors import FileKind

_REFUSED: Final = frozenset({Action.REJECTED, Action.FAILED})


@unique
class PhoneState(StrEnum):
    """How one phone is, for the timeline."""

    OK = "ok"
    """It holds what its server serves."""
    DEGRADED = "degraded"
    """Nothing was refused, but something that it needs is missing."""
    STUCK = "stuck"
    """It refused a file and works with what it had."""
    UNREACHABLE = "unreachable"
    """No TFTP server answered."""
    OFF = "off"
    NEW = "new"
    """It has not booted yet."""


_STATES: Final = {
    Outcome.OK: PhoneState.OK,
    Outcome.DEGRADED: PhoneState.DEGRADED,
    Outcome.REJECTED: PhoneState.STUCK,
    Outcome.UNREACHABLE: PhoneState.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Anchors:
    """Whom a phone can still be reached through."""

    signers: tuple[str, ...]
    """Names of the anchors."""
    tvs: tuple[str, ...]
    """Nodes whose TVS the phone can ask."""

    @property
    def is_locked_out(self) -> bool:
        """Whether nothing that the cluster can do now reaches the phone."""
        return not self.signers and not self.tvs


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why phones refused a file."""

    file: FileKind
    rule: int | None
    """Of REFERENCE 4.2."""
    code: Reason
    reason: str

    def __str__(self) -> str:
        """Write it as one line."""
        return f"{self.file}: rule {self.rule}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Standing:
    """One group after a step."""

    group: str
    model: str
    states: Mapping[PhoneState, int]
    anchors: Mapping[Anchors, int] = field(repr=False)
    """Phones by what they hold on to; empty phones take any first list."""
    empty: int
    """Phones that hold no list at all."""
    refusals: Mapping[Refusal, int]
    remedies: tuple[Remedy, ...]
    sample: Sample | None = field(repr=False)
    inferred_rules: tuple[InferredRule, ...] = ()
    """What the refusals rest on that is inferred."""

    @property
    def phones(self) -> int:
        """How many there are."""
        return sum(self.states.values())

    @property
    def fewest(self) -> Anchors | None:
        """The anchors of the phone that has the fewest, None when all are empty."""
        return min(
            self.anchors, key=lambda a: (len(a.signers), len(a.tvs)), default=None
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `rehearse run --json` prints about the group."""
        fewest = self.fewest
        return {
            "states": {str(state): count for state, count in self.states.items()},
            "anchors": None if fewest is None else list(fewest.signers),
            "tvs": None if fewest is None else list(fewest.tvs),
            "refusals": [
                {
                    "file": refusal.file.value,
                    "rule": refusal.rule,
                    "reason_code": refusal.code.value,
                    "reason": refusal.reason,
                    "phones": count,
                }
                for refusal, count in self.refusals.items()
            ],
            "remedies": [remedy.text for remedy in self.remedies],
            "remedy_kinds": [remedy.kind.value for remedy in self.remedies],
            "inferred_rules": [rule.value for rule in self.inferred_rules],
        }


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the phones of a group have in common."""

    model: PhoneModel
    home: ClusterFacts
    """The cluster whose TFTP server they ask first."""
    facts: Sequence[ClusterFacts]


def phones_words(count: int) -> str:
    """Return a number of phones in words: `1 phone`, `20 phones`."""
    return f"{count} phone" if count == 1 else f"{count} phones"


def standings(cast: Cast, facts: Sequence[ClusterFacts]) -> tuple[Standing, ...]:
    """Return how every group stands.

    Args:
        cast: The phones.
        facts: What the clusters can do now.
    """
    return tuple(_standing(name, cast, facts) for name in cast.groups)


def _standing(name: str, cast: Cast, facts: Sequence[ClusterFacts]) -> Standing:
    phones, reports = cast.groups[name], cast.reports_of(name)
    setting = _Setting(phones[0].model, _home_of(phones[0], facts), facts)
    holdings = cast.holdings(name)
    held = {contents: _decoded(contents, setting.model) for contents in holdings}
    anchors: Counter[Anchors] = Counter()
    for contents, count in holdings.items():
        if held[contents].ctl or held[contents].itl:
            anchors[_anchors(contents, held[contents], setting)] += count
    refusals = Counter(each for report in reports for each in refusals_of(report))
    return Standing(
        group=name,
        model=setting.model.name,
        states=_states(phones, reports, is_off=cast.is_off(name)),
        anchors=anchors,
        empty=holdings.total() - anchors.total(),
        refusals=refusals,
        remedies=_remedies(refusals, held, setting),
        sample=cast.samples.get(name),
        inferred_rules=tuple(_inferred(refusals, facts)),
    )


def _inferred(
    refusals: Mapping[Refusal, int], facts: Sequence[ClusterFacts]
) -> Iterator[InferredRule]:
    """Return the inferred rules that the refusals may rest on."""
    is_not_vouched = any(each.code is Reason.NOT_VOUCHED for each in refusals)
    if is_not_vouched and any(each.without_role for each in facts):
        yield InferredRule.CALLMANAGER_TRUST


def _states(
    phones: Sequence[Identity], reports: Sequence[BootReport], *, is_off: bool
) -> dict[PhoneState, int]:
    if is_off:
        return {PhoneState.OFF: len(phones)}
    states = Counter(_STATES[report.outcome] for report in reports)
    if len(reports) < len(phones):
        states[PhoneState.NEW] += len(phones) - len(reports)
    return {state: states[state] for state in PhoneState if states[state]}


def refusals_of(report: BootReport) -> Iterator[Refusal]:
    """Return why a phone refused files during its last boot."""
    for kind, file in report.files.items():
        if file.action in _REFUSED:
            code = file.code or Reason.NOT_DOWNLOADED
            reason = file.reason or "it could not be downloaded"
            yield Refusal(kind, file.rule, code, reason)


def _home_of(phone: Identity, facts: Sequence[ClusterFacts]) -> ClusterFacts:
    """Return the cluster whose TFTP server the phone asks first."""
    address = phone.servers[0].address
    return next((each for each in facts if address in each.tftp), facts[0])


def _decoded(contents: FlashContents, model: PhoneModel) -> Held:
    itl = contents.itl if model.security_by_default else None
    return Held(
        None if contents.ctl is None else decode_list(contents.ctl),
        None if itl is None else decode_list(itl),
    )


def _anchors(contents: FlashContents, held: Held, setting: _Setting) -> Anchors:
    model, signers = setting.model, setting.home.signers
    return Anchors(
        tuple(
            str(signers[der])
            for der in held.sasts
            if der in signers
            and (model.security_by_default or _signs_ctl(signers[der], setting.home))
        ),
        tuple(
            server.node
            for cluster, server in _known_tvs(contents, held, setting.facts)
            if server.shown is not None
            and model.security_by_default
            and model.tls[1] >= cluster.oldest_tls
        ),
    )


def _signs_ctl(signer: Signer, home: ClusterFacts) -> bool:
    """Whether a key signs CTLs in that release: all that a phone without ITL takes."""
    if signer.store is TrustStore.ITLRECOVERY:
        return home.release.recovery_signs
    return signer.on_publisher


def _known_tvs(
    contents: FlashContents, held: Held, facts: Iterable[ClusterFacts]
) -> Iterator[tuple[ClusterFacts, TvsFacts]]:
    """Return the TVS servers that the phone would believe, whether they answer or not.

    Of one that answers the certificate shown must stand in the ITL, of one that does
    not the node's own must.
    """
    if contents.configuration is None or held.itl is None:
        return
    try:
        members = decode_configuration(contents.configuration).tvs
    except DecodeError:
        return
    believed = {
        record.certificate_der for record in held.itl.records if record.role == Role.TVS
    }
    for member in members:
        for cluster in facts:
            server = cluster.tvs.get((member.address, member.port))
            if server is not None and (server.shown or server.own) in believed:
                yield cluster, server


def _remedies(
    refusals: Mapping[Refusal, int],
    held: Mapping[FlashContents, Held],
    setting: _Setting,
) -> tuple[Remedy, ...]:
    """Return what would recover the group's phones, each remedy once."""
    if not refusals:
        return ()
    found: dict[Remedy, None] = {}
    for contents, lists in held.items():
        trouble = Trouble(
            files=frozenset(refusal.file for refusal in refusals),
            reasons=frozenset(refusal.code for refusal in refusals),
            held=lists,
            model=setting.model,
            home=setting.home,
            clusters=tuple(setting.facts),
            tvs=tuple(_known_tvs(contents, lists, setting.facts)),
        )
        found.update(dict.fromkeys(remedies_for(trouble)))
    # By hand comes last, whatever the order in which the phones' lists were met.
    return tuple(sorted(found, key=is_by_hand))
