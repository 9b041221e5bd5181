"""Filters of the studio's templates."""

from datetime import datetime
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from tokenless import __version__
from tokenless.phone_emulator.rehearsal.outcome.phone_status import PhoneStatus
from tokenless.phone_emulator.rehearsal.reports.html_text import code_words
from tokenless.phone_emulator.rehearsal.reports.timeline import COLOURS, WORDS
from tokenless.phone_emulator.studio.board import troubles_of
from tokenless.phone_emulator.studio.study import StepResult

_ORDER: Final = tuple(state.value for state in PhoneStatus)


def _when(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def _code(text: str) -> Markup:
    """Set what stands between backticks as code; all else is escaped."""
    return Markup(code_words(text))  # noqa: S704 - escaped there


def _states(step: StepResult) -> dict[str, int]:
    """Return the phones of all groups by state."""
    found: dict[str, int] = {}
    for name in _ORDER:
        count = sum(group.states.get(name, 0) for group in step.groups)
        if count:
            found[name] = count
    return found


def _colour(state: str) -> str:
    return COLOURS[PhoneStatus(state)] if state in _ORDER else "#a0aec0"


def _state_words(state: str) -> str:
    return WORDS[PhoneStatus(state)] if state in _ORDER else state


def add_words(environment: Environment) -> None:
    """Give templates the filters of the studio."""
    environment.filters["when"] = _when
    environment.filters["code"] = _code
    environment.filters["states"] = _states
    environment.filters["troubles"] = troubles_of
    environment.filters["colour"] = _colour
    environment.filters["state_words"] = _state_words
    environment.globals["tool_version"] = __version__
