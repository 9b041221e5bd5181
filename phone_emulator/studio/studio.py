"""State that all pages share: studies, runs, sessions, templates and their filters."""

import hmac
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import trio
from jinja2 import Environment
from markupsafe import Markup
from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tokenless import __version__
from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.phone_status import PhoneStatus
from tokenless.phone_emulator.rehearsal.reports.html_text import code_words
from tokenless.phone_emulator.rehearsal.reports.timeline import COLOURS, WORDS
from tokenless.phone_emulator.studio.archive import StudyArchive
from tokenless.phone_emulator.studio.board import troubles_of
from tokenless.phone_emulator.studio.runs import Plans, Runs
from tokenless.phone_emulator.studio.study import MAX_HISTORY, Event, StepResult, Study
from tokenless.services.console.guard import is_loopback_host
from tokenless.services.console.sessions import Session, Sessions, Throttle
from tokenless.services.console.templates import make_environment
from tokenless.services.console.texts import text
from tokenless.services.logs import get_logger

COOKIE: Final = "__Host-tokenless-studio"
"""Not that of the console: cookies do not know ports."""
_THREADS: Final = 8
_HERE: Final = Path(__file__).parent
_ORDER: Final = tuple(state.value for state in PhoneStatus)


class Studio:
    """State that all pages share."""

    def __init__(self, folder: Path, nursery: trio.Nursery, key: str | None) -> None:
        """Prepare the pages.

        Args:
            folder: Where studies are kept.
            nursery: Runs what outlives a request.
            key: What a browser must know to be let in; None: nothing, on loopback.
        """
        self.archive = StudyArchive(folder)
        self.nursery = nursery
        self.runs = Runs(self.archive, nursery)
        self.plans = Plans(self.runs, nursery)
        self.sessions = Sessions(time.monotonic)
        self.throttle = Throttle(time.monotonic)
        self.threads = trio.CapacityLimiter(_THREADS)
        self.log = get_logger(service="studio")
        self.reading = threading.Lock()
        """Held while the sources of a study are replaced."""
        self._key = key
        self._lock = threading.Lock()
        self._templates = make_environment(_HERE / "templates")
        add_words(self._templates)

    @property
    def asks_nobody(self) -> bool:
        """True if every browser on this machine is let in."""
        return self._key is None

    def is_key(self, given: str) -> bool:
        """Tell whether a browser knows the key."""
        return self._key is not None and hmac.compare_digest(
            self._key.encode(), given.encode(errors="replace")
        )

    def visitor(self, request: Request) -> tuple[Session, str | None] | None:
        """Return the session of a request, and its cookie when it is new.

        Returns:
            None when the browser has to sign in.

        Raises:
            HTTPException: When a name that is not this machine's leads here.
        """
        session = self.sessions.find(request.cookies.get(COOKIE))
        if self.asks_nobody:
            if not is_loopback_host(request.headers.get("host", "")):
                raise HTTPException(403, text("error.host"))
            if session is None:
                value, session = self.sessions.begin("studio")
                return session, value
        if session is None or session.user is None:
            return None
        return session, None

    def render(
        self,
        template: str,
        session: Session | None,
        *,
        status: int = 200,
        **values: object,
    ) -> Response:
        """Return a page from a template."""
        page = self._templates.get_template(template).render(
            csrf="" if session is None else session.csrf,
            asks_nobody=self.asks_nobody,
            **values,
        )
        return HTMLResponse(page, status)

    def text_of(self, template: str, **values: object) -> str:
        """Return a file from a template."""
        return self._templates.get_template(template).render(**values)

    def change(self, study_id: str, edit: Callable[[Study], Study], said: str) -> Study:
        """Change a study and say so in its history; one change at a time.

        Raises:
            PhoneError: When there is no such study.
        """
        with self._lock:
            edited = edit(self.archive.load(study_id))
            if said:
                event = Event(datetime.now(UTC), said[:4000])
                history = (*edited.history, event)[-MAX_HISTORY:]
                edited = replace(edited, history=history)
            self.archive.save(study_id, edited)
            return edited


def _when(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M %Z}"


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
    environment.filters["counted"] = counted
    environment.filters["states"] = _states
    environment.filters["troubles"] = troubles_of
    environment.filters["colour"] = _colour
    environment.filters["state_words"] = _state_words
    environment.globals["tool_version"] = __version__
