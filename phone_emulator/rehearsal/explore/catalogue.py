"""The catalogue of faults: every single thing that may go wrong with a change.

| kind | what goes wrong |
|---|---|
| `node-down` | a node is off during a step; nobody can type commands there |
| `tvs-down` | TVS of a node does not run during a step |
| `link-cut` | the database does not reach a node during a step |
| `database-away` | the database is away when a command is typed; it is refused |
| `group-off` | a group of phones is off during one step, or two |
| `restart-forgotten` | a service is not restarted: anywhere, or on one node |
| `ctl-update-forgotten` | `utils ctl update CTLFile` is left out |
| `reset-forgotten` | the phones are not restarted after a step |
| `twice` | a command is typed twice |
| `wrong-node` | a command is typed on another node |
| `early-reset` | phones restart right after a command, before what follows it |
"""

import random
import shlex
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import Final, TypeGuard

from tokenless.phone_emulator.errors import WrongNameError
from tokenless.phone_emulator.rehearsal.explore.faults import (
    Fault,
    FaultKind,
    Place,
    switched,
    with_faults,
)
from tokenless.phone_emulator.rehearsal.rig.admin_actions import runs_on
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    Admin,
    CallPhone,
    DatabasePower,
    LineAction,
    NodePower,
    PassTime,
    Phones,
    PhoneVerb,
)
from tokenless.phone_emulator.rehearsal.scripts.line_check import (
    check_lines,
    served_nodes,
)
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import MAIN_CLUSTER, Script
from tokenless.phone_emulator.rehearsal.scripts.switched_off import off_node
from tokenless.protocol.errors import TokenlessError

_CTL_UPDATE: Final = ("utils", "ctl", "update")
_TVS: Final = "Cisco Trust Verification Service"
_NO_COMMANDS: Final = (Phones, CallPhone, NodePower, DatabasePower, PassTime)
"""Actions that are not commands of an administrator."""
_BOOT: Final = "phones boot"


def single_faults(
    script: Script, first_step: int, kinds: Collection[FaultKind] = ()
) -> list[Fault]:
    """Return every fault of the catalogue that a script can be played under.

    Args:
        script: The change; a script of one release.
        first_step: The number of the first step in which something may go wrong; the
            steps before it make the cluster as it is.
        kinds: Only faults of these kinds; none: all.

    Raises:
        PhoneError: When the script cannot be played even without faults.
    """
    check_lines(script)
    catalogue = _Catalogue(script, first_step - 1)
    faults = {fault.name: fault for fault in catalogue.faults()}
    return [
        each
        for each in faults.values()
        if (not kinds or each.kind in kinds) and can_be_played(script, (each,))
    ]


def can_be_played(script: Script, faults: Sequence[Fault]) -> bool:
    """Return whether every line can be done when faults are laid over a script."""
    try:
        check_lines(with_faults(script, faults))
    except TokenlessError:
        return False
    return True


class _Catalogue:
    """The faults of one script."""

    def __init__(self, script: Script, first: int) -> None:
        self._script = script
        self._steps = range(first, len(script.steps))
        self._actions = [
            [parse_action(line) for line in step.run] for step in script.steps
        ]
        self._roles = served_nodes(script)
        self._nodes = list(self._roles)
        self._groups = [group.name for group in script.groups]
        self._switched = list(switched(self._actions, self._groups))

    def faults(self) -> Iterator[Fault]:
        """Yield them, those of the first step first."""
        for step in self._steps:
            for index, action in enumerate(self._actions[step]):
                yield from self._of_line(Place(step, index), action)
            own = self._switched[step]
            for node in (each for each in self._nodes if each not in own.nodes):
                yield self._node_down(step, node)
                yield self._tvs_down(step, node)
                if not own.databases & {node, None}:
                    yield self._link_cut(step, node)
            yield from self._groups_off(step)

    def _groups_off(self, step: int) -> Iterator[Fault]:
        for steps in (1, 2):
            during = self._switched[step : step + steps]
            if len(during) == steps:
                for group in self._groups:
                    if not any(group in own.groups for own in during):
                        yield self._group_off(step, steps, group)

    def _line(self, place: Place) -> str:
        return self._script.steps[place.step].run[place.line]

    def _of_line(self, place: Place, action: LineAction) -> Iterator[Fault]:
        line = self._line(place)
        where = f"{place.step + 1}.{place.line + 1}"
        in_step = f"in step {place.step + 1}"
        match action:
            case Phones(verb=PhoneVerb.BOOT):
                name = f"{FaultKind.RESET_FORGOTTEN}:{where}"
                words = f"{in_step} the phones are not restarted (`{line}`)"
                yield Fault(FaultKind.RESET_FORGOTTEN, name, words, {place: ()})
            case Admin(is_restart=True):
                yield from self._restart_forgotten(place, where, in_step, action)
            case Admin() if action.begins_with(_CTL_UPDATE):
                name = f"{FaultKind.CTL_UPDATE_FORGOTTEN}:{where}"
                words = f"{in_step} `{line}` is forgotten"
                yield Fault(FaultKind.CTL_UPDATE_FORGOTTEN, name, words, {place: ()})
            case _:
                pass
        if not isinstance(action, _NO_COMMANDS):
            yield from self._of_command(place, where, in_step, action)

    def _of_command(
        self, place: Place, where: str, in_step: str, action: LineAction
    ) -> Iterator[Fault]:
        line = self._line(place)
        yield Fault(
            FaultKind.TWICE,
            f"{FaultKind.TWICE}:{where}",
            f"{in_step} `{line}` is typed twice",
            {place: (line, line)},
        )
        is_restart = isinstance(action, Admin) and action.is_restart
        if not is_restart and not self._switched[place.step].databases:
            yield Fault(
                FaultKind.DATABASE_AWAY,
                f"{FaultKind.DATABASE_AWAY}:{where}",
                f"{in_step} the database is away when `{line}` is typed",
                {place: ("database away", line)},
                {place.step + 1: ("database back",)},
            )
        follows = self._actions[place.step][place.line + 1 : place.line + 2]
        if not any(isinstance(each, Phones) for each in follows):
            yield Fault(
                FaultKind.EARLY_RESET,
                f"{FaultKind.EARLY_RESET}:{where}",
                f"{in_step} all phones restart right after `{line}`",
                {place: (line, _BOOT)},
            )
        if isinstance(action, Admin) and not action.everywhere and not action.cluster:
            yield from self._wrong_node(place, where, in_step, action)

    def _wrong_node(
        self, place: Place, where: str, in_step: str, action: Admin
    ) -> Iterator[Fault]:
        meant = action.node or self._nodes[0]
        for node in self._nodes:
            if node != meant:
                yield Fault(
                    FaultKind.WRONG_NODE,
                    f"{FaultKind.WRONG_NODE}:{where}:{node}",
                    f"{in_step} `{action.line}` is typed on {node} instead of {meant}",
                    {place: (f"admin --node {node} {action.line}",)},
                )

    def _restart_forgotten(
        self, place: Place, where: str, in_step: str, action: Admin
    ) -> Iterator[Fault]:
        kind, service = FaultKind.RESTART_FORGOTTEN, " ".join(action.line.split()[3:])
        forgotten = f"{in_step} the restart of {service} is forgotten"
        everywhere = f"{forgotten}{' on all nodes' if action.everywhere else ''}"
        yield Fault(kind, f"{kind}:{where}", everywhere, {place: ()})
        concerned = self._concerned(action)
        if action.everywhere and not action.cluster and len(concerned) > 1:
            for node in concerned:
                name = f"{kind}:{where}:{node}"
                others = self._elsewhere(action, node)
                yield Fault(kind, name, f"{forgotten} on {node}", {place: others})

    def _concerned(self, action: Admin) -> list[str]:
        """Return the nodes on which a command is typed with `--all`."""
        return [n for n, roles in self._roles.items() if runs_on(action.line, roles)]

    def _elsewhere(self, action: Admin, node: str) -> tuple[str, ...]:
        """Return lines that type a command on all nodes but one."""
        others = (each for each in self._concerned(action) if each != node)
        return tuple(f"admin --node {each} {action.line}" for each in others)

    def _node_down(self, step: int, node: str) -> Fault:
        """A node that is off: what would have been typed there is not typed."""
        name = f"{FaultKind.NODE_DOWN}:{step + 1}:{node}"
        return Fault(
            FaultKind.NODE_DOWN,
            name,
            f"node {node} is down during step {step + 1}; nothing can be typed there",
            dict(self._not_typed(step, node)),
            {step: (f"node stop {node}",), step + 1: (f"node start {node}",)},
        )

    def _not_typed(
        self, step: int, node: str
    ) -> Iterator[tuple[Place, tuple[str, ...]]]:
        clusters = {MAIN_CLUSTER: self._nodes}
        for index, action in enumerate(self._actions[step]):
            match action:
                case Admin(everywhere=True, cluster=None):
                    yield Place(step, index), self._elsewhere(action, node)
                case _ if off_node(action, clusters, (node,)) is not None:
                    yield Place(step, index), ()
                case _:
                    pass

    def _tvs_down(self, step: int, node: str) -> Fault:
        shell = f"admin --node {node} utils service"
        return Fault(
            FaultKind.TVS_DOWN,
            f"{FaultKind.TVS_DOWN}:{step + 1}:{node}",
            f"TVS on {node} does not run when step {step + 1} begins",
            {},
            {step: (f"{shell} stop {_TVS}",), step + 1: (f"{shell} start {_TVS}",)},
        )

    def _link_cut(self, step: int, node: str) -> Fault:
        return Fault(
            FaultKind.LINK_CUT,
            f"{FaultKind.LINK_CUT}:{step + 1}:{node}",
            f"the database does not reach {node} during step {step + 1}",
            {},
            {step: (f"database away {node}",), step + 1: (f"database back {node}",)},
        )

    def _group_off(self, step: int, steps: int, group: str) -> Fault:
        end, quoted = step + steps, shlex.quote(group)
        during = f"step {step + 1}" if steps == 1 else f"steps {step + 1} and {end}"
        replaced: dict[Place, tuple[str, ...]] = {}
        for number in range(step, end):
            for index, action in enumerate(self._actions[number]):
                if _restarts(action) and group in action.groups:
                    others = [each for each in action.groups if each != group]
                    verb = f"phones {action.verb.value}"
                    lines = (f"{verb} {shlex.join(others)}",) if others else ()
                    replaced[Place(number, index)] = lines
        return Fault(
            FaultKind.GROUP_OFF,
            f"{FaultKind.GROUP_OFF}:{step + 1}-{end}:{group}",
            f"the phones {group} are off during {during}",
            replaced,
            {step: (f"phones off {quoted}",), end: (f"phones on {quoted}",)},
        )


def _restarts(action: LineAction) -> TypeGuard[Phones]:
    """Return whether phones restart by an action."""
    verbs = (PhoneVerb.BOOT, PhoneVerb.TYPE_STRING)
    return isinstance(action, Phones) and action.verb in verbs


def sampled_pairs(
    script: Script, faults: Sequence[Fault], count: int, seed: int
) -> list[tuple[Fault, Fault]]:
    """Return pairs of faults that can go together, in a random but repeatable order.

    Args:
        script: The change.
        faults: Its single faults.
        count: How many pairs at most.
        seed: The same seed gives the same pairs.
    """
    pairs = [pair for pair in combinations(faults, 2) if not _collide(*pair)]
    random.Random(seed).shuffle(pairs)  # noqa: S311 - a sample, not a secret
    chosen: list[tuple[Fault, Fault]] = []
    for pair in pairs:
        if len(chosen) == count:
            break
        if can_be_played(script, pair):
            chosen.append(pair)
    return chosen


def _collide(one: Fault, other: Fault) -> bool:
    """Return whether two faults are about the same line, or the same node or phones."""
    if set(one.replaced) & set(other.replaced):
        return True
    if not (set(one.before) & set(other.before)):
        return False
    return bool(_subject(one)) and _subject(one) == _subject(other)


def _subject(fault: Fault) -> list[str]:
    """Return the node or the group that a fault is about, if there is one."""
    return fault.name.split(":", 2)[2:]


def named_faults(faults: Sequence[Fault], name: str) -> tuple[Fault, ...]:
    """Return the faults of a run by its name: `twice:2.1`, or two joined by `+`.

    Raises:
        WrongNameError: When the script has no such fault, or they cannot go together.
    """
    known = {fault.name: fault for fault in faults}
    parts, chosen = name.split("+"), list[Fault]()
    while parts:
        # The name of a group may have a + in it.
        names = ("+".join(parts[:count]) for count in range(len(parts), 0, -1))
        found = next((each for each in names if each in known), None)
        if found is None:
            raise WrongNameError(
                f"there is no fault {'+'.join(parts)!r}",
                hint="`--list` prints all of this change",
            )
        chosen.append(known[found])
        del parts[: found.count("+") + 1]
    for one, other in combinations(chosen, 2):
        if _collide(one, other):
            raise WrongNameError(
                f"{one.name} and {other.name} cannot be played together",
                hint="choose faults of different lines, nodes and groups",
            )
    return tuple(chosen)
