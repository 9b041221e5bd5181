"""The input of a page: session, form, study, and the means to answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tokenless.phone_emulator.studio.archive import RunSummary
from tokenless.phone_emulator.studio.runs import LiveRun
from tokenless.phone_emulator.studio.studio import Studio
from tokenless.phone_emulator.studio.study import RunResult, Study
from tokenless.services.console.forms import Form
from tokenless.services.console.serving import BrowserPage
from tokenless.services.console.sessions import NoticeKind, Session

SEE_OTHER: Final = 303
STEPS: Final = (
    ("cluster", "Your cluster"),
    ("change", "Your change"),
    ("plan", "Plan"),
    ("play", "Play"),
    ("report", "Report"),
)
"""The five pages of a study."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser that was let in."""

    studio: Studio
    request: Request
    session: Session
    form: Form

    def part(self, name: str) -> str:
        """Return a part of the path; empty when the path has none."""
        return str(self.request.path_params.get(name, ""))

    def asked(self, name: str, default: str = "") -> str:
        """Return a value of the query."""
        return self.request.query_params.get(name, default)

    @property
    def study_id(self) -> str:
        """The id of the study that the path names."""
        return self.part("study")

    @property
    def base(self) -> str:
        """The path of that study."""
        return f"/studies/{self.study_id}"

    def study(self) -> Study:
        """Return that study.

        Raises:
            PhoneError: When there is none.
        """
        return self.studio.archive.load(self.study_id)

    def change(self, edit: Callable[[Study], Study], said: str) -> Study:
        """Change the study, and say so in its history."""
        return self.studio.change(self.study_id, edit, said)

    def live(self) -> list[LiveRun]:
        """Return the rehearsals of the study that are being played."""
        return self.studio.runs.of_study(self.study_id)

    def runs(self) -> list[RunSummary]:
        """Return those that are over, the newest first."""
        return self.studio.archive.runs(self.study_id)

    def run(self, name: str) -> RunResult | None:
        """Return one that is over, None when there is none of that id."""
        return self.studio.archive.run(self.study_id, name)

    def render(self, template: str, *, status: int = 200, **values: object) -> Response:
        """Return a page; a live view's own request leaves the sentences of forms."""
        is_live = "hx-request" in self.request.headers
        return self.studio.render(
            template,
            self.session,
            status=status,
            notices=[] if is_live else self.session.take_notices(),
            path=self.request.url.path,
            **values,
        )

    def page(self, name: str, study: Study, **values: Any) -> Response:  # noqa: ANN401
        """Return one of the five pages of the study."""
        return self.render(
            f"{name}.html",
            study=study,
            base=self.base,
            current=name,
            steps=STEPS,
            **values,
        )

    def keep_draft(self, name: str, value: object) -> None:
        """Keep something for the next page of this study that this browser sees."""
        self.session.drafts[f"studio {name} {self.study_id}"] = value

    def draft(self, name: str, default: Any) -> Any:  # noqa: ANN401
        """Return what was kept, once; the default where there is nothing."""
        return self.session.drafts.pop(f"studio {name} {self.study_id}", default)

    def say(self, words: str, kind: NoticeKind = NoticeKind.SUCCESS) -> None:
        """Leave a sentence for the next page."""
        self.session.notify(kind, words)

    def go(self, path: str) -> Response:
        """Send the browser to another page."""
        return RedirectResponse(quote(path, safe="/?=&#"), status_code=SEE_OTHER)

    def go_on(self, page: str) -> Response:
        """Send the browser to a page of the study."""
        return self.go(f"{self.base}/{page}")


def attachment(data: str | bytes, name: str, kind: str) -> Response:
    """Return a file for the browser to keep."""
    response = Response(data, media_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class Page(BrowserPage[Visit]):
    """A page of the studio."""

    __slots__ = ()
