"""Secure registration on the model: at which nodes phones would register over TLS.

A CallManager shows the certificate that its node had when the service last started. A
phone registers there over TLS where that is a CCM record of its CTL, without a CTL of
its ITL (REFERENCE-3 4.7). In mixed mode a plan has Cisco CallManager restarted on every
node right before the reset that ends a round in which CallManager was regenerated:
phones take the new CTL and find the new certificates at once. From 14SU1 the service
restarts by itself (REFERENCE-2 3.3), whether phones are reset automatically or not.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from tokenless.phone_emulator.planner.model.cluster import (
    CertificateIdentity,
    ClusterLayout,
    ClusterState,
    current,
)
from tokenless.phone_emulator.planner.model.phones import PhoneGroup, PhoneLists
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    Regenerate,
    ResetPhones,
    World,
    apply,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.protocol.codes import Role, TrustStore

RESTART_CALLMANAGER: Final = "admin --all utils service restart Cisco CallManager"
Shown = tuple[CertificateIdentity, ...]
"""The certificate that each node's running CallManager shows."""


@dataclass(frozen=True, slots=True)
class RegistrationLoss:
    """Phones with a secure profile that do not register at their first node."""

    group: PhoneGroup
    from_step: int
    """The number of the reset before which Cisco CallManager is restarted."""
    at: tuple[int, ...]
    """The other nodes of their group at which they register; empty: at none."""
    is_lasting: bool
    """True if it is so after the reset, too."""


class LostRegistrations(NamedTuple):
    """Groups that lose secure registration, over all resets of an order."""

    nowhere: int = 0
    """They register at no node of their group until the reset is done."""
    elsewhere: int = 0
    """They register at another node than their first one."""

    def plus(self, other: "LostRegistrations") -> "LostRegistrations":
        """Return both together."""
        return LostRegistrations(
            self.nowhere + other.nowhere, self.elsewhere + other.elsewhere
        )


NONE_LOST: Final = LostRegistrations()


def lost_at_reset(
    task: Task, world: World, pending: frozenset[int] = frozenset()
) -> LostRegistrations:
    """Count groups that lose secure registration when CallManager restarts.

    Args:
        task: What is planned; a group counts once, however many phones it has.
        world: Cluster and phones before the reset.
        pending: Nodes whose CallManager certificate is still replaced before it.
    """
    found = [
        _lost(task.layout, world.cluster, group, phone, pending)
        for group, phone in zip(task.groups, world.phones, strict=True)
    ]
    return LostRegistrations(
        sum(each.nowhere for each in found), sum(each.elsewhere for each in found)
    )


@lru_cache(maxsize=65_536)
def _lost(
    layout: ClusterLayout,
    cluster: ClusterState,
    group: PhoneGroup,
    phone: PhoneLists,
    pending: frozenset[int],
) -> LostRegistrations:
    if (phone.ctl or phone.itl) is None:
        return NONE_LOST
    first = group.members_of(layout)[0]
    unit = TrustStore.CALLMANAGER
    left = [
        node
        for node in secure_nodes(layout, shown_now(layout, cluster), group, phone)
        if layout.holder(unit, node) not in pending
    ]
    return LostRegistrations(not left, bool(left) and first not in left)


def restarts_callmanager(layout: ClusterLayout) -> bool:
    """Return whether a plan has CallManager restarted before resets of phones.

    Where its new certificate resets phones but does not restart it (14, and 12.5 with
    automatic resets), phones would find the old one after the round.
    """
    return layout.is_mixed and not layout.release.restarts_callmanager


def shown_now(layout: ClusterLayout, cluster: ClusterState) -> Shown:
    """Return what CallManagers show that start now."""
    unit = TrustStore.CALLMANAGER
    return tuple(
        current(layout, cluster, unit, node) for node in range(len(layout.nodes))
    )


def secure_nodes(
    layout: ClusterLayout, shown: Shown, group: PhoneGroup, phone: PhoneLists
) -> tuple[int, ...]:
    """Return the nodes of a group at which its phones would register over TLS."""
    held = phone.itl if phone.ctl is None else phone.ctl
    if held is None:
        return ()
    believed = held.holders(Role.CALLMANAGER) | held.holders(Role.CCM_TFTP)
    return tuple(n for n in group.members_of(layout) if shown[n] in believed)


def restarts_before(layout: ClusterLayout, steps: Sequence[PlanStep]) -> list[int]:
    """Return the numbers of the resets before which CallManager has to be restarted."""
    numbers, is_due = [], False
    for number, step in enumerate(steps, 1):
        if isinstance(step, Regenerate) and step.unit is TrustStore.CALLMANAGER:
            is_due = restarts_callmanager(layout)
        elif isinstance(step, ResetPhones) and is_due:
            numbers.append(number)
            is_due = False
    return numbers


def losses(task: Task, steps: Sequence[PlanStep]) -> Iterator[RegistrationLoss]:
    """Return which groups lose secure registration at their first node, and when.

    Only where Cisco CallManager is restarted by hand; `gaps_of` has the other losses.
    """
    layout, world = task.layout, task.first_world()
    due = frozenset(restarts_before(layout, steps))
    for number, step in enumerate(steps, 1):
        after = apply(layout, task.groups, world, step)
        if number in due:
            shown = shown_now(layout, world.cluster)
            for group, old, new in zip(
                task.groups, world.phones, after.phones, strict=True
            ):
                first = group.members_of(layout)[0]
                at = secure_nodes(layout, shown, group, old)
                if first not in at and (old.ctl or old.itl) is not None:
                    later = secure_nodes(layout, shown, group, new)
                    yield RegistrationLoss(group, number, at, first not in later)
        world = after


class SecureGaps(NamedTuple):
    """Groups whose phones with a secure profile miss their first node."""

    nowhere: tuple[PhoneGroup, ...] = ()
    """They register at no node of their group."""
    elsewhere: tuple[PhoneGroup, ...] = ()
    """They register at another node of their group."""


class StepGaps(NamedTuple):
    """The gaps of one step; after most steps they are those of the step before."""

    during: SecureGaps
    """Before phones are reset, and after CallManager was restarted if it was."""
    after: SecureGaps


def gaps_of(
    task: Task, steps: Sequence[PlanStep], restarts: Collection[int]
) -> Iterator[StepGaps]:
    """Return for each step which groups lack secure registration.

    It follows restarts that a release makes by itself (14SU1), which `losses` leaves
    out: there the loss begins with a regeneration.

    Args:
        task: What is planned; CallManagers show their certificates in use at first.
        steps: The order.
        restarts: Resets right before which CallManager is restarted on every node.
    """
    layout, world = task.layout, task.first_world()
    shown = shown_now(layout, world.cluster)
    unit = TrustStore.CALLMANAGER
    for number, step in enumerate(steps, 1):
        if number in restarts:
            shown = shown_now(layout, world.cluster)
        is_reset = isinstance(step, ResetPhones)
        during = _gaps(task, world, shown) if is_reset else SecureGaps()
        world = apply(layout, task.groups, world, step)
        if isinstance(step, Regenerate) and step.unit is unit:
            now = shown_now(layout, world.cluster)
            if layout.release.restarts_callmanager:
                shown = tuple(
                    new if layout.holder(unit, node) == step.node else old
                    for node, (old, new) in enumerate(zip(shown, now, strict=True))
                )
        yield StepGaps(during, _gaps(task, world, shown))


def _gaps(task: Task, world: World, shown: Shown) -> SecureGaps:
    if not task.layout.is_mixed:
        return SecureGaps()
    nowhere, elsewhere = [], []
    for group, phone in zip(task.groups, world.phones, strict=True):
        at = secure_nodes(task.layout, shown, group, phone)
        if (phone.ctl or phone.itl) is None:
            continue
        if not at:
            nowhere.append(group)
        elif group.members_of(task.layout)[0] not in at:
            elsewhere.append(group)
    return SecureGaps(tuple(nowhere), tuple(elsewhere))
