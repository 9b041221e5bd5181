"""Failures of the services that an administrator can understand and mend."""

from tokenless.protocol.errors import TokenlessError


class ServiceError(TokenlessError):
    """A service cannot do what was asked; `hint` says what the administrator can do."""


class ConfigurationError(ServiceError):
    """A configuration that cannot be used; the message names the key's path."""
