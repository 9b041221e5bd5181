"""Read a phone's configuration, `SEP….cnf.xml`, for what it says of the cluster."""

from pathlib import Path
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.lists import load_bytes
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.phones.configuration import PhoneConfig

_SIGNED: Final = b"\x01"


def load_phone_config(path: Path) -> PhoneConfig:
    """Read a phone's configuration, signed or not.

    Raises:
        PhoneError: When it is none, or is encrypted.
    """
    return phone_config_of(load_bytes(path), str(path))


def phone_config_of(data: bytes, source: str) -> PhoneConfig:
    """Read a phone's configuration from its bytes.

    Raises:
        PhoneError: When it is none, is encrypted, or names no CallManager.
    """
    try:
        if data[:1] == _SIGNED:
            signed = SignedFile.decode(data)
            if signed.is_encrypted:
                raise PhoneError(
                    f"{source} is encrypted",
                    hint="give the configuration of a phone without encryption",
                )
            data = signed.payload
        config = PhoneConfig.decode(data)
    except ProtocolError as error:
        raise PhoneError(
            f"{source} is not a phone's configuration: {error}",
            hint="fetch SEP<MAC>.cnf.xml of a phone that is registered",
        ) from None
    if not config.callmanagers:
        raise PhoneError(
            f"{source} names no CallManager",
            hint="give the configuration of a phone that has a device pool",
        )
    return config
