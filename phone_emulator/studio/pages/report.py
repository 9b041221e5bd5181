"""Page 5, Report: the page for a change board, on the screen, in print, as files."""

from pathlib import Path
from typing import Final

from starlette.responses import Response

from tokenless.ground.counting import counted
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.phone_emulator.studio.board import board_of
from tokenless.phone_emulator.studio.study import RunResult
from tokenless.phone_emulator.studio.visit import Page, Visit, attachment

_STYLE: Final = Path(__file__).parents[1] / "static" / "board.css"


def show(visit: Visit) -> Response:
    """Show the page of a run; the newest when none is named."""
    study = visit.study()
    runs = visit.runs()
    run = _chosen(visit)
    board = None if run is None else board_of(study, run)
    return visit.page("report", study, run=run, runs=runs, board=board)


def download(visit: Visit) -> Response:
    """Return the page as one file that needs nothing beside it."""
    study, run = visit.study(), _needed(visit)
    page = visit.studio.text_of(
        "board_file.html", board=board_of(study, run), style=_STYLE.read_text()
    )
    return attachment(page, f"{_plain(study.name)}.html", "text/html; charset=utf-8")


def toml(visit: Visit) -> Response:
    """Return the rehearsal, for `tokenless rehearse run`."""
    study, run = visit.study(), _needed(visit)
    text = write_script(
        run.subject.script,
        comment=f"Written by the studio of tokenless {run.version}: {run.order}.\n"
        f"Played there with {counted(run.phones, 'phone')}; --phones sets the number "
        "where groups have no size of their own.",
    )
    return attachment(text, f"{_plain(study.name)}.toml", "application/toml")


def _chosen(visit: Visit) -> RunResult | None:
    """Return the run that the query names; the newest when it names none.

    Raises:
        PhoneError: When there is no such run.
    """
    runs = visit.runs()
    wanted = visit.asked("run")
    if not wanted:
        return visit.run(runs[0].id) if runs else None
    run = visit.run(wanted)
    if run is None:
        raise PhoneError("there is no such rehearsal", hint="choose one of the list")
    return run


def _needed(visit: Visit) -> RunResult:
    run = _chosen(visit)
    if run is None:
        raise PhoneError("nothing was played yet", hint="play the change first")
    return run


def _plain(name: str) -> str:
    plain = "".join(
        each if each.isascii() and (each.isalnum() or each in "-_") else "-"
        for each in name
    )
    return plain.strip("-") or "study"


_REPORT: Final = "/studies/{study}/report"

PAGES: Final = (
    Page(_REPORT, show),
    Page(f"{_REPORT}.html", download, back=_REPORT),
    Page(f"{_REPORT}.toml", toml, back=_REPORT),
)
