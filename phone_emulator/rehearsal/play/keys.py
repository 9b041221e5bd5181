"""RSA keys for rehearsals that are played again and again in one process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric import rsa

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
