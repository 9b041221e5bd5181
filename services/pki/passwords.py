"""Passwords of people, kept as argon2 hashes."""

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from tokenless.services.errors import ServiceError

LEAST_CHARACTERS: Final = 10
MOST_CHARACTERS: Final = 256

# The second choice of RFC 9106: 64 MiB, three passes.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)


def hash_password(password: str) -> str:
    """Return the stored form of a password.

    Raises:
        ServiceError: When it is too short, or too long to be typed.
    """
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise ServiceError(
            f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters",
            hint="choose another one",
        )
    return _HASHER.hash(password)


def is_password(hashed: str | None, password: str) -> bool:
    """Tell whether a password is the one that was hashed.

    Args:
        hashed: What was kept; None for a name that nobody has, which takes as long.
        password: What was typed.
    """
    try:
        _HASHER.verify(_nobody() if hashed is None else hashed, password)
    except (Argon2Error, InvalidHashError):
        return False
    return hashed is not None


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this name")
