"""A page, and a visit to it: visitor, form, and the means to answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.forms import Form
from tokenless.services.console.guard import CSRF_FIELD, IS_LIVE
from tokenless.services.console.serving import BrowserPage
from tokenless.services.console.sessions import NoticeKind, Session
from tokenless.services.console.texts import text
from tokenless.services.console.works import Work
from tokenless.services.node.control.announce import NodeDelivery, announce
from tokenless.services.store.console_users import ConsoleRole, ConsoleUser

if TYPE_CHECKING:
    from tokenless.services.console.console import Console

_SURE: Final = "sure"
_NOT_SENT_AGAIN: Final = frozenset({_SURE, CSRF_FIELD})
SEE_OTHER: Final = 303
"""After a form: the browser fetches the next page, which can be reloaded."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a signed-in user."""

    console: "Console"
    request: Request
    session: Session
    user: ConsoleUser
    form: Form
    work: Work
    """The progress of a form's work."""
    known: int = 0
    """The number of the last change that live pages heard of before this request."""

    @property
    def cluster(self) -> Cluster:
        """The cluster, opened."""
        return self.console.cluster

    @property
    def may_change(self) -> bool:
        """Return whether the user has the role change."""
        return self.user.role is ConsoleRole.CHANGE

    @property
    def by(self) -> str:
        """The user's name, for the audit log."""
        return self.user.name

    @property
    def client(self) -> str:
        """The browser's address."""
        return "" if self.request.client is None else self.request.client.host

    def part(self, name: str) -> Any:  # noqa: ANN401 - as its converter makes it
        """Return a part of the path."""
        return self.request.path_params[name]

    def asked(self, name: str, default: str = "") -> str:
        """Return a value of the query."""
        return self.request.query_params.get(name, default)

    def render(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Return a page; a live view's own request leaves the sentences of forms."""
        is_live = IS_LIVE in self.request.headers
        return self.console.render(
            template,
            self.session,
            status=status,
            visit=self,
            notices=[] if is_live else self.session.take_notices(),
            path=self.request.url.path,
            **values,
        )

    @property
    def is_sure(self) -> bool:
        """Return whether the question of `ask` was answered."""
        return self.form.one(_SURE) == "yes"

    def ask(self, question: str, button: str, *, cancel: str = "") -> Response:
        """Return a page that asks before the form is carried out, and sends it again.

        Args:
            question: The sentence that says what will happen.
            button: The words of the button that does it.
            cancel: The page to go back to; empty: that of the form.
        """
        url = self.request.url
        here = f"{url.path}?{url.query}" if url.query else url.path
        fields = {
            name: values
            for name, values in self.form.fields.items()
            if name not in _NOT_SENT_AGAIN
        }
        return self.render(
            "confirm.html",
            question=question,
            button=button,
            action=here,
            cancel=cancel or here,
            fields=fields,
        )

    def say(
        self, key: str, kind: NoticeKind = NoticeKind.SUCCESS, **values: object
    ) -> None:
        """Leave a sentence of the catalogue for the next page."""
        self.session.notify(kind, text(key, **values))

    def announce(self) -> None:
        """Make every running node apply the commit; name the nodes that did not."""
        for delivery in self.deliver():
            if (line := delivery.explain()) is not None:
                self.session.notify(NoticeKind.WARNING, line)

    def deliver(self) -> list[NodeDelivery]:
        """Make every running node apply the commit, one step of work for each."""
        return announce(self.cluster, before=self._tell)

    def plan(self, steps: int = 1, *, delivers: bool = True) -> None:
        """Say how many steps there are, for the progress bar's end.

        Args:
            steps: Of the page itself.
            delivers: Whether `announce` or `deliver` follows, a step a node.
        """
        self.work.total = steps + (len(self.cluster.nodes) if delivers else 0)

    def step(self, key: str, **values: object) -> None:
        """Say what begins now, for the progress bar."""
        self.work.begin(text(key, **values))

    def _tell(self, node: str) -> None:
        self.step("work.node", node=node)

    def go(self, path: str, query: Mapping[str, str] | None = None) -> Response:
        """Send the browser to another page."""
        where = quote(path) + (f"?{urlencode(query)}" if query else "")
        return RedirectResponse(where, status_code=SEE_OTHER)


class Page(BrowserPage[Visit]):
    """A page of the console."""

    __slots__ = ()
