"""Failures of the emulator itself; what a phone refuses is an outcome, not an error."""

from tokenless.protocol.errors import TokenlessError, UnreadableError


class PhoneError(TokenlessError):
    """An emulated phone cannot be set up or run."""


class UnreadableFileError(PhoneError, UnreadableError):
    """A file that cannot be read: nothing can be told of what is in it."""


class UnknownHostError(PhoneError, UnreadableError):
    """A server's name that has no address: nobody could be asked."""
