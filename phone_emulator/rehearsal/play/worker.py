"""A rehearsal played by a worker process, which has its log to itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import (
    Played,
    rehearsal_folder,
    run_script,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.services.pki.keys import rsa_keys_from


class KeyStock:
    """Keys of earlier rehearsals, given again to the next one.

    Within a rehearsal no key is given twice: which key signed a list is all that trust
    decisions are about. Threads may share a stock.
    """

    def __init__(self) -> None:
        self._keys: dict[int, list[rsa.RSAPrivateKey]] = {}
        self._given: dict[int, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Give keys to the one rehearsal of a block, from the first key on."""
        self._given.clear()
        with rsa_keys_from(self._next):
            yield

    def _next(self, bits: int) -> rsa.RSAPrivateKey:
        with self._lock:
            number = self._given.get(bits, 0)
            self._given[bits] = number + 1
            keys = self._keys.setdefault(bits, [])
            while len(keys) <= number:
                keys.append(rsa.generate_private_key(65537, bits))
            return keys[number]


_STOCK: Final = KeyStock()
_ONE_AT_A_TIME: Final = threading.Lock()
"""Log and keys belong to the whole process; a Dask worker may have several threads."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rehearsal for a worker to play."""

    script: Script
    phones: int
    """The number of phones, without groups of a fixed size."""
    seed: int = 0
    """Of the moments at which phones boot that are reset by themselves."""
    keep: Path | None = None
    """The folder in which its folder is kept; None: it is not kept."""


def play_alone(rehearsal: Rehearsal) -> Played:
    """Play a rehearsal, with keys that an earlier one of this process may have had.

    Raises:
        TokenlessError: When it cannot be set up, or the folder to keep is in use.
    """
    with (
        _ONE_AT_A_TIME,
        _STOCK.in_use(),
        rehearsal_folder(rehearsal.keep) as folder,
    ):
        return run_script(
            rehearsal.script,
            rehearsal.phones,
            folder,
            ProgressListener(),
            seed=rehearsal.seed,
        )
