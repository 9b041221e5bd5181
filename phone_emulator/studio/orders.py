"""Orders in which a change can be played: the plan, all at once, the vendor's texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec
from msgspec.structs import replace

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.model.steps import RESTART_TFTP, RESTART_TVS
from tokenless.phone_emulator.rehearsal.scripts.actions import Admin, Phones, PhoneVerb
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import Script, Step
from tokenless.phone_emulator.studio.study import RunSubject, Study, Understood
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release

PLAN: Final = "plan"
AT_ONCE: Final = "at-once"
GUIDE: Final = "guide"
TAC: Final = "tac"
TYPED: Final = "ticket"
_BOOT: Final = "phones boot"
_UPDATE: Final = "admin utils ctl update CTLFile"


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the change."""

    id: str
    title: str
    source: str
    steps: tuple[Step, ...]

    @property
    def commands(self) -> int:
        """The number of commands that are typed."""
        return len(self._actions()) - self.resets

    @property
    def restarts(self) -> int:
        """The number of these that restart a service."""
        return sum(isinstance(a, Admin) and a.is_restart for a in self._actions())

    @property
    def resets(self) -> int:
        """The number of times that all phones are reset by hand."""
        return sum(
            isinstance(a, Phones) and a.verb is PhoneVerb.BOOT for a in self._actions()
        )

    def _actions(self) -> list[object]:
        return [parse_action(line) for step in self.steps for line in step.run]


def orders_of(study: Study) -> list[Order]:
    """Return every order in which a study's change can be played, the best first."""
    cluster, change = study.cluster, study.change
    if cluster is None or change.kind == "none":
        return []
    if change.kind == "typed":
        return [Order(TYPED, "The ticket as it was pasted", "the ticket", change.steps)]
    found = []
    if study.plan is not None and study.plan.steps:
        found.append(
            Order(
                PLAN,
                "The plan",
                "the shortest safe order"
                if study.plan.is_safe
                else "the shortest order; it is not safe for all phones",
                study.plan.steps,
            )
        )
    units = change.units
    return [
        *found,
        Order(
            GUIDE,
            "The vendor's security guide",
            "Security Guide 14, chapter Certificates: TVS first, CallManager last",
            tuple(_one_after_another(cluster, units, _GUIDE_ORDER)),
        ),
        Order(
            TAC,
            "The vendor's TAC document",
            "document 214231: CallManager first, TVS last",
            tuple(_one_after_another(cluster, units, _TAC_ORDER)),
        ),
        Order(
            AT_ONCE,
            "All at once",
            "no document: every certificate, then one restart and one reset",
            (_at_once(cluster, units),),
        ),
    ]


def order_of(study: Study, name: str) -> Order:
    """Return one order.

    Raises:
        PhoneError: When the change has no such order.
    """
    for each in orders_of(study):
        if each.id == name:
            return each
    raise PhoneError("there is no such order of this change", hint="choose one shown")


def script_for(study: Study, order: Order) -> Script:
    """Return the rehearsal of an order on the study's cluster.

    Raises:
        PhoneError: When the study has no cluster.
    """
    if study.cluster is None:
        raise PhoneError("the study has no cluster", hint="give its lists first")
    base = study.cluster.script
    return replace(
        base,
        name=study.name,
        lesson=f"{order.title}: {order.source}.",
        steps=(*base.steps, *order.steps),
    )


def digest_of(script: Script) -> str:
    """Return what tells whether two rehearsals play the same; names do not count."""
    played = msgspec.json.encode((script.cluster, script.groups, script.steps))
    return sha256(played).hexdigest()


def subject_of(study: Study, order: Order) -> RunSubject:
    """Return what a rehearsal of an order is about, as its report will tell it.

    Raises:
        PhoneError: When the study has no cluster.
    """
    script = script_for(study, order)
    cluster, change, plan = study.cluster, study.change, study.plan
    assert cluster is not None  # noqa: S101  # the script is its
    typed = tuple(line for step in change.steps for line in step.run)
    return RunSubject(
        script=script,
        version=cluster.version,
        is_mixed=cluster.is_mixed,
        nodes=cluster.nodes,
        guesses=cluster.guesses,
        change=change.units or typed,
        runbook=plan.runbook if plan is not None and order.id == PLAN else None,
        sources=study.sources,
        drifts=cluster.drifts,
    )


_GUIDE_ORDER: Final = (
    TrustStore.TVS,
    TrustStore.CAPF,
    TrustStore.ITLRECOVERY,
    TrustStore.CALLMANAGER,
)
_TAC_ORDER: Final = (
    TrustStore.CALLMANAGER,
    TrustStore.CAPF,
    TrustStore.ITLRECOVERY,
    TrustStore.TVS,
)


def _one_after_another(
    cluster: Understood, units: Sequence[str], order: Sequence[TrustStore]
) -> Iterator[Step]:
    """Yield a step a unit: its certificates, then what the text says (2: 3.3, 3.4)."""
    for unit in order:
        lines = [_regenerate(cluster, each) for each in units if _unit(each) is unit]
        if lines:
            yield Step(
                title=f"{unit.value} regenerated",
                run=(*lines, *_after(cluster, unit), _BOOT),
            )


def _after(cluster: Understood, unit: TrustStore) -> Iterator[str]:
    if cluster.is_mixed and unit is not TrustStore.TVS:
        yield _UPDATE
    if unit is TrustStore.TVS or not Release.parse(cluster.version).resets_phones:
        yield RESTART_TVS
    yield RESTART_TFTP


def _at_once(cluster: Understood, units: Sequence[str]) -> Step:
    update = (_UPDATE,) if cluster.is_mixed else ()
    lines = [_regenerate(cluster, each) for each in units]
    return Step(
        title="Everything at once",
        run=(*lines, RESTART_TVS, *update, RESTART_TFTP, _BOOT),
        why="Every ticked certificate is regenerated before a phone has restarted.",
    )


def _unit(ticked: str) -> TrustStore:
    return TrustStore(ticked.partition("@")[0])


def _regenerate(cluster: Understood, ticked: str) -> str:
    """Return the line that replaces a certificate: the CA's again, where one signed."""
    unit, _, node = ticked.partition("@")
    if unit in _signed(cluster):
        return f"cert sign {unit}{f' --node {node}' if node else ''}"
    where = f"--node {node} " if node and node != cluster.nodes[0].name else ""
    return f"admin {where}set cert regen {unit}"


def _signed(cluster: Understood) -> set[str]:
    """Return the units that a CA signs in the steps that set the cluster up."""
    lines = [line.split() for step in cluster.script.steps for line in step.run]
    return {words[2] for words in lines if words[:2] == ["cert", "sign"]}
