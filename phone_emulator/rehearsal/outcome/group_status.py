"""Status of a group of phones after a step: states, anchors, reasons, remedies.

An anchor is a signer that a phone's lists hold and whose key the cluster has now: with
it the cluster can make a list that the phone takes without asking anybody. A usable TVS
server is one that the phone knows (role 21 of its ITL), that its configuration names,
that answers, and that speaks a TLS version of the model.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from typing import Any, Final

from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.itl_file_status import (
    itl_file_statuses,
)
from tokenless.phone_emulator.rehearsal.outcome.remedies import (
    RefusalContext,
    remedies_for,
)
from tokenless.phone_emulator.rehearsal.rig.cluster_facts import (
    ClusterFacts,
    Held,
    InferredRule,
    Signer,
    TvsFacts,
)
from tokenless.phone_emulator.rehearsal.rig.dial_tone import Registrations
from tokenless.phone_emulator.rehearsal.rig.phone_groups import PhoneGroups, Sample
from tokenless.phone_emulator.rehearsal.rig.prospects import Prospect
from tokenless.phone_emulator.rehearsal.rig.refusals import Refusal, refusals_of
from tokenless.phone_emulator.rehearsal.scripts.remedy import (
    LAST_RESORTS,
    Remedy,
    is_by_hand,
)
from tokenless.phone_emulator.secd.events import FlashContents, PhoneIdentity
from tokenless.phone_emulator.secd.files import decode_configuration, decode_list
from tokenless.phone_emulator.secd.report import BootReport, Outcome
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.models import PhoneModel
from tokenless.protocol.trust.reasons import Reason
from tokenless.services.cluster.presence import ItlStatus


@unique
class PhoneStatus(StrEnum):
    """The state of one phone, for the timeline."""

    OK = "ok"
    """It holds what its server serves."""
    DEGRADED = "degraded"
    """Nothing was refused, but something that it needs is missing."""
    STUCK = "stuck"
    """It refused a file or did not get one, and works with what it had."""
    UNREACHABLE = "unreachable"
    """No TFTP server answered."""
    WOULD_BE_STUCK = "would be stuck"
    """It is off or was not restarted since a change; started now, it would be stuck."""
    NOT_RESTARTED = "not restarted"
    """It was well at its last boot, and would take what is served now."""
    OFF = "off"
    """As `NOT_RESTARTED`, or there is nothing new for it."""
    NEW = "new"
    """It has not booted yet, and would take what is served."""


_STATES: Final = {
    Outcome.OK: PhoneStatus.OK,
    Outcome.DEGRADED: PhoneStatus.DEGRADED,
    Outcome.REJECTED: PhoneStatus.STUCK,
    Outcome.UNREACHABLE: PhoneStatus.UNREACHABLE,
}
_WAITING: Final = frozenset(
    {PhoneStatus.NOT_RESTARTED, PhoneStatus.OFF, PhoneStatus.NEW}
)


@dataclass(frozen=True, slots=True)
class Anchors:
    """Signers and TVS nodes that can still reach a phone."""

    signers: tuple[str, ...]
    """Names of the anchors."""
    tvs: tuple[str, ...]
    """Nodes whose TVS the phone can ask."""

    @property
    def is_locked_out(self) -> bool:
        """Return whether nothing that the cluster can do now reaches the phone."""
        return not self.signers and not self.tvs


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """One group after a step."""

    group: str
    model: str
    states: Mapping[PhoneStatus, int]
    anchors: Mapping[Anchors, int] = field(repr=False)
    """Phones by what they hold on to; empty phones take any first list."""
    empty: int
    """Phones that hold no list at all."""
    refusals: Mapping[Refusal, int]
    """The files that phones refused at their last boot."""
    prospects: Mapping[Refusal, int]
    """The files that further phones would refuse if they started now."""
    remedies: tuple[Remedy, ...]
    impact: Impact
    sample: Sample | None = field(repr=False)
    inferred_rules: tuple[InferredRule, ...] = ()
    """The inferred rules on which the refusals are based."""
    registrations: Registrations = field(default_factory=Registrations)
    """The registrations of the phones that are on."""
    itl_file: Mapping[ItlStatus, int] = field(default_factory=dict)
    """Phones by their ITL File Status; empty before release 14."""

    @property
    def phones(self) -> int:
        """Return the number of phones."""
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
            "impact": self.impact.to_json(),
            "registration": self.registrations.to_json(),
            "itl_file_status": {
                status.value: count for status, count in self.itl_file.items()
            },
            "refusals": _refusals_json(self.refusals),
            "would_refuse": _refusals_json(self.prospects),
            "remedies": [remedy.text for remedy in self.remedies],
            "remedy_kinds": [remedy.kind.value for remedy in self.remedies],
            "inferred_rules": [rule.value for rule in self.inferred_rules],
        }


def _refusals_json(refusals: Mapping[Refusal, int]) -> list[dict[str, Any]]:
    return [
        {
            "file": refusal.file.value,
            "rule": refusal.rule,
            "reason_code": refusal.code.value,
            "reason": refusal.reason,
            "node": refusal.node,
            "phones": count,
        }
        for refusal, count in refusals.items()
    ]


@dataclass(frozen=True, slots=True)
class _Setting:
    """The values that the phones of a group share."""

    model: PhoneModel
    home: ClusterFacts
    """The cluster whose TFTP server they ask first."""
    facts: Sequence[ClusterFacts]


@dataclass(frozen=True, slots=True)
class _Phone:
    """One phone after a step."""

    report: BootReport | None
    """Its last boot."""
    prospect: Prospect | None
    """Its boot, if it started now; None when its last boot tells it."""
    is_off: bool

    @property
    def is_stuck(self) -> bool:
        """Return whether its last boot left it stuck, be it off since."""
        return self.report is not None and not self.report.holds_what_is_served

    @property
    def would_be_stuck(self) -> bool:
        """Return whether it would be stuck if it started now."""
        return (
            not self.is_stuck and self.prospect is not None and self._would_refuse != ()
        )

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Return the files that it refused at its last boot."""
        return () if self.report is None else tuple(refusals_of(self.report))

    @property
    def prospects(self) -> tuple[Refusal, ...]:
        """Return the files that it would refuse now, when it is not stuck yet."""
        return self._would_refuse if self.would_be_stuck else ()

    @property
    def _would_refuse(self) -> tuple[Refusal, ...]:
        return () if self.prospect is None else self.prospect.refusals

    @property
    def state(self) -> PhoneStatus:
        """Return its state, the worst one that is true."""
        if self.report is not None and self.is_stuck:
            is_silent = self.report.outcome is Outcome.UNREACHABLE
            return PhoneStatus.UNREACHABLE if is_silent else PhoneStatus.STUCK
        if self.would_be_stuck:
            return PhoneStatus.WOULD_BE_STUCK
        if self.is_off:
            return PhoneStatus.OFF
        if self.report is None:
            return PhoneStatus.NEW
        if self.prospect is not None and self.prospect.takes_news:
            return PhoneStatus.NOT_RESTARTED
        return _STATES[self.report.outcome]


def group_statuses(
    phone_groups: PhoneGroups,
    facts: Sequence[ClusterFacts],
    prospects: Mapping[str, Prospect],
    registrations: Mapping[str, RegistrationReport],
) -> tuple[GroupStatus, ...]:
    """Return the status of every group.

    Args:
        phone_groups: The phones.
        facts: What the clusters can do now.
        prospects: What phones that wait would do if they started now, by device.
        registrations: How phones that are on are registered, by device.
    """
    return tuple(
        _status(name, phone_groups, facts, prospects, registrations)
        for name in phone_groups.groups
    )


def _status(
    name: str,
    phone_groups: PhoneGroups,
    facts: Sequence[ClusterFacts],
    prospects: Mapping[str, Prospect],
    registrations: Mapping[str, RegistrationReport],
) -> GroupStatus:
    identities, reports = phone_groups.groups[name], phone_groups.reports_of(name)
    setting = _Setting(identities[0].model, _home_of(identities[0], facts), facts)
    alike: dict[FlashContents, list[_Phone]] = {}
    all_contents = phone_groups.contents(name)
    for device, contents in all_contents.items():
        phone = _Phone(
            reports.get(device), prospects.get(device), phone_groups.is_off(name)
        )
        alike.setdefault(contents, []).append(phone)
    phones = [phone for each in alike.values() for phone in each]
    anchors: Counter[Anchors] = Counter()
    remedies: dict[Remedy, None] = {}
    impacts: list[Impact] = []
    for contents, each in alike.items():
        held = _decoded(contents, setting.model)
        left = _anchors(contents, held, setting) if held.ctl or held.itl else None
        if left is not None:
            anchors[left] += len(each)
        of_phone = _remedies(each, contents, held, setting)
        remedies.update(dict.fromkeys(of_phone))
        is_lost = left is not None and not left.signers and _is_lost(of_phone)
        impacts.append(_impact(each, setting.model, is_lost=is_lost))
    refusals = Counter(refusal for phone in phones for refusal in phone.refusals)
    registered = Registrations.of(
        registrations[phone.device]
        for phone in identities
        if phone.device in registrations
    )
    later = Counter(refusal for phone in phones for refusal in phone.prospects)
    return GroupStatus(
        group=name,
        model=setting.model.name,
        states=_states(phones),
        anchors=anchors,
        empty=len(phones) - anchors.total(),
        refusals=refusals,
        prospects=later,
        # By hand comes last, whatever the order in which the phones' lists were met.
        remedies=tuple(sorted(remedies, key=is_by_hand)),
        impact=replace(Impact.total(impacts), unregistered=registered.without),
        registrations=registered,
        sample=phone_groups.samples.get(name),
        inferred_rules=tuple(_inferred((*refusals, *later), facts)),
        itl_file=itl_file_statuses(
            identities, all_contents, registrations, setting.home
        ),
    )


def _inferred(
    refusals: Iterable[Refusal], facts: Sequence[ClusterFacts]
) -> Iterator[InferredRule]:
    """Return the inferred rules that the refusals may rest on."""
    is_not_vouched = any(each.code is Reason.NOT_VOUCHED for each in refusals)
    if is_not_vouched and any(each.without_role for each in facts):
        yield InferredRule.CALLMANAGER_TRUST


def _states(phones: Sequence[_Phone]) -> dict[PhoneStatus, int]:
    states = Counter(phone.state for phone in phones)
    return {state: states[state] for state in PhoneStatus if states[state]}


def _impact(phones: Sequence[_Phone], model: PhoneModel, *, is_lost: bool) -> Impact:
    """Count phones that hold the same."""
    stuck = sum(phone.is_stuck for phone in phones)
    later = sum(phone.would_be_stuck for phone in phones)
    locked_out = stuck + later if is_lost else 0
    return Impact(
        stuck=stuck,
        would_be_stuck=later,
        locked_out=locked_out,
        locked_out_later=later if is_lost else 0,
        by_hand=0 if model.security_by_default else locked_out,
        waiting=sum(phone.state in _WAITING for phone in phones),
        of=len(phones),
    )


def _is_lost(remedies: Sequence[Remedy]) -> bool:
    """Tell whether only a hand on each phone, or a key out of a backup, would help."""
    return {remedy.kind for remedy in remedies} <= LAST_RESORTS


def _home_of(phone: PhoneIdentity, facts: Sequence[ClusterFacts]) -> ClusterFacts:
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
    """Tell whether a key signs CTLs in that release, for phones without ITL."""
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
    phones: Sequence[_Phone],
    contents: FlashContents,
    held: Held,
    setting: _Setting,
) -> tuple[Remedy, ...]:
    """Return what would recover phones that hold the same."""
    refusals = {
        refusal for phone in phones for refusal in (*phone.refusals, *phone.prospects)
    }
    if not refusals:
        return ()
    context = RefusalContext(
        files=frozenset(refusal.file for refusal in refusals),
        reasons=frozenset(refusal.code for refusal in refusals),
        held=held,
        model=setting.model,
        home=setting.home,
        clusters=tuple(setting.facts),
        tvs=tuple(_known_tvs(contents, held, setting.facts)),
    )
    return tuple(remedies_for(context))
