"""Failures of the emulator itself; what a phone refuses is an outcome, not an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenless.protocol.errors import TokenlessError, UnreadableError, WrongUsageError


class PhoneError(TokenlessError):
    """An emulated phone cannot be set up or run."""


class UnreadableFileError(PhoneError, UnreadableError):
    """A file that cannot be read: nothing can be told of what is in it."""


def refusal_of(folder: Path) -> type[PhoneError]:
    """Return how a folder without what it should hold is refused.

    Nothing can be told of one that is not there; another one is the wrong one.
    """
    return PhoneError if folder.exists() else UnreadableFileError


class WrongNameError(PhoneError, WrongUsageError):
    """Something that a person named to a command, and that there is not."""


class UnknownHostError(PhoneError, UnreadableError):
    """A server's name that has no address: nobody could be asked."""


@contextmanager
def naming_by_hand() -> Iterator[None]:
    """Take what fails in a block for a wrong name: a person has given all of it.

    Raises:
        WrongNameError: When the block raises PhoneError.
    """
    try:
        yield
    except PhoneError as error:
        raise WrongNameError(str(error), hint=error.hint) from None
