"""The phones of a rehearsal: groups of a fleet that boot over real sockets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from phone_emulator.errors import PhoneError
from phone_emulator.fleet.fleet import Fleet, FleetSettings
from phone_emulator.fleet.store import FleetStore
from phone_emulator.rehearsal.script import Group
from phone_emulator.secd.events import Identity, Server
from phone_emulator.secd.report import BootReport

_FIRST_MAC: Final = 0x001122000000
# Rehearsals lose no packets: a phone that gets no file will get none by asking again.
_SETTINGS: Final = FleetSettings(concurrency=64, retries=0)

Progress = Callable[[], None]
"""Is called when one more phone has booted."""


class Cast:
    """All phones of a rehearsal, and the last report of each."""

    def __init__(
        self,
        groups: Sequence[Group],
        sizes: Mapping[str, int],
        servers: Mapping[str, Server],
        store: FleetStore,
    ) -> None:
        """Set the phones up, without power.

        Args:
            groups: Who they are.
            sizes: How many phones each group has.
            servers: The TFTP server of each node, by name.
            store: Where their flash is.
        """
        self._store = store
        self._groups: dict[str, list[Identity]] = {}
        self._off: set[str] = set()
        self._reports: dict[str, dict[str, BootReport]] = {}
        mac = _FIRST_MAC
        for group in groups:
            order = _servers(group, servers)
            self._groups[group.name] = [
                Identity(
                    device=f"SEP{number:012X}", model_name=group.model, servers=order
                )
                for number in range(mac, mac + sizes[group.name])
            ]
            mac += sizes[group.name]

    def size(self, names: Sequence[str]) -> int:
        """Return how many phones a boot of these groups concerns."""
        return sum(len(self._groups[name]) for name in self._powered(names))

    async def boot(self, names: Sequence[str], progress: Progress) -> None:
        """Restart groups; all that are on when no name is given."""
        chosen = self._powered(names)
        group_of = {
            phone.device: name for name in chosen for phone in self._groups[name]
        }

        def keep(report: BootReport, _: object) -> None:
            group = self._reports.setdefault(group_of[report.device], {})
            group[report.device] = report
            progress()

        phones = [phone for name in chosen for phone in self._groups[name]]
        await Fleet(phones, self._store, _SETTINGS).boot(keep)

    def switch(self, names: Sequence[str], *, on: bool) -> None:
        """Take groups off the network, or bring them back."""
        if on:
            self._off.difference_update(self._known(names))
        else:
            self._off.update(self._known(names))

    def delete_trust(self, names: Sequence[str]) -> None:
        """Erase both lists on every phone of the groups, as a person does by hand."""
        self._store.delete_trust(iter(self._devices(names)))

    def factory_reset(self, names: Sequence[str]) -> None:
        """Erase all that the groups' phones keep."""
        self._store.factory_reset(iter(self._devices(names)))

    @property
    def reports(self) -> dict[str, list[BootReport]]:
        """The last report of every phone that has booted, by group."""
        return {name: list(each.values()) for name, each in self._reports.items()}

    @property
    def stuck(self) -> tuple[str, ...]:
        """Devices whose last boot left them with other files than are served."""
        return tuple(
            report.device
            for reports in self.reports.values()
            for report in reports
            if not report.holds_what_is_served
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


def _servers(group: Group, servers: Mapping[str, Server]) -> tuple[Server, ...]:
    """Return a group's TFTP servers in its order."""
    try:
        return tuple(servers[name] for name in group.tftp or servers)
    except KeyError as error:
        raise PhoneError(
            f"group {group.name} has the TFTP server {error.args[0]}, which is no node",
            hint=f"nodes are {', '.join(servers)}",
        ) from None
