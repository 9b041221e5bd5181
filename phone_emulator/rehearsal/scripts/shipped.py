"""The available rehearsals: those of the working folder, or else the shipped ones."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from tokenless.ground.files import SHIPPED_CONFIGS
from tokenless.phone_emulator.errors import PhoneError, WrongNameError
from tokenless.phone_emulator.rehearsal.scripts.script import SCRIPTS, Script
from tokenless.phone_emulator.rehearsal.scripts.script_files import (
    CheckFile,
    load_scripts,
)

_FOLDERS: Final = (SCRIPTS, SHIPPED_CONFIGS / SCRIPTS.name)
_ENDING: Final = ".toml"


def shipped_folder() -> Path:
    """Return the folder of rehearsals.

    Raises:
        PhoneError: When there is none.
    """
    for folder in _FOLDERS:
        if folder.is_dir():
            return folder
    raise PhoneError("no rehearsals are installed", hint="name a file")


def all_scripts(check: CheckFile | None = None) -> Iterator[Script]:
    """Load every rehearsal of the folder, by file name, each variant for itself.

    Args:
        check: As `load_scripts` has it.

    Raises:
        PhoneError: When one of them cannot be understood.
    """
    for path in sorted(shipped_folder().glob(f"*{_ENDING}")):
        yield from load_scripts(path, check)


def find_scripts(name: str, check: CheckFile | None = None) -> list[Script]:
    """Return the rehearsals that a person means: a file, a name, or one variant.

    A script with variants is all of them, or the plain one where it has that;
    `NAME@VARIANT` is one.

    Args:
        name: What was typed.
        check: As `load_scripts` has it.

    Raises:
        WrongNameError: When there is none.
        PhoneError: When it cannot be understood.
    """
    if name.endswith(_ENDING):
        return load_scripts(Path(name), check)
    base, _, variant = name.partition("@")
    path = shipped_folder() / f"{base}{_ENDING}"
    if "/" in base or not path.is_file():
        raise WrongNameError(f"there is no rehearsal {name}", hint=_meant(base))
    scripts = load_scripts(path, check)
    found = [script for script in scripts if script.name == name]
    if not found and not variant:
        return scripts
    if not found:
        names = ", ".join(script.name for script in scripts)
        raise WrongNameError(
            f"there is no rehearsal {name}", hint=f"available: {names}"
        )
    return found


def _meant(base: str) -> str:
    """Suggest the most similar names to a mistyped one."""
    names = [path.stem for path in shipped_folder().glob(f"*{_ENDING}")]
    close = get_close_matches(base, names)
    guess = f"did you mean {' or '.join(close)}? " if close else ""
    return (
        f"{guess}see `tokenless rehearse list`, or name a file that ends in {_ENDING}"
    )
