"""The phones of a fleet: from the command line, or from a TOML description.

seed = 7
[[group]]
model = "7975"
count = 9000
first_mac = "001122000000"
[[group]]
model = "8861"
count = 1000
first_mac = "001122100000"
tftp = "127.0.47.156:6969,127.0.47.155:6969"     # else what --tftp says
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tokenless.phone_emulator.addresses import parse_servers
from tokenless.phone_emulator.descriptions import load_description
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.protocol.phones.models import PHONE_MODELS, hint_for_unknown_models

MAX_PHONES: Final = 1_000_000
_MAC_DIGITS: Final = 12
_MAC_LIMIT: Final = 1 << 48

Shard = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,5}/[1-9][0-9]{0,5}\Z",
        description="a part of several as 2/3",
    ),
]
MacAddress = Annotated[
    str, Meta(pattern=r"^[0-9A-Fa-f]{12}$", description="12 hexadecimal digits")
]


class FleetGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phones that are alike."""

    count: Annotated[int, Meta(ge=1, le=MAX_PHONES)]
    model: str = "7975"
    first_mac: MacAddress = "001122000000"
    """The first phone's; the others count up from it."""
    tftp: str | None = None


class FleetPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All phones of a fleet."""

    group: tuple[FleetGroup, ...]
    seed: int = 0
    """Decides order and times of power-up within a ramp."""
    shard: Shard = "1/1"
    """`2/3`: of each three phones the second. A fleet that is too large for one machine
    is divided: each phone belongs to exactly one of the shards 1/3, 2/3 and 3/3."""

    @property
    def count(self) -> int:
        """Return the number of phones."""
        return sum(group.count for group in self.group)

    def phones(self, servers: tuple[Server, ...]) -> Iterator[PhoneIdentity]:
        """Return every phone of the shard.

        Args:
            servers: The TFTP servers of groups that name none.

        Raises:
            PhoneError: When a group has no TFTP servers at all.
        """
        number, of = parse_shard(self.shard)
        return islice(self._all_phones(servers), number - 1, None, of)

    def _all_phones(self, servers: tuple[Server, ...]) -> Iterator[PhoneIdentity]:
        for group in self.group:
            where = parse_servers(group.tftp) if group.tftp else servers
            if not where:
                raise PhoneError(
                    f"the group of model {group.model} has no TFTP server",
                    hint="give --tftp, or `tftp` in the group",
                )
            first = int(group.first_mac, 16)
            prefix = PHONE_MODELS[group.model].device_prefix
            for number in range(first, first + group.count):
                yield PhoneIdentity(
                    device=f"{prefix}{number:0{_MAC_DIGITS}X}",
                    model_name=group.model,
                    servers=where,
                )


def parse_shard(text: str) -> tuple[int, int]:
    """Return which part of how many a text such as `2/3` means.

    Raises:
        PhoneError: When it is none.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", text)
    number, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= of:
        raise PhoneError(
            f"{text!r} is not a part of a fleet", hint="write 1/3, 2/3 and 3/3"
        )
    return number, of


def load_plan(path: Path) -> FleetPlan:
    """Read and check a description.

    Raises:
        PhoneError: When it cannot be read, has unknown keys or impossible values.
    """
    plan = load_description(
        path,
        FleetPlan,
        what="fleet",
        whence="--plan names a TOML file; docs/phone.md has an example",
        manual="docs/phone.md",
    )
    return check_plan(plan)


def check_plan(plan: FleetPlan) -> FleetPlan:
    """Return the plan when it makes sense.

    Raises:
        PhoneError: When a model is unknown or two phones have the same address.
    """
    if not 0 < plan.count <= MAX_PHONES:
        raise PhoneError(
            f"a fleet of {plan.count} phones", hint=f"1 to {MAX_PHONES} are possible"
        )
    number, _ = parse_shard(plan.shard)
    if number > plan.count:
        raise PhoneError(
            f"the part {plan.shard} of {plan.count} phones is empty",
            hint="divide it into fewer parts",
        )
    taken: list[range] = []
    for group in plan.group:
        if group.model not in PHONE_MODELS:
            raise PhoneError(
                f"the model {group.model} is not known",
                hint=hint_for_unknown_models(group.model),
            )
        first = int(group.first_mac, 16)
        addresses = range(first, first + group.count)
        if addresses.stop > _MAC_LIMIT:
            raise PhoneError(
                f"addresses from {group.first_mac} on run out",
                hint="begin with a lower first_mac",
            )
        if any(a.start < addresses.stop and addresses.start < a.stop for a in taken):
            raise PhoneError(
                f"two groups have phones with the same address ({group.first_mac})",
                hint="give each group a first_mac of its own",
            )
        taken.append(addresses)
    return plan
