"""The first page: the studies, and how one begins."""

from datetime import UTC, datetime
from typing import Final

import trio
from starlette.responses import Response

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.study import Event, Study
from tokenless.phone_emulator.studio.visit import Page, Visit
from tokenless.protocol.certificates.name_text import printable

_LONGEST_NAME: Final = 80


def show(visit: Visit) -> Response:
    """Show the studies."""
    studio = visit.studio
    found, damaged = studio.archive.all()
    studies = [(name, study, bool(studio.runs.of_study(name))) for name, study in found]
    return visit.render("home.html", studies=studies, damaged=damaged)


def begin(visit: Visit) -> Response:
    """Begin a study."""
    name = study_name(visit.form.one("name"))
    now = datetime.now(UTC)
    study = Study(name=name, made=now, history=(Event(now, "The study was begun."),))
    return visit.go(f"/studies/{visit.studio.archive.add(study)}/cluster")


def study_name(given: str) -> str:
    """Return a name as studies have it.

    Raises:
        PhoneError: When it is empty or too long.
    """
    name = " ".join(printable(given).split())
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise PhoneError(
            f"a study's name has 1 to {_LONGEST_NAME} letters",
            hint="name it as the ticket is named",
        )
    return name


def ask(visit: Visit) -> Response:
    """Ask before a study is deleted, with what goes with it."""
    visit.studio.archive.check_known(visit.study_id)
    name = _name_of(visit)
    return visit.render(
        "delete.html",
        name=name,
        base=visit.base,
        runs=len(visit.runs()),
        live=len(visit.live()),
    )


def delete(visit: Visit) -> Response:
    """Delete a study, be it damaged or not; what it plays is stopped first."""
    for run in visit.live():
        trio.from_thread.run(visit.studio.runs.stop, run)
    name = _name_of(visit)
    visit.studio.archive.delete(visit.study_id)
    visit.say(f"The study {name} was deleted.")
    return visit.go("/")


def _name_of(visit: Visit) -> str:
    """Return the name of a study; of a damaged one, the name of its folder."""
    try:
        return visit.study().name
    except PhoneError:
        return visit.study_id


PAGES: Final = (
    Page("/", show),
    Page("/studies", None, begin),
    Page("/studies/{study}/delete", ask, delete),
)
