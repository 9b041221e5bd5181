"""Plays what a cluster does by itself after a change, and its phones with it."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.rehearsal.rig.clusters.cluster import RunningCluster
from tokenless.phone_emulator.rehearsal.rig.clusters.race import Draw, Moment, Race
from tokenless.phone_emulator.rehearsal.rig.phones.boots import Progress
from tokenless.phone_emulator.rehearsal.rig.phones.copies import PhoneCopies
from tokenless.phone_emulator.rehearsal.rig.phones.groups import PhoneGroups
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import Waiting
from tokenless.services.node.follow_up import Stage

Registrations = Callable[[], Awaitable[Mapping[str, RegistrationReport]]]
"""Finds out where phones that are on are registered now, by device."""

_LOOKS: Final = 5
"""At so many moments of a race copies of all phones boot."""


class AutomaticResets:
    """Lets nodes follow changes, and phones boot in between."""

    def __init__(
        self, phone_groups: PhoneGroups, copies: PhoneCopies, seed: int
    ) -> None:
        """Prepare.

        Args:
            phone_groups: The phones.
            copies: Copies of them, which show what would happen.
            seed: Of the draws; the same seed gives the same moments.
        """
        self._phones = phone_groups
        self._copies = copies
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
        self.races: list[Race] = []
        """The races since the caller last emptied this."""
        self.unregistered = 0
        """The most phones without dial tone at such a moment, since it was set to 0."""

    async def follow(
        self,
        running: RunningCluster,
        registrations: Registrations,
        progress: Progress,
        on_boot: Callable[[int], None],
    ) -> Race | None:
        """Play the actions of a cluster's nodes; None when they reset no phone.

        Args:
            running: The cluster.
            registrations: Tells which phones a reset reaches.
            progress: Called after each phone.
            on_boot: Is told how many phones are about to boot.
        """
        pace = running.served.pace
        due = pace.due
        if not any(each.resets_phones for each in due.values()):
            await pace.finish()
            return None
        reached, unreached = await self._reached(running, registrations)
        draw = Draw.of(self._chance, due, reached)
        on_boot(len(reached))
        at_risk = await self._play(running, draw, progress)
        await pace.finish()
        race = Race(draw.nodes, draw.moments, unreached, at_risk)
        self.races.append(race)
        return race

    async def _reached(
        self, running: RunningCluster, registrations: Registrations
    ) -> tuple[frozenset[str], int]:
        """Return the phones that are registered here, and how many are nowhere."""
        found = await registrations()
        addresses = {node.address for node in running.cluster.nodes}
        nowhere = sum(not each.is_registered for each in found.values())
        self.unregistered = max(self.unregistered, nowhere)
        here = frozenset(
            device
            for device, each in found.items()
            if each.is_registered and each.address.rpartition(":")[0] in addresses
        )
        return here, nowhere

    async def _play(
        self, running: RunningCluster, draw: Draw, progress: Progress
    ) -> Mapping[str, int]:
        """Let nodes follow stage by stage; return phones that would refuse a file."""
        phones, stages = self._phones, draw.stages
        up = {name for name in running.servers if running.served.is_up(name)}
        held = phones.waiting(draw.slots)
        looks, refusing = _looks(draw), set[str]()
        for slot in range(len(stages) + 1):
            if slot in looks:
                refusing |= await self._would_refuse(held, up)
            if devices := draw.devices_at(slot):
                is_last = draw.moment(slot) is Moment.AFTER
                await phones.reset(devices, progress, is_last=is_last)
            if slot < len(stages):
                await running.served.pace.step(*stages[slot])
        return Counter(phones.group_of(device) for device in refusing)

    async def _would_refuse(
        self, held: Mapping[str, Waiting], up: Collection[str]
    ) -> frozenset[str]:
        """Return the phones whose copies refuse something at their own node now."""
        names = {server: name for name, server in self._phones.nodes.items()}
        at_home = {
            device: replace(
                phone,
                identity=msgspec.structs.replace(
                    phone.identity,
                    servers=tuple(
                        server
                        for server in phone.identity.servers
                        if names.get(server) in up
                    )[:1],
                ),
            )
            for device, phone in held.items()
        }
        found = await self._copies.predicted(at_home, up)
        return frozenset(device for device, each in found.items() if each.refusals)


def _looks(draw: Draw) -> frozenset[int]:
    """Return the moments at which copies boot: the first, the last, some between.

    Of a node's stages the first two decide over files; the end of the last one that
    does is as good as the end of all.
    """
    last = len(draw.stages)
    deciding = [
        slot
        for slot in range(1, last - 1)
        if draw.stages[slot - 1][1] is not Stage.PHONES
    ]
    between = max(1, -(-len(deciding) // (_LOOKS - 2)))
    return frozenset({0, last, *deciding[::between]})
