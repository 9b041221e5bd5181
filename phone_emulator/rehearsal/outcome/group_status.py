"""Status of a group of phones after a step: states, anchors, reasons, remedies."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.rehearsal.outcome.anchors import (
    Anchors,
    GroupSetting,
    anchors_of,
    configured_tvs,
    held_lists,
    known_tvs,
)
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.phone_status import (
    WAITING,
    PhoneAfterStep,
    PhoneStatus,
)
from tokenless.phone_emulator.rehearsal.outcome.refusal_context import RefusalContext
from tokenless.phone_emulator.rehearsal.outcome.remedies import remedies_for
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import (
    ClusterFacts,
    Held,
    InferredRule,
)
from tokenless.phone_emulator.rehearsal.rig.phones.boots import Sample
from tokenless.phone_emulator.rehearsal.rig.phones.dial_tone import Registrations
from tokenless.phone_emulator.rehearsal.rig.phones.groups import PhoneGroups
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import Prospect
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal
from tokenless.phone_emulator.rehearsal.scripts.remedy import (
    LAST_RESORTS,
    Remedy,
    is_by_hand,
)
from tokenless.phone_emulator.secd.events import FlashContents, PhoneIdentity
from tokenless.protocol.checksums import sha1_of
from tokenless.protocol.phones.models import PhoneModel
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.trust.reasons import Reason
from tokenless.services.cluster.presence import ItlStatus


def itl_file_statuses(
    phones: Iterable[PhoneIdentity],
    contents: Mapping[str, FlashContents],
    registrations: Mapping[str, RegistrationReport],
    home: ClusterFacts,
) -> dict[ItlStatus, int]:
    """Count a group's phones by ITL File Status, as the cluster's pages would show it.

    From release 14 on a SIP phone reports after its registration which ITL it holds;
    the cluster compares that with the ITL of the TFTP server which the phone names.
    Phones that are not registered or speak SCCP are unknown. Empty before release 14
    (REFERENCE-2 4).

    Args:
        phones: The group.
        contents: What each holds, by device.
        registrations: How phones that are on are registered, by device.
        home: Their cluster.
    """
    if not home.release.notes_itl:
        return {}
    counts = Counter(
        _itl_status(
            phone, contents[phone.device], registrations.get(phone.device), home
        )
        for phone in phones
    )
    return {status: counts[status] for status in ItlStatus if counts[status]}


def _itl_status(
    phone: PhoneIdentity,
    held: FlashContents,
    registration: RegistrationReport | None,
    home: ClusterFacts,
) -> ItlStatus:
    if registration is None or not registration.is_registered:
        return ItlStatus.UNKNOWN
    if registration.signalling is not Signalling.SIP:
        return ItlStatus.UNKNOWN
    if held.itl is None:
        return ItlStatus.NOT_INSTALLED
    # A phone names the first of its servers; a foreign one is compared with all.
    named = home.itls.get(phone.servers[0].address)
    served = home.itls.values() if named is None else (named,)
    if not served:
        return ItlStatus.UNKNOWN
    is_served = sha1_of(held.itl) in served
    return ItlStatus.MATCH if is_served else ItlStatus.MISMATCH


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """One group after a step."""

    group: str
    model: str
    states: Mapping[PhoneStatus, int]
    anchors: Mapping[Anchors, int] = field(repr=False)
    """Phones by their anchors; empty phones accept any first list."""
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
    identities, reports = phone_groups.groups[name], phone_groups.boots.reports_of(name)
    setting = _setting_of(identities[0], facts)
    alike: dict[FlashContents, list[PhoneAfterStep]] = {}
    all_contents = phone_groups.contents(name)
    for device, contents in all_contents.items():
        phone = PhoneAfterStep(
            reports.get(device), prospects.get(device), phone_groups.is_off(name)
        )
        alike.setdefault(contents, []).append(phone)
    phones = [phone for each in alike.values() for phone in each]
    anchors, remedies, impact = _judge_alike(alike, setting)
    refusals = Counter(refusal for phone in phones for refusal in phone.refusals)
    known = (registrations.get(phone.device) for phone in identities)
    registered = Registrations.of(each for each in known if each is not None)
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
        impact=replace(impact, unregistered=registered.without),
        registrations=registered,
        sample=phone_groups.boots.samples.get(name),
        inferred_rules=tuple(_inferred((*refusals, *later), facts)),
        itl_file=itl_file_statuses(
            identities, all_contents, registrations, setting.home
        ),
    )


def _judge_alike(
    alike: Mapping[FlashContents, Sequence[PhoneAfterStep]], setting: GroupSetting
) -> tuple[Counter[Anchors], Iterable[Remedy], Impact]:
    """Judge phones by what they hold: their anchors, remedies, and the impact of all.

    Args:
        alike: The phones of a group, by the contents of their flash.
        setting: The group's.
    """
    anchors: Counter[Anchors] = Counter()
    remedies: dict[Remedy, None] = {}
    impacts: list[Impact] = []
    for contents, each in alike.items():
        held = held_lists(contents, setting.model)
        left = anchors_of(contents, held, setting) if held.ctl or held.itl else None
        if left is not None:
            anchors[left] += len(each)
        of_phone = _remedies(each, contents, held, setting)
        remedies.update(dict.fromkeys(of_phone))
        is_lost = left is not None and not left.signers and _is_lost(of_phone)
        impacts.append(_impact(each, setting.model, is_lost=is_lost))
    return anchors, remedies, Impact.total(impacts)


def _inferred(
    refusals: Iterable[Refusal], facts: Sequence[ClusterFacts]
) -> Iterator[InferredRule]:
    """Return the inferred rules that the refusals may rest on."""
    is_not_vouched = any(each.code is Reason.NOT_VOUCHED for each in refusals)
    if is_not_vouched and any(each.without_role for each in facts):
        yield InferredRule.CALLMANAGER_TRUST


def _states(phones: Sequence[PhoneAfterStep]) -> dict[PhoneStatus, int]:
    states = Counter(phone.state for phone in phones)
    return {state: states[state] for state in PhoneStatus if states[state]}


def _impact(
    phones: Sequence[PhoneAfterStep], model: PhoneModel, *, is_lost: bool
) -> Impact:
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
        waiting=sum(phone.state in WAITING for phone in phones),
        of=len(phones),
    )


def _is_lost(remedies: Sequence[Remedy]) -> bool:
    """Tell whether only a hand on each phone, or a key out of a backup, would help."""
    return {remedy.kind for remedy in remedies} <= LAST_RESORTS


def _home_of(phone: PhoneIdentity, facts: Sequence[ClusterFacts]) -> ClusterFacts:
    """Return the cluster whose TFTP server the phone asks first."""
    address = phone.servers[0].address
    return next((each for each in facts if address in each.tftp), facts[0])


def _setting_of(phone: PhoneIdentity, facts: Sequence[ClusterFacts]) -> GroupSetting:
    home = _home_of(phone, facts)
    return GroupSetting(phone.model, home, facts, _server_of(phone, home))


def _server_of(phone: PhoneIdentity, home: ClusterFacts) -> str:
    """Return the address of the first TFTP server that is up; without one, the first.

    A server that is down is passed over for the next one, as by any phone.
    """
    addresses = [server.address for server in phone.servers]
    return next((each for each in addresses if each in home.tftp_up), addresses[0])


def _remedies(
    phones: Sequence[PhoneAfterStep],
    contents: FlashContents,
    held: Held,
    setting: GroupSetting,
) -> tuple[Remedy, ...]:
    """Return what would recover phones that hold the same."""
    asked = setting.home.fresh.get(setting.server)
    node = None if asked is None else asked.node
    # Phones that a race split may have met files of one name and several signers.
    refusals = {
        (refusal, refusal.signer): refusal
        for phone in phones
        for refusal in phone.refuses_now(node)
    }
    if not refusals:
        return ()
    stuck = [phone for phone in phones if phone.is_stuck or phone.would_be_stuck]
    context = RefusalContext(
        refusals=tuple(refusals.values()),
        held=held,
        model=setting.model,
        home=setting.home,
        clusters=tuple(setting.facts),
        tvs=tuple(known_tvs(contents, held, setting.facts)),
        configured=tuple(configured_tvs(contents, setting.facts)),
        server=setting.server,
        boots_well=all(phone.is_healed_by_a_boot for phone in stuck),
    )
    return tuple(remedies_for(context))
