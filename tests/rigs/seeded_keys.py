"""Keys that are the same on every run, for golden files; worth nothing as secrets."""

import random
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa

EXPONENT = 65537
_SMALL_PRIMES = tuple(
    n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))
)


@cache
def seeded_rsa_key(bits: int, label: str) -> rsa.RSAPrivateKey:
    """Make the RSA key of a label."""
    source = random.Random(f"{bits} {label}")
    p, q = _prime(source, bits // 2), _prime(source, bits // 2)
    private = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=private,
        dmp1=rsa.rsa_crt_dmp1(private, p),
        dmq1=rsa.rsa_crt_dmq1(private, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(EXPONENT, p * q),
    )
    return numbers.private_key()


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
