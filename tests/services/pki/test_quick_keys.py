"""RSA keys: that the product makes them anew, and what the suite's quick ones are."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.rigs.quick_keys import (
    CAREFUL,
    known_prime,
    make_quick,
    pair,
    pairs,
    quick_rsa,
    steps,
)
from tests.rigs.run_cli import run_cli
from tests.rigs.together import together
from tokenless.phone_emulator import own_certificates
from tokenless.services.pki import keys

QUICK = {
    bits: {known_prime(bits, place) for place in range(len(steps()[bits]))}
    for bits in steps()
}


def primes(key: rsa.RSAPrivateKey) -> set[int]:
    numbers = key.private_numbers()
    return {numbers.p, numbers.q}


@pytest.mark.parametrize("make", CAREFUL)
def test_the_product_makes_new_primes(make: Callable[[int], rsa.RSAPrivateKey]) -> None:
    first, second = primes(make(1024)), primes(make(1024))
    assert len(first | second) == 4
    assert not (first | second) & QUICK[1024]


def test_the_suite_takes_quick_keys() -> None:
    for module in (keys, own_certificates):
        assert primes(module.new_rsa(2048)) < QUICK[2048]


@pytest.mark.parametrize("bits", steps())
def test_a_quick_key_is_as_good_as_others(bits: int) -> None:
    assert all(pow(2, prime - 1, prime) == 1 for prime in QUICK[bits])
    key = quick_rsa(bits, pairs(bits) - 1)
    assert key.key_size == bits
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert load_pem_private_key(pem, None).public_key() == key.public_key()


@pytest.mark.parametrize("bits", steps())
def test_no_two_quick_keys_are_the_same(bits: int) -> None:
    every = {frozenset(pair(bits, number)) for number in range(pairs(bits))}
    assert len(every) == pairs(bits)
    assert all(len(two) == 2 for two in every)
    assert primes(quick_rsa(bits, 7)) == set(pair(bits, 7))


def test_keys_are_new_when_the_quick_ones_are_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (keys, own_certificates):
        monkeypatch.setattr(module, "new_rsa", module.new_rsa)
    make_quick(tmp_path)
    (tmp_path / "1024").write_bytes(b"." * (pairs(1024) - 1))
    assert primes(keys.new_rsa(1024)) < QUICK[1024]
    assert not primes(keys.new_rsa(1024)) & QUICK[1024]


def test_processes_never_share_a_key(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    commands = [partial(run_cli, "init", "--data", str(each)) for each in folders]
    assert [status for status, _, _ in together(*commands)] == [0, 0]
    first, second = map(keys_in, folders)
    ours = frozenset(primes(keys.new_rsa(1024)))
    assert len(first) == len(second) > 5
    assert len(first | second | {ours}) == len(first) + len(second) + 1
    assert all(two <= QUICK[1024] | QUICK[2048] for two in first | second)


def keys_in(data: Path) -> set[frozenset[int]]:
    """Return the primes of the RSA keys in a data folder."""
    pems = [path.read_bytes() for path in data.rglob("keys/**/*.pem")]
    found = [load_pem_private_key(pem, None) for pem in pems]
    return {frozenset(primes(k)) for k in found if isinstance(k, rsa.RSAPrivateKey)}
