"""RSA keys that cost nothing to make: products of two primes that are known.

They are whole keys, of the length that was asked for, and sign, decrypt and pass
OpenSSL's check as others do. A worker of the tests and the commands that `warm_server`
forks for it draw from the same pairs of primes, each pair once; then keys are made the
slow way, as are those of any other process and of other lengths.
"""

import atexit
import math
import os
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from tokenless.phone_emulator import own_certificates
from tokenless.phone_emulator.fleet.factory import key_of_primes
from tokenless.services.pki import keys

CAREFUL: Final = keys.new_rsa, own_certificates.new_rsa
"""The functions of the product that `make_quick` replaces."""
FOUND: Final = Path(__file__).with_name("quick_primes.txt")
"""By the bits of a key: where its primes are, in steps of two from random numbers."""


@cache
def counts() -> Path:
    """Return the folder where this process and those it forks count their keys."""
    folder = Path(tempfile.mkdtemp(prefix="keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def make_quick(folder: Path) -> None:
    """Take keys of known primes in this process from now on; count them in a folder."""

    def new_rsa(bits: int) -> rsa.RSAPrivateKey:
        if bits in steps() and (taken := _take(folder / str(bits))) < pairs(bits):
            return quick_rsa(bits, taken)
        return CAREFUL[0](bits)

    for module in (keys, own_certificates):
        module.new_rsa = new_rsa  # type: ignore[attr-defined]


@cache
def steps() -> dict[int, list[int]]:
    """Return the places of the known primes, by the bits of a key."""
    lines = (map(int, line.split()) for line in FOUND.read_text().splitlines())
    return {bits: found for bits, *found in lines}


def pairs(bits: int) -> int:
    """Return the number of keys of so many bits that are quick."""
    return pairs_of(len(steps()[bits]))


def pairs_of(primes: int) -> int:
    """Return how many pairs there are of so many primes."""
    return primes * (primes - 1) // 2


def _take(count: Path) -> int:
    """Return how often this file was counted up before; each asker has its own number.

    The kernel appends one byte at a time, and tells where.
    """
    file = os.open(count, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, b".")
        return os.lseek(file, 0, os.SEEK_CUR) - 1
    finally:
        os.close(file)


def quick_rsa(bits: int, number: int) -> rsa.RSAPrivateKey:
    """Return the key of the pair of primes that has a number, from 0 on."""
    # OpenSSL does not check it, as in a fleet; test_quick_keys.py has that done.
    return key_of_primes(*pair(bits, number))


def pair(bits: int, number: int) -> tuple[int, int]:
    """Return the two primes of the key that has a number."""
    first = (math.isqrt(8 * number + 1) + 1) // 2
    return known_prime(bits, first), known_prime(bits, number - pairs_of(first))


@cache
def known_prime(bits: int, place: int) -> int:
    """Return one of the primes that keys of so many bits are made of."""
    half = bits // 2
    start = random.Random(f"{half} {place}").getrandbits(half)
    # Two high bits, so that the product of two has all its bits.
    return (start | (3 << (half - 2)) | 1) + 2 * steps()[bits][place]
