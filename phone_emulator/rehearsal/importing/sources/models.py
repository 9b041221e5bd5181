"""Phone models of a real cluster, by name or number, and which emulated one plays them.

Models of which nothing is known (`protocol.phones.features`) are counted for
themselves, never as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError
from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.features import (
    FEATURES,
    FeatureList,
    ModelFeatures,
    find_features,
    plain_name,
    read_feature_list,
)
from tokenless.protocol.phones.models import OBSERVED_MODELS, PHONE_MODELS
from tokenless.protocol.phones.numbers import MODEL_NUMBERS
from tokenless.protocol.show_output.paste import decode_pasted

_TEMPLATES: Final[Mapping[int, str]] = {
    15: "EMCC Base Phone",
    645: "Universal Device Template",
    640: "Usage Profile",
}
"""Devices of an export that are not phones, by number (REFERENCE-5 1.2)."""
_SKIPPED: Final = frozenset(map(str.casefold, _TEMPLATES.values()))
_NUMBERS: Final[Mapping[int, str]] = {**MODEL_NUMBERS, **_TEMPLATES}
_MAX_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RealModel:
    """A model as a cluster calls it."""

    name: str
    """Without the maker: `8845`."""
    like: str | None
    """The emulated model that plays it; None when there is none."""
    has_trust_lists: bool = True
    """True if it is a phone that checks, or may check, lists; trunks are none."""
    unknown: tuple[str, ...] = ()
    """Features that nothing tells: its emulation takes those of an observed model."""
    inferred: tuple[str, ...] = ()

    @property
    def is_itself(self) -> bool:
        """Return whether the emulator has this very model."""
        return self.like is not None and self.like.casefold() == self.name.casefold()


def real_model(text: str, table: Mapping[str, ModelFeatures] = FEATURES) -> RealModel:
    """Return a model by its name in an export, or its number.

    Args:
        text: As the export has it.
        table: What models can do; a cluster's own list may be laid over it.
    """
    name = text.strip()
    number = read_decimal(name, max(_NUMBERS))
    if number is not None and number in _NUMBERS:
        name = _NUMBERS[number]  # no number is also the name of a model
    name = plain_name(name)
    found = find_features(name, table)
    if found is None:
        return RealModel(name, None, has_trust_lists=name.casefold() not in _SKIPPED)
    is_as_known = found.like == FEATURES[found.name].like
    is_emulated = is_as_known and found.name in PHONE_MODELS
    like = found.name if is_emulated else found.like
    has_lists = found.checks_lists
    if not is_emulated or found.name in OBSERVED_MODELS:
        return RealModel(found.name, like, has_lists)
    cells = found.cells().items()
    unknown = tuple(name for name, cell in cells if not cell.is_known)
    inferred = tuple(name for name, cell in cells if cell.mark == "I")
    return RealModel(found.name, like, has_lists, unknown, inferred)


def load_features(path: Path) -> FeatureList:
    """Read a "Unified CM Phone Feature List" as CSV or a copied table.

    Raises:
        PhoneError: When it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableFileError(
            f"{path} cannot be read: {error.strerror}", hint="name a file of yours"
        ) from error
    if len(data) > _MAX_BYTES:
        raise PhoneError(f"{path} has over {_MAX_BYTES} bytes", hint="give one list")
    try:
        return read_feature_list(decode_pasted(data))
    except ProtocolError as error:
        raise PhoneError(
            f"{path} is not a phone feature list: {error}",
            hint="Unified Reporting > Unified CM Phone Feature List, with the columns "
            "Product, Protocol and Feature",
        ) from None
