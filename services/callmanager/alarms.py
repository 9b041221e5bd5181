"""The alarms of one phone, on their way to the registrar: only so many are taken.

A phone says what it likes, as often as it likes, and each alarm that is kept is a row
to write. Real phones send one or two when they register.
"""

from collections.abc import Callable
from typing import Final

from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Station
from tokenless.services.limited_log import shortened
from tokenless.services.store.phone_alarms import MAX_ALARM_TEXT

QUOTA: Final = 8
"""Alarms that are taken of one connection in SCCP, of one registration in SIP."""


class AlarmIntake:
    """Takes alarms of one phone's station until their quota is used up."""

    __slots__ = ("_left", "_registrar", "_waiting")

    def __init__(self, registrar: Registrar) -> None:
        """Begin without alarms; the registrar keeps those of registered phones."""
        self._registrar = registrar
        self._left = QUOTA
        self._waiting: list[str] = []
        """Came before the phone has registered."""

    def take(
        self, station: Station, device: str | None, words: Callable[[], str]
    ) -> None:
        """Keep an alarm, if there is any quota left.

        Args:
            station: Of the phone; another station's registration gets none of them.
            device: The name that the phone is registered by; None before it is.
            words: Returns its text; called only for an alarm that is taken.
        """
        if self._left == 0:
            return
        self._left -= 1
        text = shortened(words(), MAX_ALARM_TEXT)
        if device is None:
            self._waiting.append(text)
        else:
            self._registrar.note_alarm(device, station, text)

    def registered(self, station: Station, device: str) -> None:
        """Hand over, once, what came before this registration."""
        waiting, self._waiting = self._waiting, []
        for text in waiting:
            self._registrar.note_alarm(device, station, text)
