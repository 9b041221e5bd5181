"""Services that a runbook has restarted, and the groups of phones that it names."""

from collections.abc import Collection, Iterable
from enum import StrEnum, unique
from typing import Final

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.steps import Regenerate, ResetPhones
from tokenless.phone_emulator.planner.plan import Plan, Planned
from tokenless.protocol.codes import NodeRole, TrustStore
from tokenless.protocol.release import Release


@unique
class Service(StrEnum):
    """Services that a change concerns, as Serviceability names them."""

    TFTP = "Cisco Tftp"
    CALLMANAGER = "Cisco CallManager"
    CTI = "Cisco CTIManager"
    CAPF = "Cisco Certificate Authority Proxy Function"
    TVS = "Cisco Trust Verification Service"
    HAPROXY = "Cisco HAProxy"

    @property
    def kind(self) -> str:
        """The Control Center page that has it: `Feature` or `Network`."""
        is_network = self in {Service.TVS, Service.HAPROXY}
        return "Network" if is_network else "Feature"


_SHOWN: Final = 4


def named(groups: Iterable[str], plan: Plan) -> str:
    """Return groups by name, the first ones of many, or "all phones"."""
    names = list(groups)
    if len(names) == len(plan.task.groups):
        return "all phones"
    if len(names) <= _SHOWN + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more groups"


def services_by_hand(release: Release) -> tuple[Service, ...]:
    """Return the services to restart after a new CallManager certificate.

    REFERENCE-2 3.3, the vendor's guides: CallManager and CTIManager in 12.5, HAProxy as
    well in 14, HAProxy alone from 14SU1 on. Earlier releases are taken as 12.5.
    """
    if release.restarts_callmanager:
        return (Service.HAPROXY,)
    return (
        Service.CALLMANAGER,
        Service.CTI,
        *((Service.HAPROXY,) if release.resets_phones else ()),
    )


def restarts_of(plan: Plan) -> dict[int, tuple[Service, ...]]:
    """Return the resets before which services are restarted by hand, and which.

    To the plan's own restarts it adds those that no phone's trust depends on: the
    services would go on showing the certificate that was replaced.
    """
    found: dict[int, tuple[Service, ...]] = {}
    is_due = False
    for each in plan.steps or ():
        if isinstance(each.step, Regenerate):
            is_due |= each.step.unit is TrustStore.CALLMANAGER
        elif isinstance(each.step, ResetPhones) and is_due:
            found[each.number] = services_by_hand(plan.task.layout.release)
            is_due = False
    return found


def restarts_after(plan: Plan) -> tuple[Service, ...]:
    """Return the services to restart after the last step.

    A plan for phones that hold no list resets none: they take nothing at a reset.
    """
    is_due = False
    for each in plan.steps or ():
        if isinstance(each.step, Regenerate):
            is_due |= each.step.unit is TrustStore.CALLMANAGER
        elif isinstance(each.step, ResetPhones):
            is_due = False
    return services_by_hand(plan.task.layout.release) if is_due else ()


def nodes_with(services: Collection[Service], layout: ClusterLayout) -> tuple[str, ...]:
    """Return the nodes on which any of these services is restarted."""
    return tuple(
        name
        for node, name in enumerate(layout.nodes)
        if NodeRole.CALLMANAGER in layout.roles_of(node) or Service.HAPROXY in services
    )


def restarts_in(services: Collection[Service], layout: ClusterLayout) -> int:
    """Count restarts: each service on the nodes that have it, one after the other."""
    return sum(len(nodes_with((service,), layout)) for service in services)


def callmanager_restarts(plan: Plan) -> list[int]:
    """Return the resets before which Cisco CallManager is restarted by hand."""
    restarts = restarts_of(plan).items()
    return [number for number, names in restarts if Service.CALLMANAGER in names]


def callmanager_has_restarted(plan: Plan, before: Planned) -> bool:
    """Tell whether Cisco CallManager restarted by itself in a step's round."""
    is_due = False
    for each in (plan.steps or ())[: before.number]:
        if isinstance(each.step, Regenerate):
            is_due |= each.step.unit is TrustStore.CALLMANAGER
        elif isinstance(each.step, ResetPhones):
            is_due = False
    return is_due and plan.task.layout.release.restarts_callmanager


def restart_page(services: tuple[Service, ...]) -> str:
    """Return the way to each service's `Restart`."""
    first, *others = services
    found = (
        "Cisco Unified Serviceability (https://NODE/ccmservice) > Tools > Control "
        f"Center - {first.kind} Services > Server (one after the other) > Go > "
        f"{first} > Restart > OK"
    )
    return found + "".join(
        f", then {each} (Control Center - {each.kind} Services)" for each in others
    )
