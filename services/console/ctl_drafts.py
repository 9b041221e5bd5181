"""The choices of the CTL Client's windows, kept in the session until Finish.

Each connection has choices of its own, named in the path: two tabs of one session do
not mix theirs. A form of a page that is older than the choices is refused.
"""

import secrets
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from tokenless.services.console.sessions import Session
from tokenless.services.console.visit import Visit
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.ctl import OtherServer

_NAME_BYTES: Final = 9
_MAX_DRAFTS: Final = 8
"""Of one session; the oldest is dropped."""
_ONE_AT_ONCE: Final = Lock()


@dataclass(slots=True)
class Draft:
    """The choices made so far."""

    server: str
    user: str
    """The administrator whose password was given to the server."""
    name: str = field(default_factory=lambda: secrets.token_urlsafe(_NAME_BYTES))
    """Stands in the paths of its windows."""
    revision: int = 0
    """Grows with each form: tells which page has shown the present choices."""
    ignores_missing: bool = False
    mode: str = "update"
    tokens: list[str] = field(default_factory=list)
    others: list[OtherServer] = field(default_factory=list)
    """Servers outside of the cluster: those of the present file, and new ones."""
    passed: list[tuple[str, str, bool, str]] = field(default_factory=list)
    """Of the last window: address, file, whether it has it, why not."""


def keep_draft(session: Session, draft: Draft) -> None:
    """Keep the choices of a new connection."""
    drafts = session.drafts
    with _ONE_AT_ONCE:
        drafts[draft.name] = draft
        while len(drafts) > _MAX_DRAFTS:
            del drafts[next(iter(drafts))]


def draft_of(visit: Visit) -> Draft:
    """Return the choices that the path names.

    Raises:
        ServiceError: When the session has none of this name.
    """
    draft = visit.session.drafts.get(str(visit.part("draft")))
    if not isinstance(draft, Draft):
        raise ServiceError(
            "the CTL Client is not connected", hint="begin at its first window"
        )
    return draft


def draft_to_change(visit: Visit) -> Draft:
    """Return the choices, if the form's page has shown the present ones.

    A page is taken once: a second click on Finish must not sign a second file.

    Raises:
        ServiceError: When a form was taken since, or the session has no such choices.
    """
    draft = draft_of(visit)
    with _ONE_AT_ONCE:
        if visit.form.one("revision") != str(draft.revision):
            raise ServiceError(
                "this CTL Client was used since the page was loaded, so nothing was "
                "done",
                hint="look at the present choices, then click again",
            )
        draft.revision += 1
    return draft
