"""Requests that wait for a file to be made, in a fair order.

A signature costs a hundred times what a request does, and names can be made up. So
nothing is signed in the loop: a request waits here, a thread signs one file after the
other and rests in between, and when the file is there the request is handled again.

The turn goes round by address, so that one that asks for thousands keeps another
waiting for one signature, not for thousands. Addresses from which no answer ever came,
which may be forged, have one turn in eight; a phone has answered a trust list before it
asks for a signed file. A client has one request here: what it asked before is dropped.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tokenless.services.tftp.files.background import Background
from tokenless.services.tftp.files.source import UnpreparedFile
from tokenless.services.tftp.sockets.listener import Peer

_MAX_WAITING: Final = 4096
_MAX_PER_ADDRESS: Final = 1024
_MAX_UNDER_WAY: Final = 8
"""So many are with the thread; the others can still be dropped."""
_TURNS_OF_KNOWN: Final = 7
_REST: Final = 1.5
"""The thread signs two fifths of the time."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingRequest:
    """A request that waits for its file."""

    data: bytes
    peer: Peer
    local: str
    filename: str
    unprepared: UnpreparedFile


class _Round:
    """Requests by address, and whose turn it is."""

    def __init__(self) -> None:
        self._by_address: dict[str, deque[PendingRequest]] = {}

    def put(self, waiting: PendingRequest) -> bool:
        """Take a request in; return whether its address had room."""
        mine = self._by_address.setdefault(waiting.peer[0], deque())
        if len(mine) >= _MAX_PER_ADDRESS:
            return False
        mine.append(waiting)
        return True

    def take(self) -> PendingRequest | None:
        """Return the next request of the address whose turn it is."""
        for host in self._by_address:
            mine = self._by_address.pop(host)
            waiting = mine.popleft()
            if mine:
                self._by_address[host] = mine
            return waiting
        return None


class PendingFiles:
    """The queue before the thread that makes files."""

    def __init__(self) -> None:
        self._background: Background[PendingRequest] = Background(_REST)
        self._of_peer: dict[Peer, PendingRequest] = {}
        self._known, self._unknown = _Round(), _Round()
        self._turn = 0

    def fileno(self) -> int:
        """Return the descriptor that is readable when `finished` has something."""
        return self._background.fileno()

    def __len__(self) -> int:
        return len(self._of_peer)

    def has(self, peer: Peer, data: bytes) -> bool:
        """Return whether this request of the client waits already."""
        waiting = self._of_peer.get(peer)
        return waiting is not None and waiting.data == data

    def put(self, waiting: PendingRequest, *, is_known: bool) -> bool:
        """Let a request wait; return whether there was room."""
        if len(self._of_peer) >= _MAX_WAITING:
            return False
        if not (self._known if is_known else self._unknown).put(waiting):
            return False
        self._of_peer[waiting.peer] = waiting
        self._hand_over()
        return True

    def forget(self, peer: Peer) -> None:
        """Drop what a client asked for, because it asks for something else."""
        self._of_peer.pop(peer, None)

    def finished(self) -> Iterator[tuple[PendingRequest, bytes | Exception]]:
        """Yield whose files were made, or why they could not be."""
        for waiting, result in self._background.finished():
            if self._is_wanted(waiting):
                del self._of_peer[waiting.peer]
                yield waiting, result
            # The client has asked for something else, but the signature has been paid
            # for: the next client of this file gets it at once.
            elif isinstance(result, bytes):
                waiting.unprepared.keep(result)
        self._hand_over()

    def close(self) -> None:
        """End the thread."""
        self._background.close()

    def _is_wanted(self, waiting: PendingRequest) -> bool:
        return self._of_peer.get(waiting.peer) is waiting

    def _hand_over(self) -> None:
        while self._background.under_way < _MAX_UNDER_WAY:
            waiting = self._next()
            if waiting is None:
                return
            if self._is_wanted(waiting):
                self._background.submit(waiting, waiting.unprepared.make)

    def _next(self) -> PendingRequest | None:
        self._turn = (self._turn + 1) % (_TURNS_OF_KNOWN + 1)
        first, second = self._known, self._unknown
        if self._turn == 0:
            first, second = second, first
        waiting = first.take()
        return second.take() if waiting is None else waiting
