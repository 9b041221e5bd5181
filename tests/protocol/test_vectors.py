"""The golden files of `tests/vectors`, remade by its script and read field by field."""

import json
from functools import cache

import pytest

from tests.rigs.seeded_keys import found_primes, search_primes
from tests.vectors import make
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.trust_list import TrustList


@cache
def made() -> dict[str, bytes]:
    return make.make_all()


def test_no_file_is_left_over() -> None:
    kept = {
        path.name
        for path in make.FOLDER.iterdir()
        if path.is_file() and path.suffix != ".py"
    }
    assert kept == set(made())


@pytest.mark.parametrize("name", sorted(made()))
def test_the_script_makes_the_same_bytes(name: str) -> None:
    assert (make.FOLDER / name).read_bytes() == made()[name]


@pytest.mark.parametrize("name", sorted(make.FILES))
def test_it_is_decoded_and_encoded(name: str) -> None:
    data = (make.FOLDER / name).read_bytes()
    decoded = decode_file(data)
    assert decoded.encode() == data
    expected = json.loads((make.FOLDER / f"{name}.json").read_bytes())
    assert expected["signer_name"] == decoded.signer.subject
    assert expected["header_length"] == decoded.header.header_length
    if isinstance(decoded, TrustList):
        for said, record in zip(expected["records"], decoded.records, strict=True):
            assert said["length"] == record.length
            assert said["function_code"] == record.role
            assert said["serial_number"] == record.serial_hex


def test_the_seeded_keys_are_made_of_primes_of_their_length() -> None:
    for (bits, label), (p, q) in found_primes().items():
        assert (p * q).bit_length() == bits, label
        assert pow(2, p - 1, p) == pow(2, q - 1, q) == 1, label


def test_the_seeded_keys_are_those_that_their_labels_give() -> None:
    found = found_primes()
    bits, label = min(found)
    assert found[bits, label] == search_primes(bits, label)
