"""A cluster's own phone feature list, read from a file."""

from pathlib import Path
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.features import FeatureList, read_feature_list
from tokenless.protocol.show_output.paste import decode_pasted

_MAX_BYTES: Final = 8 * 1024 * 1024


def load_features(path: Path) -> FeatureList:
    """Read a "Unified CM Phone Feature List" as CSV or a copied table.

    Raises:
        PhoneError: When it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise PhoneError(
            f"{path} cannot be read: {error.strerror}", hint="name a file of yours"
        ) from error
    if len(data) > _MAX_BYTES:
        raise PhoneError(f"{path} has over {_MAX_BYTES} bytes", hint="give one list")
    try:
        return read_feature_list(decode_pasted(data))
    except ProtocolError as error:
        raise PhoneError(
            f"{path} is not a phone feature list: {error}",
            hint="Unified Reporting > Unified CM Phone Feature List, with the columns "
            "Product, Protocol and Feature",
        ) from None
