"""TOML that people write, read within bounds: text, syntax, depth.

What its tables mean is the caller's business; `ground.toml_places` finds the lines.
"""

import tomllib
from pathlib import Path
from typing import Any, Final

from tokenless.ground.files import TooLongError, read_bounded
from tokenless.protocol.errors import TokenlessError

MAX_BYTES: Final = 1 << 20


class TomlFileError(TokenlessError):
    """A file that is no TOML, or none that is read here; the reason names no file."""


def load_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Return a file's text and its tables.

    Raises:
        TomlFileError: When it is too long, no text, no TOML, or nested too deeply.
        OSError: When it cannot be read.
    """
    try:
        text = read_bounded(path, MAX_BYTES).decode()
        return text, tomllib.loads(text)
    except TooLongError:
        # A part of it would be another fleet, or a rehearsal without its last steps.
        raise TomlFileError("has over 1 MB", hint="divide it") from None
    except UnicodeDecodeError as error:
        raise TomlFileError(f"is no text: {error}", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise TomlFileError(str(error), hint="correct the TOML") from None
    except ValueError:  # Python's own: a number of thousands of digits
        raise TomlFileError("a number is too long", hint="correct the TOML") from None
    except RecursionError:
        raise TomlFileError("nested too deeply", hint="correct the TOML") from None
