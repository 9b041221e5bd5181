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
    from tokenless.phone_emulator.secd.events import (
        PhoneBehaviour,
        PhoneIdentity,
        Server,
    )
    from tokenless.phone_emulator.secd.report import (
        BootReport,
        FileAction,
        Outcome,
    )

__all__ = [
    "BootReport",
    "FileAction",
    "Fleet",
    "FleetGroup",
    "FleetPlan",
    "FleetReport",
    "FleetSettings",
    "FleetStore",
    "FolderFlash",
    "Network",
    "Outcome",
    "Phone",
    "PhoneBehaviour",
    "PhoneError",
    "PhoneIdentity",
    "Server",
    "boot_in_folder",
    "delete_trust",
    "load_plan",
    "open_network",
]

_HOMES: Final = {
    "errors": ("PhoneError",),
    "flash": ("FolderFlash",),
    "fleet.fleet": ("Fleet", "FleetSettings"),
    "fleet.plan": ("FleetGroup", "FleetPlan", "load_plan"),
    "fleet.report": ("FleetReport",),
    "fleet.store": ("FleetStore",),
    "phone": ("Network", "Phone", "open_network"),
    "secd.events": ("PhoneBehaviour", "PhoneIdentity", "Server"),
    "secd.report": ("FileAction", "BootReport", "Outcome"),
    "folder_boot": ("boot_in_folder", "delete_trust"),
}
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
    return getattr(import_module(f"{__name__}.{home}"), name)
