"""What `tokenless` answered: its status, its output, its one line of refusal."""

import json
from collections.abc import Callable
from typing import Any

Tokenless = Callable[..., tuple[int, str, str]]


def done(result: tuple[int, str, str]) -> dict[str, Any]:
    """Return the JSON of a command that has to succeed."""
    status, out, err = result
    assert status == 0, err
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def refused(result: tuple[int, str, str]) -> str:
    """Return the one line of a command that has to be refused."""
    status, _, err = result
    assert status == 1
    line = err.strip().splitlines()[-1]
    assert line.startswith("tokenless: ")
    return line
