"""The steps of a plan: what each changes in the model, and how it is typed."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, assert_never

from tokenless.phone_emulator.planner.model.cluster import (
    PUBLISHER,
    CertificateIdentity,
    ClusterLayout,
    ClusterState,
    build_ctl,
    build_itl,
    make_list,
    serve_all,
    signing,
    slot_of,
)
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    PredictedBoot,
    boot,
)
from tokenless.phone_emulator.planner.model.race import (
    follow_up_of,
    followed,
    moments,
    race_boots,
    with_new_certificate,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.trust.signing import SigningKey, ctl_signer, itl_reset_signer


@dataclass(frozen=True, slots=True)
class Regenerate:
    """Replace one certificate of one node."""

    unit: TrustStore
    node: int = PUBLISHER


@dataclass(frozen=True, slots=True)
class UpdateCtl:
    """Rebuild the CTL from the certificates in use."""


@dataclass(frozen=True, slots=True)
class ResetCtl:
    """Rebuild the CTL, signed by the CallManager key (REFERENCE 6.1)."""


@dataclass(frozen=True, slots=True)
class ResetItl:
    """Let every node serve an ITL that the other SAST signed (REFERENCE 6.2)."""


@dataclass(frozen=True, slots=True)
class RestartTvs:
    """Restart Cisco Trust Verification Service on every node."""


@dataclass(frozen=True, slots=True)
class RestartTftp:
    """Restart Cisco Tftp on every node: it rebuilds ITLs and reloads files."""


@dataclass(frozen=True, slots=True)
class ResetPhones:
    """Restart all phones, and wait until they are back."""


PlanStep = (
    Regenerate
    | UpdateCtl
    | ResetCtl
    | ResetItl
    | RestartTvs
    | RestartTftp
    | ResetPhones
)


Held = tuple[PhoneGroup, PhoneLists]
"""Phones of a group, and their lists."""


class World(NamedTuple):
    """A cluster and its phones at one moment."""

    cluster: ClusterState
    phones: tuple[PhoneLists, ...]
    """The lists that each group of the plan holds."""
    others: frozenset[Held] = frozenset()
    """Lists that further phones of a group may hold: those that booted earlier in a
    race than the others, or that no reset reached."""
    refused: frozenset[PhoneGroup] = frozenset()
    """Groups of which phones refused a file in the race that the last step began."""

    def held(self, groups: tuple[PhoneGroup, ...]) -> list[Held]:
        """Return everything that phones of each group may hold."""
        return [*zip(groups, self.phones, strict=True), *self.others]


def first_world(
    layout: ClusterLayout, groups: tuple[PhoneGroup, ...], cluster: ClusterState
) -> World:
    """Return the world in which every phone holds the served lists.

    A first boot takes the lists, a second one uses them.
    """
    phones = tuple(
        boot(
            layout, cluster, group, boot(layout, cluster, group, PhoneLists()).phone
        ).phone
        for group in groups
    )
    return World(cluster, phones)


def boots(
    layout: ClusterLayout, groups: tuple[PhoneGroup, ...], world: World
) -> tuple[PredictedBoot, ...]:
    """Return the outcome for every phone if all restarted now."""
    return tuple(
        boot(layout, world.cluster, group, phone)
        for group, phone in zip(groups, world.phones, strict=True)
    )


def apply(
    layout: ClusterLayout, groups: tuple[PhoneGroup, ...], world: World, step: PlanStep
) -> World:
    """Return the world after a step."""
    if isinstance(step, ResetPhones):
        return _reset(layout, groups, world)
    if isinstance(step, Regenerate) and resets_phones(layout, step):
        return _race(layout, groups, world, step)
    return World(change(layout, world.cluster, step), world.phones, world.others)


def resets_phones(layout: ClusterLayout, step: PlanStep) -> bool:
    """Return whether a step resets phones automatically."""
    return isinstance(step, Regenerate) and (
        follow_up_of(layout, step.unit).resets_phones
    )


def _reset(
    layout: ClusterLayout, groups: tuple[PhoneGroup, ...], world: World
) -> World:
    after = tuple(each.phone for each in boots(layout, groups, world))
    late = [
        (group, boot(layout, world.cluster, group, phone).phone)
        for group, phone in world.others
    ]
    return World(world.cluster, after, _unlike(groups, after, late))


def _race(
    layout: ClusterLayout,
    groups: tuple[PhoneGroup, ...],
    world: World,
    step: Regenerate,
) -> World:
    """Return the world after a change that resets phones: what each may hold then."""
    new = with_new_certificate(layout, world.cluster, step.unit, step.node)
    cluster = change(layout, world.cluster, step)
    late: list[Held] = list(world.others)
    others: dict[PhoneGroup, list[PhoneLists]] = {}
    for group, phone in world.others:
        others.setdefault(group, []).append(phone)
    after, refused = [], []
    for group, phone in zip(groups, world.phones, strict=True):
        when = moments(layout, new, step.unit, step.node, group.node)
        held = [phone, *others.get(group, ())]
        found = race_boots(layout, when, group, held)
        late += [(group, phone), *((group, each.phone) for each in found)]
        after.append(boot(layout, cluster, group, phone).phone)
        if any(each.refusals for each in found):
            refused.append(group)
    phones = tuple(after)
    return World(cluster, phones, _unlike(groups, phones, late), frozenset(refused))


def _unlike(
    groups: tuple[PhoneGroup, ...],
    phones: tuple[PhoneLists, ...],
    late: Iterable[Held],
) -> frozenset[Held]:
    """Return what some phones hold and the others of their group do not."""
    usual = dict(zip(groups, phones, strict=True))
    return frozenset(each for each in late if usual[each[0]] != each[1])


@lru_cache(maxsize=262_144)
def change(  # noqa: PLR0911
    layout: ClusterLayout, cluster: ClusterState, step: PlanStep
) -> ClusterState:
    """Return the cluster after a step; phones are another matter."""
    match step:
        case Regenerate(unit=unit, node=node):
            new = with_new_certificate(layout, cluster, unit, node)
            return followed(layout, new, unit, node)
        case UpdateCtl():
            return cluster._replace(ctl=build_ctl(layout, cluster))
        case ResetCtl():
            return cluster._replace(ctl=build_ctl(layout, cluster, reset=True))
        case ResetItl() if layout.itl_reset.is_one_for_all(layout.release):
            # The publisher's ITL, signed again, for all nodes (REFERENCE-2 3.5).
            signer = signing(layout, cluster, reset_signer(layout, step), PUBLISHER)
            present = cluster.served[PUBLISHER].itl
            if PUBLISHER not in layout.tftp_nodes:  # it has none: one is made
                present = build_itl(layout, cluster, PUBLISHER)
            itl = make_list(signer, present.members)
            served = tuple(each._replace(itl=itl) for each in cluster.served)
            return cluster._replace(served=served)
        case ResetItl():
            served = tuple(
                each._replace(itl=build_itl(layout, cluster, node, reset=True))
                for node, each in enumerate(cluster.served)
            )
            return cluster._replace(served=served)
        case RestartTvs():
            return cluster._replace(shown=_own_tvs(layout, cluster))
        case RestartTftp():
            return serve_all(layout, cluster)
        case ResetPhones():
            return cluster
        case _:
            assert_never(step)


def reset_signer(layout: ClusterLayout, step: ResetCtl | ResetItl) -> SigningKey:
    """Return the key that signs a list which is reset."""
    if isinstance(step, ResetCtl):
        return ctl_signer(layout.release, reset=True)
    return itl_reset_signer(layout.release, layout.itl_reset)


def _own_tvs(layout: ClusterLayout, cluster: ClusterState) -> tuple[int, ...]:
    unit = TrustStore.TVS
    nodes = range(len(layout.nodes))
    slots = (slot_of(layout, unit, layout.holder(unit, node)) for node in nodes)
    return tuple(cluster.generations[slot] for slot in slots)


RESTART_TVS: Final = (
    "admin --all utils service restart Cisco Trust Verification Service"
)
RESTART_TFTP: Final = "admin --all utils service restart Cisco Tftp"


def commands(  # noqa: PLR0911
    layout: ClusterLayout, step: PlanStep
) -> tuple[str, ...]:
    """Return a step as lines of a rehearsal."""
    match step:
        case Regenerate(unit=unit, node=node):
            return (_renew(layout, unit, node),)
        case UpdateCtl():
            return ("admin utils ctl update CTLFile",)
        case ResetCtl():
            return ("admin utils ctl reset localkey",)
        case ResetItl():
            return ("admin utils itl reset localkey",)
        case RestartTvs():
            return (RESTART_TVS,)
        case RestartTftp():
            return (RESTART_TFTP,)
        case ResetPhones():
            return ("phones boot",)
        case _:
            assert_never(step)


def title(layout: ClusterLayout, step: PlanStep) -> str:  # noqa: PLR0911
    """Return a step in words."""
    match step:
        case Regenerate(unit=unit, node=node):
            verb = "let a CA renew" if unit in layout.signed else "regenerate"
            where = "for all nodes" if unit in layout.shared else _on(layout, node)
            return f"{verb} {unit} {where}"
        case UpdateCtl():
            return "update the CTL"
        case ResetCtl():
            return "reset the CTL (localkey)"
        case ResetItl():
            return "reset the ITL (localkey)"
        case RestartTvs():
            return "restart Cisco Trust Verification Service on every node"
        case RestartTftp():
            return "restart Cisco Tftp on every node"
        case ResetPhones():
            return "reset all phones and wait until they are back"
        case _:
            assert_never(step)


def describe(layout: ClusterLayout, who: CertificateIdentity) -> str:
    """Return a certificate in words: `CallManager of cucm-pub`, `ITLRecovery`."""
    if who.unit is TrustStore.ITLRECOVERY:
        return str(who.unit)
    if who.unit in layout.shared:
        return f"{who.unit} of all nodes"
    return f"{who.unit} of {layout.nodes[who.node]}"


def _on(layout: ClusterLayout, node: int) -> str:
    return f"on {layout.nodes[node]}"


def _renew(layout: ClusterLayout, unit: TrustStore, node: int) -> str:
    if unit not in layout.signed:
        return _admin(layout, node, f"set cert regen {unit}")
    whose = "" if unit in layout.shared else f" --node {layout.nodes[node]}"
    return f"cert sign {unit}{whose}"


def _admin(layout: ClusterLayout, node: int, line: str) -> str:
    where = "" if node == PUBLISHER else f"--node {layout.nodes[node]} "
    return f"admin {where}{line}"
