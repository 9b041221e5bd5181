"""Passwords of people: how they are kept, what the suite's quick hashes leave out."""

import pytest

from tests.rigs.quick_passwords import CAREFUL, CAREFUL_COST
from tokenless.services.errors import ServiceError
from tokenless.services.pki.passwords import hash_password, is_password


def test_the_product_hashes_slowly() -> None:
    hashed = CAREFUL.hash("a good password")
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert CAREFUL_COST == 1 << 16


def test_a_password_is_known_by_its_hash() -> None:
    hashed = hash_password("a good password")
    assert is_password(hashed, "a good password")
    assert not is_password(hashed, "another password")
    assert not is_password(None, "nobody has this name")


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_has_a_length(password: str) -> None:
    with pytest.raises(ServiceError, match="10 to 256 characters"):
        hash_password(password)
