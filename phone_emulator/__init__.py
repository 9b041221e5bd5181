"""Emulated phones: SECD's decisions, flash, clients, fleets, the demo.

The names below are the public face for other programs; see docs/phone.md.
"""

from phone_emulator.errors import PhoneError
from phone_emulator.flash import FolderFlash
from phone_emulator.fleet.fleet import Fleet, FleetSettings
from phone_emulator.fleet.plan import FleetGroup, FleetPlan, load_plan
from phone_emulator.fleet.report import FleetReport
from phone_emulator.fleet.store import FleetStore
from phone_emulator.phone import Network, Phone, open_network
from phone_emulator.secd.events import Habits, Identity, Server
from phone_emulator.secd.report import Action, BootReport, Outcome
from phone_emulator.single import boot_in_folder, delete_trust

__all__ = [
    "Action",
    "BootReport",
    "Fleet",
    "FleetGroup",
    "FleetPlan",
    "FleetReport",
    "FleetSettings",
    "FleetStore",
    "FolderFlash",
    "Habits",
    "Identity",
    "Network",
    "Outcome",
    "Phone",
    "PhoneError",
    "Server",
    "boot_in_folder",
    "delete_trust",
    "load_plan",
    "open_network",
]
