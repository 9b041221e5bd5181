"""Failures of the services that an administrator can understand and repair."""

from typing import Final

from tokenless.ground.toml_files import Keys, shown
from tokenless.protocol.errors import TokenlessError, UnreadableError


class ServiceError(TokenlessError):
    """A service cannot do the work; `hint` tells the administrator a remedy."""


class UnreadableFileError(ServiceError, UnreadableError):
    """A file that cannot be read: nothing can be told of what is in it."""


class ConfigurationError(ServiceError):
    """A configuration that cannot be used; the message names file, line and key."""


class UnreadableConfigurationError(ConfigurationError, UnreadableError):
    """A configuration's file that cannot be read: nothing can be told of it."""


class SettingError(ConfigurationError):
    """A setting that cannot be used.

    Attributes:
        keys: Where it stands, from the top of its file.
        reason: What is wrong with it.
        is_override: Whether it was laid over the configuration's file.
    """

    def __init__(
        self,
        keys: Keys,
        reason: str,
        *,
        hint: str | None,
        place: str = "",
        is_override: bool = False,
    ) -> None:
        super().__init__(f"{place}{shown(keys)}: {reason}", hint=hint)
        self.keys = keys
        self.reason = reason
        self.is_override = is_override

    def below(self, *keys: str) -> "SettingError":
        """Return the same error as seen from a file that has the settings inside."""
        return SettingError(
            (*keys, *self.keys), self.reason, hint=self.hint, is_override=True
        )


RESTORE_THE_KEY: Final = (
    "let this user read it, restore it from a backup, or, if another host has made it, "
    "bring it with `tokenless node export` and `node import`; do not regenerate the "
    "certificate for that: phones would not know the new one"
)
"""What helps where a key cannot be used."""
