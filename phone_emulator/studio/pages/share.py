"""Sharing a study as one file, and opening one of a colleague."""

from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace
from starlette.responses import Response

from tokenless.ground.counting import counted
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.guided import guided_study
from tokenless.phone_emulator.studio.sharing import read_study, write_study
from tokenless.phone_emulator.studio.study import MAX_HISTORY, Event
from tokenless.phone_emulator.studio.visit import Page, Visit, attachment


def show(visit: Visit) -> Response:
    """Show what is shared, and how."""
    study = visit.study()
    return visit.page("share", study, runs=visit.runs())


def write(visit: Visit) -> Response:
    """Return the study's file."""
    study = visit.study()
    if visit.form.one("runs") == "yes":
        runs = (visit.run(each.id) for each in visit.runs())
        study = replace(study, runs=tuple(run for run in runs if run is not None))
    data = write_study(study, is_anonymous=visit.form.one("anonymous") == "yes")
    return attachment(data, "study.json", "application/json")


def read(visit: Visit) -> Response:
    """Open a study of a colleague."""
    given = visit.form.files.get("file")
    if given is None or not (given.name or given.data):
        raise PhoneError("no file was given", hint="choose a study's file")
    study = read_study(given.data)
    event = Event(
        datetime.now(UTC), f"Opened from a file with {counted(len(study.runs), 'run')}."
    )
    study = replace(study, history=(*study.history, event)[-MAX_HISTORY:])
    visit.say("The study was opened. Look at its guesses before you play it.")
    return visit.go(f"/studies/{visit.studio.archive.add(study)}/cluster")


def guide(visit: Visit) -> Response:
    """Begin the guided first visit."""
    name = visit.studio.archive.add(guided_study(datetime.now(UTC)))
    return visit.go(f"/studies/{name}/cluster")


_SHARE: Final = "/studies/{study}/share"

PAGES: Final = (
    Page(_SHARE, show, write, _SHARE),
    Page("/open", None, read),
    Page("/guided", None, guide),
)
