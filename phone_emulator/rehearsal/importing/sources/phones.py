"""The phones of a real cluster, by an export: how many of which model and device pool.

BAT (*Export Phones > All Details*), RIS (`SelectCmDevice` as CSV), or a table with the
columns model, device pool and count (REFERENCE-5 2). Only these columns are looked at:
names of people, numbers and secrets are never kept.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
    listed,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
    SourceLineError,
    load_bytes,
)
from tokenless.phone_emulator.rehearsal.importing.sources.models import (
    RealModel,
    real_model,
)
from tokenless.phone_emulator.rehearsal.importing.sources.phone_columns import (
    COUNT,
    MODEL,
    NAME,
    POOL,
    STATUS,
    TableRow,
    rows_of,
)
from tokenless.phone_emulator.rehearsal.scripts.script import MAX_PHONES
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.phones.features import COLUMN_WORDS, FEATURES, ModelFeatures
from tokenless.protocol.show_output.paste import decode_pasted

MAX_TABLE_BYTES: Final = 64 * 1024 * 1024
MAX_ROWS: Final = 200_000
MAX_KINDS: Final = 400
_REGISTERED: Final = "registered"


@dataclass(frozen=True, slots=True)
class PhoneKind:
    """Phones of one model in one device pool."""

    pool: str
    """Empty when the table has none."""
    model: str
    """Without the maker: `8845`."""
    count: int
    like: str
    """The emulated model that plays them."""


@dataclass(frozen=True, slots=True)
class PhoneTable:
    """The content of an export of a cluster's phones."""

    kinds: tuple[PhoneKind, ...]
    approximations: tuple[Approximation, ...]
    unknown: tuple[str, ...] = ()
    """Models that were left out, as nothing is known of them."""
    unregistered: int | None = None
    """Devices that were not registered; None where the export does not tell."""

    def approximations_of(self, told: Collection[str]) -> Iterator[Approximation]:
        """Return the differences from the original, for pools with given groups.

        Raises:
            PhoneError: When one of them is no pool of the table.
        """
        pools = {kind.pool for kind in self.kinds}
        for name in told:
            if name not in pools:
                raise PhoneError(
                    f"no phone of the list has the device pool {printable(name)}",
                    hint=f"pools are {listed(sorted(map(printable, pools)))}",
                )
        yield from self.approximations
        yield Approximation(
            Topic.POOLS,
            _alike(pools, pools.difference(told)),
            "the export does not tell option 150, nor the groups of device pools; "
            "--pool tells groups",
        )


@dataclass(frozen=True, slots=True)
class _Device:
    pool: str
    model: str
    count: int
    status: str
    """The status of the export, in lower case; empty where it has none."""
    line: int

    @property
    def is_registered(self) -> bool:
        """Return whether the phone was registered."""
        return self.status == _REGISTERED


def _alike(pools: Collection[str], guessed: Collection[str]) -> str:
    """Say what device pools have in common here; the groups of some are guessed."""
    if len(pools) == 1:
        group = ", and so is its CallManager group" if guessed else ""
        return f"the order of the device pool's TFTP servers is a guess{group}"
    said = f"all {len(pools)} device pools ask the same TFTP servers in the same order"
    if len(guessed) == 1:
        return f"{said}, and the CallManager group of {printable(*guessed)} is a guess"
    same = f", and {len(guessed)} of them have the same CallManager group"
    return said + (same if guessed else "")


def load_phones(
    path: Path, features: Mapping[str, ModelFeatures] = FEATURES
) -> PhoneTable:
    """Read an export.

    Args:
        path: The file.
        features: What models can do.

    Raises:
        PhoneError: When it is none, has rows that cannot be read, or too many.
    """
    data = load_bytes(path, MAX_TABLE_BYTES)
    return phones_of(decode_pasted(data), str(path), features)


def phones_of(
    text: str, source: str, features: Mapping[str, ModelFeatures] = FEATURES
) -> PhoneTable:
    """Read the text of an export.

    Raises:
        PhoneError: As `load_phones`.
    """
    devices = _devices(rows_of(text, source), source)
    if not devices:
        raise PhoneError(f"{source} has no phones", hint="export at least one")
    return _table(devices, source, features)


def _devices(rows: Iterator[TableRow], source: str) -> list[_Device]:
    """Read the rows; a device that stands in several is taken once (RIS does that).

    Raises:
        PhoneError: When a row has no model, a count that is none, or another model
            than the same device in a row before.
    """
    devices: dict[str, _Device] = {}
    for row in rows:
        line, values = row.line, row.values
        if len(devices) == MAX_ROWS:
            raise PhoneError(
                f"{source} has over {MAX_ROWS} rows", hint="give one cluster's phones"
            )
        device = _device(values, line, source)
        key = values.get(NAME, "").split("(")[0].strip().casefold() or f"#{line}"
        known = devices.setdefault(key, device)
        if known.model.casefold() != device.model.casefold():
            raise SourceLineError(
                f"{source}, line {line}: this device has another model in line "
                f"{known.line}",
                line,
                hint="delete the row that is older",
            )
        if device.is_registered and not known.is_registered:
            devices[key] = device
    return list(devices.values())


def _device(values: Mapping[str, str], line: int, source: str) -> _Device:
    model, count = values.get(MODEL), values.get(COUNT) or "1"
    number = read_decimal(count, MAX_PHONES)
    if not model:
        raise SourceLineError(
            f"{source}, line {line}: the row has no model",
            line,
            hint="a comma is missing, or the export was edited; export it again",
        )
    if not number:
        raise SourceLineError(
            f"{source}, line {line}: {printable(count)[:20]!r} is not a number of "
            "phones",
            line,
            hint=f"write 1 to {MAX_PHONES}",
        )
    status = values.get(STATUS, "").casefold()
    return _Device(values.get(POOL, ""), model, number, status, line)


def _table(
    devices: Sequence[_Device], source: str, features: Mapping[str, ModelFeatures]
) -> PhoneTable:
    kinds: Counter[tuple[str, str, str]] = Counter()
    played: Counter[tuple[str, str]] = Counter()
    guessed: dict[RealModel, int] = {}
    unknown: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for device in devices:
        model = real_model(device.model, features)
        name = printable(model.name)[:40]
        if model.like is None:
            _left_out(model, skipped, unknown)[name] += device.count
            continue
        kinds[device.pool, name, model.like] += device.count
        if not model.is_itself:
            played[name, model.like] += device.count
        elif model.inferred or model.unknown:
            guessed[model] = guessed.get(model, 0) + device.count
    if not kinds:
        left = _said(Counter(), unknown, skipped)
        why = "; ".join(f"{each.what} ({each.why})" for each in left)
        raise PhoneError(
            f"{source} has no phone that can be played: {why}",
            hint="name phones with --models instead",
        )
    _check_sizes(kinds, source)
    found = tuple(
        PhoneKind(pool, model, n, like) for (pool, model, like), n in kinds.items()
    )
    told = any(device.status for device in devices)
    off = sum(device.count for device in devices if not device.is_registered)
    return PhoneTable(
        found,
        (*_guesses(guessed), *_said(played, unknown, skipped)),
        tuple(unknown),
        off if told else None,
    )


def _left_out(
    model: RealModel, skipped: Counter[str], unknown: Counter[str]
) -> Counter[str]:
    return unknown if model.has_trust_lists else skipped


def _check_sizes(kinds: Counter[tuple[str, str, str]], source: str) -> None:
    if len(kinds) > MAX_KINDS or kinds.total() > MAX_PHONES:
        raise PhoneError(
            f"{source} has {kinds.total()} phones in {len(kinds)} groups of a device "
            "pool and a model",
            hint=f"give at most {MAX_PHONES} phones in {MAX_KINDS} groups",
        )


def _guesses(models: Mapping[RealModel, int]) -> Iterator[Approximation]:
    """Tell which models are emulated by features that no source states."""
    if models:
        words = [
            f"{count} {model.name} ({_untold(model)})"
            for model, count in sorted(models.items(), key=lambda each: -each[1])
        ]
        yield Approximation(
            Topic.MODELS,
            f"models of which sources do not state every feature: {listed(words)}",
            "what is unknown is as that of a model like it, which sources describe",
        )


def _untold(model: RealModel) -> str:
    parts = (("inferred", model.inferred), ("unknown", model.unknown))
    said = ((mark, ", ".join(map(COLUMN_WORDS.__getitem__, n))) for mark, n in parts)
    return "; ".join(f"{mark}: {names}" for mark, names in said if names)


def _said(
    played: Counter[tuple[str, str]],
    unknown: Counter[str],
    skipped: Counter[str],
) -> Iterator[Approximation]:
    if played:
        words = [f"{n} {real} as {like}" for (real, like), n in played.most_common()]
        yield Approximation(
            Topic.MODELS,
            f"models that another one plays: {listed(words)}",
            "the cluster's list of features says of them what the table does not",
        )
    for models, why in (
        (unknown, "nothing is known of how these models judge trust lists"),
        (skipped, "these check no trust lists, or are no phones"),
    ):
        if models:
            words = [f"{n} {name}" for name, n in models.most_common()]
            yield Approximation(Topic.PHONES, f"left out: {listed(words)}", why)
