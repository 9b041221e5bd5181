"""How many frames of HTTP/2 a browser may send; nothing here reads what they say.

Frame: length (3 bytes), type (1), flags (1), stream (4), and so many bytes as its
length says (RFC 9113, 4.1). A connection begins with a preface of 24 bytes (3.4).

Floods of frames that are short for a browser and long for a server are known for
years (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316). What differs here from
the usual answers: each identifier of a setting, known or not, is kept by our library
for the connection's life, and each SETTINGS goes through all of them.
"""

from typing import Final

_PREFACE_BYTES: Final = 24
_HEADER_BYTES: Final = 9
_DATA: Final = 0
_HEADERS: Final = 1
_SETTINGS: Final = 4
_WINDOW_UPDATE: Final = 8
_SETTING_BYTES: Final = 6
MAX_SETTINGS: Final = 256
"""Of a connection's life, in all its frames together; browsers send under ten."""
MAX_EMPTY_FRAMES: Final = 500
"""Frames that ask for nothing and bring nothing: PING, PRIORITY, RST_STREAM, empty
DATA and so on; browsers send one for an answer at most."""
EMPTY_FRAMES_PER_S: Final = 20
FRAMES_PER_S: Final = 1000
"""Of all kinds. What comes faster waits: WINDOW_UPDATE and DATA are many in honest
transfers too."""


class TooManyFramesError(Exception):
    """A browser sends more of a kind of frame than any browser."""


class FrameMeter:
    """Counts the frames of one connection."""

    def __init__(self, now: float) -> None:
        """Begin before the preface; `now` is in seconds of any clock."""
        self._skipped = _PREFACE_BYTES
        self._header = bytearray()
        self._settings = 0
        self._empty = 0.0
        self._frames = 0.0
        self._seen = now

    def receive(self, data: bytes, now: float) -> float:
        """Count the frames that begin in `data`.

        Returns:
            The seconds for which the next bytes have to wait.

        Raises:
            TooManyFramesError: When the connection must end.
        """
        self._forget(now)
        at = 0
        while at < len(data):
            taken = min(self._skipped, len(data) - at)
            self._skipped -= taken
            at += taken
            more = data[at : at + _HEADER_BYTES - len(self._header)]
            self._header += more
            at += len(more)
            if len(self._header) == _HEADER_BYTES:
                self._count(int.from_bytes(self._header[:3]), self._header[3])
                self._header.clear()
        return max(0.0, self._frames / FRAMES_PER_S - 1.0)

    def _forget(self, now: float) -> None:
        passed, self._seen = now - self._seen, now
        self._empty = max(0.0, self._empty - passed * EMPTY_FRAMES_PER_S)
        self._frames = max(0.0, self._frames - passed * FRAMES_PER_S)

    def _count(self, length: int, kind: int) -> None:
        self._skipped = length
        self._frames += 1
        if kind == _SETTINGS:
            self._settings += 1 + length // _SETTING_BYTES
        brings_something = kind in {_HEADERS, _WINDOW_UPDATE} or (
            kind == _DATA and length
        )
        if not brings_something:
            self._empty += 1
        if self._settings > MAX_SETTINGS or self._empty > MAX_EMPTY_FRAMES:
            raise TooManyFramesError
