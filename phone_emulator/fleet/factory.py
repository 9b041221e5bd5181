"""The factory of a fleet's phones: their MICs, made when a phone is to show one.

A configuration says so: a secure profile, or a CAPF operation that a certificate is to
prove. Most phones of most labs never do, and a certificate for each takes time.

Keys are made in quantities that OpenSSL would take minutes for. An RSA key is the
product of two primes. The phones of a fleet share primes, no two the same pair: fifty
primes make a thousand keys. Each phone's key opens only what is for that phone, but
anyone with two of the public keys can compute both private ones. These are keys of
emulated phones, and protect nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from tokenless.phone_emulator.own_certificates import make_key
from tokenless.phone_emulator.phone import Clock, Phone
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.capf.proof import PhoneKey
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.phones.device_security import CapfAuthMode, DeviceSecurity

_EXPONENT: Final = 65537


class FleetKeys:
    """Makes keys for phones; used by several threads."""

    def __init__(self) -> None:
        self._pairs: dict[int, Iterator[tuple[int, int]]] = {}
        self._lock = Lock()

    def make(self, order: KeyOrder) -> PhoneKey:
        """Make the key that CAPF orders."""
        if order.type is KeyType.EC:
            return make_key(order)
        return self.make_rsa(order.size)

    def make_rsa(self, bits: int) -> rsa.RSAPrivateKey:
        """Make an RSA key that no other phone has."""
        with self._lock:
            pairs = self._pairs.setdefault(bits, _pairs(bits))
            return key_of_primes(*next(pairs))


def _pairs(bits: int) -> Iterator[tuple[int, int]]:
    """Pair each new prime with all the earlier ones, without an end."""
    primes: list[int] = []
    while True:
        made = rsa.generate_private_key(_EXPONENT, bits).private_numbers()
        for prime in (made.p, made.q):
            yield from ((prime, earlier) for earlier in primes)
            primes.append(prime)


def key_of_primes(p: int, q: int) -> rsa.RSAPrivateKey:
    """Make the RSA key that two primes of the same length give."""
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public
    )
    # The check would take OpenSSL 27 ms for 2,048 bits; the parts are its own.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


class Factory:
    """Gives phones their MICs."""

    def __init__(self, manufacturer: Path, clock: Clock, keys: FleetKeys) -> None:
        """Begin.

        Args:
            manufacturer: The folder of the emulated manufacturer.
            clock: Tells when a certificate begins.
            keys: Makes the phones' keys.
        """
        self._manufacturer = manufacturer
        self._clock = clock
        self._keys = keys

    def give(self, phone: Phone) -> None:
        """Give a phone a MIC, unless it has one.

        Raises:
            PhoneError: When the manufacturer's files cannot be used.
        """
        if phone.certificates is not None:
            phone.certificates.make_mic(
                phone.identity.device,
                phone.identity.model_name,
                self._manufacturer,
                self._clock(),
                self._keys.make_rsa,
            )

    def give_if_wanted(self, phone: Phone, report: BootReport) -> None:
        """Give a MIC to a phone of a model that has one, if it is to show one.

        Raises:
            PhoneError: As `give`.
        """
        if phone.identity.model.has_mic and wants_certificate(report):
            self.give(phone)


def wants_certificate(report: BootReport) -> bool:
    """Return whether the configuration wants the phone to show a certificate."""
    config = report.configuration
    if config is None:
        return False
    is_secure = config.security_mode in {
        DeviceSecurity.AUTHENTICATED,
        DeviceSecurity.ENCRYPTED,
    }
    proves = {CapfAuthMode.EXISTING_LSC, CapfAuthMode.EXISTING_MIC}
    return is_secure or config.capf_auth_mode in proves
