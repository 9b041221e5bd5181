"""The phones of a rehearsal: groups of a fleet that boot over real sockets."""

from collections.abc import Collection, Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Final

import msgspec
import trio

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.fleet.factory import FleetKeys
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import Clock
from tokenless.phone_emulator.rehearsal.rig.phones.boots import GroupBoots, Progress
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import Waiting
from tokenless.phone_emulator.rehearsal.rig.service_log import LogTap
from tokenless.phone_emulator.rehearsal.scripts.script import Group
from tokenless.phone_emulator.secd.events import (
    FlashContents,
    PhoneBehaviour,
    PhoneIdentity,
    Server,
)
from tokenless.protocol.phones.models import PHONE_MODELS

_FIRST_MAC: Final = 0x001122000000


class PhoneGroups:
    """All phones of a rehearsal, and the last report of each."""

    def __init__(
        self,
        groups: Sequence[Group],
        sizes: Mapping[str, int],
        nodes: Mapping[str, Server],
        *,
        usual: Sequence[str],
        store: FleetStore,
        tap: LogTap,
        clock: Clock,
        manufacturer: Path,
    ) -> None:
        """Set the phones up, without power.

        Args:
            groups: Who they are.
            sizes: How many phones each group has.
            nodes: The TFTP server of each node, by name.
            usual: The nodes that phones ask whose group names none.
            store: Where their flash is.
            tap: Where the services' log can be read.
            clock: What the phones take for the time.
            manufacturer: The folder of the manufacturer of their MICs.
        """
        self._manufacturer = manufacturer
        self._keys = FleetKeys()
        self._mics = {group.name: group.mic for group in groups}
        self._store = store
        self.nodes = dict(nodes)
        self._clock = clock
        self._groups = self._identities(groups, sizes, usual)
        self._group_of = {
            each.device: n for n, phones in self._groups.items() for each in phones
        }
        self._off: set[str] = set()
        self._changed = set(self._groups)
        """Groups that were not restarted since something changed, or never booted."""
        firsts = {n: each[0].device for n, each in self._groups.items() if each}
        self.boots = GroupBoots(firsts, store, tap, clock)

    def _identities(
        self, groups: Sequence[Group], sizes: Mapping[str, int], usual: Sequence[str]
    ) -> dict[str, list[PhoneIdentity]]:
        """Give every phone a MAC address, and the servers and habits of its group."""
        addresses = count(_FIRST_MAC)
        phones: dict[str, list[PhoneIdentity]] = {}
        for group in groups:
            order = self._servers(group.tftp or usual)
            habits = PhoneBehaviour(refuses_expired_signers=group.minds_expiry)
            prefix = PHONE_MODELS[group.played].device_prefix
            phones[group.name] = [
                PhoneIdentity(
                    device=f"{prefix}{number:012X}",
                    model_name=group.played,
                    servers=order,
                    habits=habits,
                )
                for number in islice(addresses, sizes[group.name])
            ]
        return phones

    @property
    def groups(self) -> Mapping[str, Sequence[PhoneIdentity]]:
        """All phones by group."""
        return self._groups

    def is_off(self, name: str) -> bool:
        """Return whether a group is off the network."""
        return name in self._off

    def size(self, names: Sequence[str]) -> int:
        """Return how many phones a boot of these groups concerns."""
        return sum(len(self._groups[name]) for name in self._powered(names))

    async def boot(
        self, names: Sequence[str], progress: Progress, *, string: str | None = None
    ) -> None:
        """Restart groups; all that are on when no name is given.

        The first phone of each group boots alone, so that what both sides log meanwhile
        is about it.

        Args:
            names: The groups.
            progress: Called after each phone.
            string: CAPF's authentication string, if a person types it.
        """
        chosen = {name: self._groups[name] for name in self._powered(names)}
        self._changed.difference_update(chosen)
        await self.boots.by_hand(chosen, progress, string)

    async def reset(
        self, devices: Collection[str], progress: Progress, *, is_last: bool
    ) -> None:
        """Restart phones that their server reset.

        Args:
            devices: Which.
            progress: Called after each phone.
            is_last: Whether everything has followed the change.
        """
        chosen = {
            name: [phone for phone in phones if phone.device in devices]
            for name, phones in self._groups.items()
        }
        chosen = {name: phones for name, phones in chosen.items() if phones}
        if is_last:
            self._changed.difference_update(
                name
                for name, phones in chosen.items()
                if len(phones) == len(self._groups[name])
            )
        await self.boots.boot(chosen, progress)

    def note_change(self) -> None:
        """Remember that something changed outside the phones."""
        self._changed.update(self._groups)

    def switch(self, names: Sequence[str], *, on: bool) -> None:
        """Take groups off the network, or bring them back."""
        self._changed.update(self._known(names))
        if on:
            self._off.difference_update(self._known(names))
        else:
            self._off.update(self._known(names))

    def move(self, names: Sequence[str], nodes: Sequence[str]) -> None:
        """Give groups other TFTP servers, as DHCP option 150 does."""
        order = self._servers(nodes)
        self._changed.update(self._known(names))
        for name in self._known(names):
            self._groups[name] = [
                msgspec.structs.replace(phone, servers=order)
                for phone in self._groups[name]
            ]

    def delete_trust(self, names: Sequence[str]) -> None:
        """Erase both lists on every phone of the groups, as a person does by hand."""
        self._changed.update(self._known(names))
        self._store.delete_trust(self._devices(names))

    def factory_reset(self, names: Sequence[str]) -> None:
        """Erase all that the groups' phones keep."""
        self._changed.update(self._known(names))
        self._store.factory_reset(self._devices(names))

    async def make_mics(self, name: str) -> None:
        """Give the phones of a group the certificates of their factory."""
        is_made = self._mics[name]
        if is_made is False:
            return
        for phone in self._groups[name]:
            await trio.lowlevel.checkpoint()  # the servers run beside
            if is_made or phone.model.has_mic:
                self._store.certificates(phone.device).make_mic(
                    phone.device,
                    phone.model_name,
                    self._manufacturer,
                    self._clock(),
                    self._keys.make_rsa,
                )

    def contents(self, name: str) -> dict[str, FlashContents]:
        """Return what each phone of a group holds in its flash, by device."""
        return {
            phone.device: self._store.flash(phone.device, phone.model_name).load()
            for phone in self._groups[name]
        }

    @property
    def uncertain(self) -> dict[str, Waiting]:
        """Phones that are off, not restarted since a change, or stuck, by device.

        Of the others, the last boot says what they take.
        """
        stuck = frozenset(self.boots.stuck)
        return {
            phone.device: self._waiting(phone)
            for name, phones in self._groups.items()
            for phone in phones
            if name in self._changed or name in self._off or phone.device in stuck
        }

    def running(self, name: str) -> list[str]:
        """Return the phones of a group that are on and have booted."""
        booted = () if name in self._off else self.boots.reports_of(name)
        return [p.device for p in self._groups[name] if p.device in booted]

    def waiting(self, devices: Collection[str]) -> dict[str, Waiting]:
        """Return phones with their lists, for copies of them."""
        return {
            phone.device: self._waiting(phone)
            for phones in self._groups.values()
            for phone in phones
            if phone.device in devices
        }

    def group_of(self, device: str) -> str:
        """Return the group of a phone."""
        return self._group_of[device]

    def first(self, name: str) -> Waiting:
        """Return the first phone of a group, with what it holds."""
        return self._waiting(self._groups[name][0])

    @property
    def off(self) -> tuple[str, ...]:
        """Groups that are off the network."""
        return tuple(name for name in self._groups if name in self._off)

    def _waiting(self, phone: PhoneIdentity) -> Waiting:
        return Waiting(
            phone,
            self._store.flash(phone.device, phone.model_name).load(),
            self._store.certificates(phone.device),
        )

    def _powered(self, names: Sequence[str]) -> list[str]:
        return [name for name in self._known(names) if names or name not in self._off]

    def _known(self, names: Sequence[str]) -> list[str]:
        for name in names:
            if name not in self._groups:
                raise PhoneError(
                    f"there is no group {name}",
                    hint=f"groups are {', '.join(self._groups)}",
                )
        return list(names) or list(self._groups)

    def _devices(self, names: Sequence[str]) -> list[str]:
        return [
            phone.device for name in self._known(names) for phone in self._groups[name]
        ]

    def _servers(self, names: Sequence[str]) -> tuple[Server, ...]:
        """Return TFTP servers in the order of their nodes' names."""
        try:
            return tuple(self.nodes[name] for name in names)
        except KeyError as error:
            raise PhoneError(
                f"the TFTP server {error.args[0]} is not a served node",
                hint=f"nodes are {', '.join(self.nodes)}",
            ) from None
