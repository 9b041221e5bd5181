"""Emulated phones: SECD's decisions, flash, clients, fleets, the demo.

The names below are the public face for other programs; see docs/phone.md. They are
imported on first use: the pytest plugin lives here, too, and must not slow down suites
that use no phone.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokenless.phone_emulator.errors import PhoneError
    from tokenless.phone_emulator.flash import FolderFlash
    from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
    from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan, load_plan
    from tokenless.phone_emulator.fleet.report import FleetReport
    from tokenless.phone_emulator.fleet.store import FleetStore
    from tokenless.phone_emulator.folder_boot import boot_in_folder, delete_trust
    from tokenless.phone_emulator.phone import Network, Phone, open_network
    from tokenless.phone_emulator.pytest_plugin.cluster import (
        ClusterUnderTest,
        NodeService,
    )
    from tokenless.phone_emulator.pytest_plugin.containers import ContainerCluster
    from tokenless.phone_emulator.pytest_plugin.external import ExternalCluster
    from tokenless.phone_emulator.pytest_plugin.lab import LabCluster, running_lab
    from tokenless.phone_emulator.pytest_plugin.phones import (
        FleetMaker,
        LabFleet,
        LabPhone,
        PhoneMaker,
    )
    from tokenless.phone_emulator.registration.call import (
        CallFailure,
        CallLevel,
        CallReport,
    )
    from tokenless.phone_emulator.registration.report import (
        Failure,
        RegistrationOutcome,
        RegistrationReport,
    )
    from tokenless.phone_emulator.secd.events import (
        PhoneBehaviour,
        PhoneIdentity,
        Server,
    )
    from tokenless.phone_emulator.secd.report import (
        BootReport,
        FileAction,
        FileReport,
        Outcome,
        TvsReport,
    )
    from tokenless.protocol.phones.device_security import CapfOperation, DeviceSecurity
    from tokenless.protocol.trust.anchors import FileKind, VerifiedBy
    from tokenless.protocol.trust.reasons import Reason

__all__ = [
    "BootReport",
    "CallFailure",
    "CallLevel",
    "CallReport",
    "CapfOperation",
    "ClusterUnderTest",
    "ContainerCluster",
    "DeviceSecurity",
    "ExternalCluster",
    "Failure",
    "FileAction",
    "FileKind",
    "FileReport",
    "Fleet",
    "FleetGroup",
    "FleetMaker",
    "FleetPlan",
    "FleetReport",
    "FleetSettings",
    "FleetStore",
    "FolderFlash",
    "LabCluster",
    "LabFleet",
    "LabPhone",
    "Network",
    "NodeService",
    "Outcome",
    "Phone",
    "PhoneBehaviour",
    "PhoneError",
    "PhoneIdentity",
    "PhoneMaker",
    "Reason",
    "RegistrationOutcome",
    "RegistrationReport",
    "Server",
    "TvsReport",
    "VerifiedBy",
    "boot_in_folder",
    "delete_trust",
    "load_plan",
    "open_network",
    "running_lab",
]

_HOMES: Final = {
    "phone_emulator.errors": ("PhoneError",),
    "phone_emulator.flash": ("FolderFlash",),
    "phone_emulator.fleet.fleet": ("Fleet", "FleetSettings"),
    "phone_emulator.fleet.plan": ("FleetGroup", "FleetPlan", "load_plan"),
    "phone_emulator.fleet.report": ("FleetReport",),
    "phone_emulator.fleet.store": ("FleetStore",),
    "phone_emulator.folder_boot": ("boot_in_folder", "delete_trust"),
    "phone_emulator.phone": ("Network", "Phone", "open_network"),
    "phone_emulator.pytest_plugin.cluster": ("ClusterUnderTest", "NodeService"),
    "phone_emulator.pytest_plugin.containers": ("ContainerCluster",),
    "phone_emulator.pytest_plugin.external": ("ExternalCluster",),
    "phone_emulator.pytest_plugin.lab": ("LabCluster", "running_lab"),
    "phone_emulator.pytest_plugin.phones": (
        "FleetMaker",
        "LabFleet",
        "LabPhone",
        "PhoneMaker",
    ),
    "phone_emulator.registration.call": ("CallFailure", "CallLevel", "CallReport"),
    "phone_emulator.registration.report": (
        "Failure",
        "RegistrationOutcome",
        "RegistrationReport",
    ),
    "phone_emulator.secd.events": ("PhoneBehaviour", "PhoneIdentity", "Server"),
    "phone_emulator.secd.report": (
        "BootReport",
        "FileAction",
        "FileReport",
        "Outcome",
        "TvsReport",
    ),
    "protocol.phones.device_security": ("CapfOperation", "DeviceSecurity"),
    "protocol.trust.anchors": ("FileKind", "VerifiedBy"),
    "protocol.trust.reasons": ("Reason",),
}
"""Modules below `tokenless`, and what is public of each."""
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

_FORMER: Final = {
    "Action": "FileAction",
    "Habits": "PhoneBehaviour",
    "Identity": "PhoneIdentity",
}
"""Names of 0.1 that work for one more release."""


def __getattr__(name: str) -> object:
    """Import a public name (PEP 562)."""
    if name in _FORMER:
        warnings.warn(
            f"{__name__}.{name} is called {_FORMER[name]} now",
            DeprecationWarning,
            stacklevel=2,
        )
        name = _FORMER[name]
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tokenless.{home}"), name)
