"""Descriptions that people write in TOML, of fleets and rehearsals: bounded, strict."""

from pathlib import Path
from typing import TypeVar

import msgspec

from tokenless.ground.toml_files import (
    TomlFileError,
    fault_of,
    line_of,
    load_toml,
    shown,
)
from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError

Described = TypeVar("Described", bound=msgspec.Struct)


def load_description(
    path: Path, kind: type[Described], *, what: str, whence: str, manual: str
) -> Described:
    """Read a file as a value of a type, whose unknown keys are refused.

    Args:
        path: The file.
        kind: What it describes.
        what: What that is called.
        whence: What a person names to have such a file.
        manual: The page that has its keys.

    Raises:
        PhoneError: When it cannot be read, is too long, is no TOML, or has unknown keys
            or impossible values.
    """
    try:
        text, tables = load_toml(path)
    except OSError as error:
        reason = f"{what} {path} cannot be read: {error.strerror}"
        raise UnreadableFileError(reason, hint=whence) from error
    except TomlFileError as error:
        raise PhoneError(f"{what} {path}: {error}", hint=error.hint) from None
    try:
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:
        fault = fault_of(error, kind)
        line = line_of(text, fault.keys)
        place = f"{path}:{line}" if line else str(path)
        meant = f"did you mean `{fault.meant}`? " if fault.meant else ""
        raise PhoneError(
            f"{what} {place}: {shown(fault.keys)}: {fault.reason}",
            hint=f"{meant}{manual} has its keys",
        ) from error
