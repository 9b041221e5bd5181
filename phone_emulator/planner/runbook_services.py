"""Services that a runbook has restarted, and the groups of phones that it names."""

from collections.abc import Iterable
from typing import Final

from tokenless.phone_emulator.planner.model.registration import RESTART_CALLMANAGER
from tokenless.phone_emulator.planner.model.steps import Regenerate, ResetPhones
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release

CALLMANAGER: Final = RESTART_CALLMANAGER.removeprefix(
    "admin --all utils service restart "
)
TVS: Final = "Cisco Trust Verification Service"
CAPF: Final = "Cisco Certificate Authority Proxy Function"
CTI: Final = "Cisco CTIManager"
HAPROXY: Final = "Cisco HAProxy"
_NETWORK_SERVICES: Final = frozenset({TVS, HAPROXY})
_SHOWN: Final = 4


def named(groups: Iterable[str], plan: Plan) -> str:
    """Return groups by name, the first ones of many, or "all phones"."""
    names = list(groups)
    if len(names) == len(plan.task.groups):
        return "all phones"
    if len(names) <= _SHOWN + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more groups"


def services_by_hand(release: Release) -> tuple[str, ...]:
    """Return the services to restart after a new CallManager certificate.

    REFERENCE-2 3.3, the vendor's guides: CallManager and CTIManager in 12.5, HAProxy as
    well in 14, HAProxy alone from 14SU1 on. Earlier releases are taken as 12.5.
    """
    if release.restarts_callmanager:
        return (HAPROXY,)
    return (CALLMANAGER, CTI, *((HAPROXY,) if release.resets_phones else ()))


def restarts_of(plan: Plan) -> dict[int, tuple[str, ...]]:
    """Return the resets before which services are restarted by hand, and which.

    To the plan's own restarts it adds those that no phone's trust depends on: the
    services would go on showing the certificate that was replaced.
    """
    found: dict[int, tuple[str, ...]] = {}
    is_due = False
    for each in plan.steps or ():
        if isinstance(each.step, Regenerate):
            is_due |= each.step.unit is TrustStore.CALLMANAGER
        elif isinstance(each.step, ResetPhones) and is_due:
            services = services_by_hand(plan.task.layout.release)
            if each.number in plan.restarts:
                services = tuple(dict.fromkeys((CALLMANAGER, *services)))
            found[each.number], is_due = services, False
    return found


def callmanager_restarts(plan: Plan) -> list[int]:
    """Return the resets before which Cisco CallManager is restarted by hand."""
    restarts = restarts_of(plan).items()
    return [number for number, names in restarts if CALLMANAGER in names]


def restart_page(services: tuple[str, ...]) -> str:
    """Return the way to each service's `Restart`."""
    first, *others = services
    found = (
        "Cisco Unified Serviceability (https://NODE/ccmservice) > Tools > Control "
        f"Center - {_kind(first)} Services > Server (one after the other) > Go > "
        f"{first} > Restart > OK"
    )
    return found + "".join(
        f", then {each} (Control Center - {_kind(each)} Services)" for each in others
    )


def _kind(service: str) -> str:
    return "Network" if service in _NETWORK_SERVICES else "Feature"
