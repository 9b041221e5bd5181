"""The questions of an SCCP phone once it is registered: line, keys, time.

`ServerReq` and `FeatureStatReq` get no answer: no source says which ports a real
CallManager names to a phone in TLS (REFERENCE-3 4.3), nor what it says of a feature
button that a phone does not have. A wrong answer could lead a phone astray; without one
it keeps what its file says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tokenless.protocol.sccp.answers import (
    ConfigStat,
    DefineTimeDate,
    ForwardStat,
    LineStat,
    SpeedDialStat,
    Version,
)
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.requests import (
    ButtonTemplateReq,
    ConfigStatReq,
    ForwardStatReq,
    LineStatReq,
    SoftKeySetReq,
    SoftKeyTemplateReq,
    SpeedDialStatReq,
    TimeDateReq,
    VersionReq,
)
from tokenless.services.callmanager.sccp.soft_keys import (
    BUTTON_TEMPLATE,
    SOFT_KEY_SETS,
    SOFT_KEY_TEMPLATE,
)

_SAME_FOR_ALL: Final[dict[type[Message], Message]] = {
    ButtonTemplateReq: BUTTON_TEMPLATE,
    SoftKeyTemplateReq: SOFT_KEY_TEMPLATE,
    SoftKeySetReq: SOFT_KEY_SETS,
    # An empty name: the phone keeps the load that it runs.
    VersionReq: Version(),
}

NumberOf = Callable[[str], str]
"""Takes a device's name, returns its directory number."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Answers the questions of all phones of a node."""

    node: str
    number_of: NumberOf
    now: Callable[[], datetime]

    def answer(self, message: Message, device: str) -> Message | None:
        """Return the answer to a device's question; None when it is no question."""
        match message:
            case ConfigStatReq():
                return ConfigStat(device, server_name=self.node, lines=1)
            case LineStatReq(line=line):
                number = self.number_of(device) if line == 1 else ""
                return LineStat(line, number, number, number)
            case ForwardStatReq(line=line):
                return ForwardStat(line=line)
            case SpeedDialStatReq(number=place):
                return SpeedDialStat(place)
            case TimeDateReq():
                return _time_of(self.now())
            case _:
                return _SAME_FOR_ALL.get(type(message))


def _time_of(now: datetime) -> DefineTimeDate:
    """Return the time; weekdays count from Sunday, 0."""
    return DefineTimeDate(
        year=now.year,
        month=now.month,
        weekday=now.isoweekday() % 7,
        day=now.day,
        hour=now.hour,
        minute=now.minute,
        second=now.second,
        epoch_s=int(now.timestamp()),
    )
