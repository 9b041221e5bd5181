"""The choices of the CTL Client's windows, kept in the session until Finish.

Each connection has choices of its own, named in the path: two tabs of one session do
not mix theirs. A form of a page that is older than the choices is refused.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final

from tokenless.services.console.sessions import Session
from tokenless.services.console.visit import Visit
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.ctl import OtherServer

_NAME_BYTES: Final = 9
_MAX_DRAFTS: Final = 8
"""Of one session; the oldest is dropped."""


@dataclass(slots=True)
class Draft:
    """The choices made so far."""

    server: str
    user: str
    """The administrator whose password was given to the server."""
    name: str = field(default_factory=lambda: secrets.token_urlsafe(_NAME_BYTES))
    """Stands in the paths of its windows."""
    revision: int = 0
    """Grows with each change: tells which page has shown the present choices."""
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

    Raises:
        ServiceError: When they have changed since, or the session has none.
    """
    draft = draft_of(visit)
    if visit.form.one("revision") != str(draft.revision):
        raise ServiceError(
            "the choices of this CTL Client have changed since the page was loaded, so "
            "nothing was done",
            hint="look at the present choices, then click again",
        )
    return draft
