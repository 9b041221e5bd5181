"""Failures of the emulator itself; what a phone refuses is an outcome, not an error."""

from tokenless.protocol.errors import TokenlessError


class PhoneError(TokenlessError):
    """An emulated phone cannot be set up or run."""
