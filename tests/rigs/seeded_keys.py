"""Keys that are the same on every run, for golden files; worth nothing as secrets.

To search for primes in Python takes up to a second a key, in each worker of a run. What
was found lies beside this module; `python -m tests.rigs.seeded_keys 2048 phone` adds a
key of that many bits with that label, and without words makes the whole file anew.
"""

import json
import random
import sys
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tokenless.phone_emulator.fleet.factory import key_of_primes

EXPONENT = 65537
FOUND = Path(__file__).with_name("seeded_primes.txt")
_SMALL_PRIMES = tuple(
    n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))
)


@cache
def seeded_rsa_key(bits: int, label: str) -> rsa.RSAPrivateKey:
    """Make the RSA key of a label."""
    primes = found_primes().get((bits, label)) or search_primes(bits, label)
    # OpenSSL does not check it; tests/protocol/test_vectors.py looks at the primes.
    return key_of_primes(*primes)


@cache
def found_primes() -> dict[tuple[int, str], tuple[int, int]]:
    """Return the primes that were found before: by bits and label."""
    found = {}
    for line in FOUND.read_text().splitlines():
        bits, p, q, label = line.split(" ", 3)
        found[int(bits), json.loads(label)] = int(p, 16), int(q, 16)
    return found


def search_primes(bits: int, label: str) -> tuple[int, int]:
    """Search for the primes of a label."""
    source = random.Random(f"{bits} {label}")
    return _prime(source, bits // 2), _prime(source, bits // 2)


@cache
def seeded_ec_key(label: str) -> ec.EllipticCurvePrivateKey:
    """Make the P-256 key of a label."""
    secret = random.Random(label).getrandbits(255)
    return ec.derive_private_key(secret, ec.SECP256R1())


def _prime(source: random.Random, bits: int) -> int:
    while True:
        # Two high bits, so that the product of two has all its bits.
        candidate = source.getrandbits(bits) | (3 << (bits - 2)) | 1
        if candidate % EXPONENT != 1 and _is_prime(candidate):
            return candidate


def _is_prime(candidate: int) -> bool:
    if any(candidate % prime == 0 for prime in _SMALL_PRIMES):
        return False
    odd, twos = candidate - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(candidate, base, odd, twos) for base in _SMALL_PRIMES[:20])


def _passes(candidate: int, base: int, odd: int, twos: int) -> bool:
    """Miller-Rabin with one base."""
    value = pow(base, odd, candidate)
    if value in (1, candidate - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % candidate
        if value == candidate - 1:
            return True
    return False


def _write(found: dict[tuple[int, str], tuple[int, int]]) -> None:
    FOUND.write_text(
        "".join(
            f"{bits} {p:x} {q:x} {json.dumps(label)}\n"
            for (bits, label), (p, q) in sorted(found.items())
        )
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        asked = int(sys.argv[1]), " ".join(sys.argv[2:])
        _write({**found_primes(), asked: search_primes(*asked)})
    else:
        _write({each: search_primes(*each) for each in found_primes()})
