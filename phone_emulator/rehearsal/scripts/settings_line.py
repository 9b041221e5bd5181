"""Settings that a line of a step may change while the cluster runs.

An administrator edits the configuration file of every node; a service takes the new
value when it restarts.
"""

import ssl
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.services.config import load_config
from tokenless.services.errors import SettingError

CIPHERS: Final = "callmanager.ciphers"
CHANGEABLE: Final = (
    CIPHERS,
    "callmanager.tls_minimum",
    "capf.tls_minimum",
    "tvs.tls_minimum",
)


def check_setting(key: str, value: str) -> None:
    """Check what a line sets.

    Raises:
        PhoneError: When the setting is none of a step's, or cannot have the value.
    """
    if key not in CHANGEABLE:
        raise PhoneError(
            f"{key} is not a setting that a step may change",
            hint=f"it may change {', '.join(CHANGEABLE)}",
        )
    if key == CIPHERS:
        _check_ciphers(value)
    table, _, name = key.partition(".")
    try:
        load_config(None, {table: {name: value}})
    except SettingError as error:
        raise PhoneError(str(error), hint=error.hint) from None


def _check_ciphers(value: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(value)
    except (ssl.SSLError, ValueError):
        raise PhoneError(
            f"OpenSSL knows no cipher of {value!r}",
            hint="write its names, as `openssl ciphers` does: AES128-SHA:AES256-SHA",
        ) from None
