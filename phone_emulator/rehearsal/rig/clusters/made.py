"""Clusters as they were made, given again to the next rehearsal of the same ones.

Keys, certificates and a new database cost as much as a third of a rehearsal. A process
that plays hundreds keeps what it has made, in memory: nothing lies on a disk that would
have to be removed. Every rehearsal has its own copy, and serves it as any other.
"""

import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cachetools import LRUCache
from cryptography.hazmat.primitives.asymmetric import rsa

from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.initialise import save_config
from tokenless.services.cluster.installation import Installation
from tokenless.services.config import ClusterConfig
from tokenless.services.pki import keys as pki_keys

_KEPT_BYTES: Final = 64 << 20
_FRESH_S: Final = 3600.0
"""After an hour clusters are made anew: their certificates begin when they are made."""


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
        with pki_keys.rsa_keys_from(self._next):
            yield

    @property
    def given(self) -> dict[int, int]:
        """The number of keys that the rehearsal has got, by their bits."""
        with self._lock:
            return dict(self._given)

    def go_on_after(self, given: Mapping[int, int]) -> None:
        """Count keys as given that the rehearsal has got in another way."""
        with self._lock:
            self._given = dict(given)

    def _next(self, bits: int) -> rsa.RSAPrivateKey:
        with self._lock:
            number = self._given.get(bits, 0)
            self._given[bits] = number + 1
            keys = self._keys.setdefault(bits, [])
            while len(keys) <= number:
                keys.append(pki_keys.new_rsa(bits))
            return keys[number]


@dataclass(frozen=True, slots=True)
class _Made:
    """The files of a rehearsal's clusters before anything is served."""

    at: float
    """On the monotonic clock."""
    keys: Mapping[int, int]
    """The number of keys of the stock that are in them."""
    files: Mapping[str, tuple[int, bytes | None]]
    """By their place: the mode, and the content; None for a folder."""

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return sum(
            len(data or b"") + len(name) for name, (_, data) in self.files.items()
        )

    @property
    def is_fresh(self) -> bool:
        """Return whether its certificates have begun a short time ago."""
        return time.monotonic() - self.at < _FRESH_S


class MadeClusters:
    """The clusters that a process has made. One rehearsal at a time uses it."""

    def __init__(self, keys: KeyStock) -> None:
        """Begin with none.

        Args:
            keys: Where the keys of clusters come from; in use while clusters are made.
        """
        self._keys = keys
        self._made: LRUCache[bytes, _Made] = LRUCache(
            _KEPT_BYTES, getsizeof=lambda made: made.size
        )

    def make(
        self,
        script: Script,
        folder: Path,
        configs: Mapping[Path, ClusterConfig],
        clock: Callable[[], float],
    ) -> None:
        """Put the clusters of a script into a rehearsal's folder.

        Args:
            script: Of which clusters; what else it says does not matter.
            folder: The rehearsal's folder; the clusters' are not there yet.
            configs: The folders of the clusters in it, and what they are made from.
            clock: Tells the time.

        Raises:
            ServiceError: When a cluster cannot be made.
            OSError: When it cannot be written.
        """
        clusters = (script.cluster, script.others, script.unserved)
        key = msgspec.json.encode(clusters, order="deterministic")
        made = self._made.get(key)
        if made is None or not made.is_fresh:
            before = set(folder.iterdir())
            for data, config in configs.items():
                Cluster.open(data, config, clock=clock).close()
            new = [each for each in folder.iterdir() if each not in before]
            made = _Made(time.monotonic(), self._keys.given, _files(folder, new))
            if made.size <= self._made.maxsize:
                self._made[key] = made
            return
        self._keys.go_on_after(made.keys)
        _write(folder, made.files)
        for data, config in configs.items():
            # Ports and the manufacturer's folder are this rehearsal's own.
            save_config(Installation(data, config, clock))


def _files(folder: Path, places: list[Path]) -> dict[str, tuple[int, bytes | None]]:
    """Read folders with all that is in them; each folder comes before its content."""
    found: dict[str, tuple[int, bytes | None]] = {}
    for place in places:
        for each in (place, *sorted(place.rglob("*"))):
            mode = stat.S_IMODE(each.stat().st_mode)
            data = each.read_bytes() if each.is_file() else None
            found[str(each.relative_to(folder))] = mode, data
    return found


def _write(folder: Path, files: Mapping[str, tuple[int, bytes | None]]) -> None:
    """Write files into a new folder that nobody else uses yet."""
    for name, (mode, data) in files.items():
        place = folder / name
        if data is None:
            place.mkdir(mode=mode)
        else:
            place.touch(mode=mode, exist_ok=False)
            place.write_bytes(data)
        place.chmod(mode)
