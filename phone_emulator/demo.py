"""The demo: the shipped rehearsal of the vendor's four flows, without any set-up."""

from pathlib import Path
from typing import Final

from phone_emulator.errors import PhoneError
from phone_emulator.rehearsal.script import SCRIPTS, Script, load_script

_NAME: Final = "four-flows.toml"
_CANDIDATES: Final = (
    SCRIPTS / _NAME,
    Path(__file__).parents[1] / SCRIPTS / _NAME,
    Path(__file__).with_name("scripts") / _NAME,
)


def load_demo() -> Script:
    """Load the script of the demo: the working folder's, else the shipped one.

    Raises:
        PhoneError: When it is not there or cannot be understood.
    """
    for path in _CANDIDATES:
        if path.exists():
            return load_script(path)
    raise PhoneError(f"{_NAME} is missing", hint="run it in the project's folder")
