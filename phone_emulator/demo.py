"""The demo: the shipped rehearsal of the vendor's four flows, without any set-up."""

from phone_emulator.rehearsal.library import find_scripts
from phone_emulator.rehearsal.script import Script


def load_demo() -> Script:
    """Load the script of the demo.

    Raises:
        PhoneError: When it is not there or cannot be understood.
    """
    return find_scripts("four-flows")[0]
