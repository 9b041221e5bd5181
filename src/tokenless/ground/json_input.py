"""JSON that others wrote, read with one error for all that may be wrong with it."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def decode_json(data: bytes | str, kind: type[T]) -> T:
    """Read JSON as a value of a type.

    Args:
        data: The text, or its bytes.
        kind: What the caller takes; everything else is refused.

    Raises:
        msgspec.DecodeError: When it is not JSON of that kind, is nested too deeply, or
            has a text that is not UTF-8.
    """
    return decode_with(msgspec.json.Decoder(kind), data)


def decode_with(decoder: "msgspec.json.Decoder[T]", data: bytes | str) -> T:
    """Read JSON by a decoder, which may be of a union of types.

    Raises:
        msgspec.DecodeError: As `decode_json`; msgspec raises three unrelated errors.
    """
    try:
        return decoder.decode(data)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None
    except UnicodeError as error:
        raise msgspec.DecodeError(f"a text of JSON is not UTF-8: {error}") from None
