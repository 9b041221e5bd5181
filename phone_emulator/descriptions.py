"""Descriptions that people write in TOML, of fleets and rehearsals: bounded, strict."""

import tomllib
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tokenless.phone_emulator.errors import PhoneError
from tokenless.toml_places import fault_of, line_of, shown

MAX_BYTES: Final = 1 << 20
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
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = f"{what} {path} cannot be read: {error.strerror}"
        raise PhoneError(reason, hint=whence) from error
    if len(data) > MAX_BYTES:
        # A part of it would be another fleet, or a rehearsal without its last steps.
        raise PhoneError(f"{what} {path} has over 1 MB", hint="divide it")
    text = ""
    try:
        text = data.decode()
        return msgspec.convert(tomllib.loads(text), kind)
    except UnicodeDecodeError as error:
        reason = f"{what} {path} is no text: {error}"
        raise PhoneError(reason, hint="save it as UTF-8") from error
    except RecursionError:
        reason = f"{what} {path} is nested too deeply"
        raise PhoneError(reason, hint=f"{manual} has its keys") from None
    except tomllib.TOMLDecodeError as error:
        reason = f"{what} {path}: {error}"
        raise PhoneError(reason, hint=f"{manual} has its keys") from error
    except msgspec.ValidationError as error:
        fault = fault_of(error, kind)
        line = line_of(text, fault.keys)
        place = f"{path}:{line}" if line else str(path)
        meant = f"did you mean `{fault.meant}`? " if fault.meant else ""
        raise PhoneError(
            f"{what} {place}: {shown(fault.keys)}: {fault.reason}",
            hint=f"{meant}{manual} has its keys",
        ) from error
