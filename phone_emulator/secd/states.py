"""The states of a boot, and the one table of what leads from one to another."""

from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.trust.anchors import FileKind


@unique
class State(StrEnum):
    """The states of a boot."""

    OFF = "off"
    FETCHING_CTL = "fetching-ctl"
    ASKING_ABOUT_CTL = "asking-about-ctl"
    FETCHING_ITL = "fetching-itl"
    ASKING_ABOUT_ITL = "asking-about-itl"
    FETCHING_CONFIGURATION = "fetching-configuration"
    ASKING_ABOUT_CONFIGURATION = "asking-about-configuration"
    OPENING_CONFIGURATION = "opening-configuration"
    """The encrypted configuration is verified; the phone's key has to open it."""
    RUNNING = "running"


@unique
class Transition(StrEnum):
    """The causes of a change of state."""

    POWER_ON = "power on"
    NEXT_NAME = "next name"
    """The server does not have this name; the file may have another."""
    NEXT_SERVER = "next server"
    """The server is silent; there is another one."""
    ASK_TVS = "ask TVS first"
    """The signer is unknown and TVS can be asked."""
    NEXT_TVS = "next TVS"
    SETTLED = "settled"
    """Installed, refused, missing: the file's fate is known."""
    SKIPPED = "model has no ITL"
    ENCRYPTED = "the small file says encrypted"
    OPEN = "open it"


TRANSITIONS: Final[dict[State, dict[Transition, State]]] = {
    State.OFF: {Transition.POWER_ON: State.FETCHING_CTL},
    State.FETCHING_CTL: {
        Transition.NEXT_NAME: State.FETCHING_CTL,
        Transition.NEXT_SERVER: State.FETCHING_CTL,
        Transition.ASK_TVS: State.ASKING_ABOUT_CTL,
        Transition.SETTLED: State.FETCHING_ITL,
    },
    State.ASKING_ABOUT_CTL: {
        Transition.NEXT_TVS: State.ASKING_ABOUT_CTL,
        Transition.SETTLED: State.FETCHING_ITL,
    },
    State.FETCHING_ITL: {
        Transition.NEXT_NAME: State.FETCHING_ITL,
        Transition.NEXT_SERVER: State.FETCHING_ITL,
        Transition.ASK_TVS: State.ASKING_ABOUT_ITL,
        Transition.SETTLED: State.FETCHING_CONFIGURATION,
        Transition.SKIPPED: State.FETCHING_CONFIGURATION,
    },
    State.ASKING_ABOUT_ITL: {
        Transition.NEXT_TVS: State.ASKING_ABOUT_ITL,
        Transition.SETTLED: State.FETCHING_CONFIGURATION,
    },
    State.FETCHING_CONFIGURATION: {
        Transition.NEXT_NAME: State.FETCHING_CONFIGURATION,
        Transition.NEXT_SERVER: State.FETCHING_CONFIGURATION,
        Transition.ASK_TVS: State.ASKING_ABOUT_CONFIGURATION,
        Transition.ENCRYPTED: State.FETCHING_CONFIGURATION,
        Transition.OPEN: State.OPENING_CONFIGURATION,
        Transition.SETTLED: State.RUNNING,
    },
    State.ASKING_ABOUT_CONFIGURATION: {
        Transition.NEXT_TVS: State.ASKING_ABOUT_CONFIGURATION,
        Transition.ENCRYPTED: State.FETCHING_CONFIGURATION,
        Transition.OPEN: State.OPENING_CONFIGURATION,
        Transition.SETTLED: State.RUNNING,
    },
    State.OPENING_CONFIGURATION: {Transition.SETTLED: State.RUNNING},
    State.RUNNING: {},
}

KINDS: Final[dict[State, FileKind]] = {
    State.FETCHING_CTL: FileKind.CTL,
    State.ASKING_ABOUT_CTL: FileKind.CTL,
    State.FETCHING_ITL: FileKind.ITL,
    State.ASKING_ABOUT_ITL: FileKind.ITL,
    State.FETCHING_CONFIGURATION: FileKind.CONFIGURATION,
    State.ASKING_ABOUT_CONFIGURATION: FileKind.CONFIGURATION,
    State.OPENING_CONFIGURATION: FileKind.CONFIGURATION,
}
"""The file that a state is about."""
ASKING: Final = frozenset(
    {
        State.ASKING_ABOUT_CTL,
        State.ASKING_ABOUT_ITL,
        State.ASKING_ABOUT_CONFIGURATION,
    }
)
FETCHING: Final = frozenset(
    {State.FETCHING_CTL, State.FETCHING_ITL, State.FETCHING_CONFIGURATION}
)
