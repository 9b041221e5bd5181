"""Passwords that cost nothing to check: a test signs in, nobody guesses.

All processes of a run have to agree: the tests', and those that `warm_server` forks.
"""

from argon2 import PasswordHasher

from tokenless.services.cluster import handover
from tokenless.services.pki import passwords

CAREFUL = passwords._HASHER
CAREFUL_COST = handover._COST


def make_quick() -> None:
    """Check the passwords of this process quickly from now on."""
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # type: ignore[misc]
    handover._COST = 1 << 4  # type: ignore[misc]
