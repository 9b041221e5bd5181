"""Hashes of passwords that cost nothing: a test signs in, nobody guesses."""

from argon2 import PasswordHasher

from tokenless.services.pki import passwords

CAREFUL = passwords._HASHER


def make_quick() -> None:
    """Hash the passwords of this process quickly from now on."""
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # type: ignore[misc]
