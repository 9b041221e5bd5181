"""Page 2, Your change: certificates ticked, or the ticket's commands."""

from typing import Final

from msgspec.structs import replace
from starlette.responses import Response

from tokenless.ground.counting import counted
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.study import Change, Study
from tokenless.phone_emulator.studio.typed import Typed, read_typed
from tokenless.phone_emulator.studio.visit import Page, Visit
from tokenless.services.console.sessions import NoticeKind

_DRAFT: Final = "ticket"


def show(visit: Visit) -> Response:
    """Show what can be changed."""
    study = visit.study()
    draft = visit.draft(_DRAFT, None)
    typed, text = draft if isinstance(draft, tuple) else (None, study.change.text)
    units: dict[str, list[str]] = {}
    for each in study.cluster.units if study.cluster else ():
        unit, _, node = each.partition("@")
        units.setdefault(unit, []).append(node)
    return visit.page("change", study, units=units, typed=typed, text=text)


def tick(visit: Visit) -> Response:
    """Take the ticked certificates."""
    study = visit.study()
    known = study.cluster.units if study.cluster else ()
    ticked = visit.form.all("unit")
    units = tuple(unit for unit in known if unit in ticked)
    if not units:
        raise PhoneError("no certificate is ticked", hint="tick one at least")
    visit.change(
        lambda old: _changed(old, Change("ticked", units)),
        f"The change: {', '.join(units)}.",
    )
    return visit.go_on("plan")


def paste(visit: Visit) -> Response:
    """Take the ticket's commands; a wrong line is shown with its reason."""
    study = visit.study()
    if study.cluster is None:
        raise PhoneError("there is no cluster yet", hint="give its lists first")
    text = "\n".join(visit.form.one("commands").splitlines())
    typed = read_typed(
        text,
        study.cluster.script,
        [node.name for node in study.cluster.nodes],
        ends=visit.form.one("ends") == "yes",
    )
    if typed.wrong:
        _remember(visit, typed, text)
        words = f"{len(typed.wrong)} of the lines cannot be carried out; see below."
        visit.say(words, NoticeKind.ERROR)
        return visit.go_on("change")
    visit.change(
        lambda old: _changed(old, Change("typed", (), text, typed.steps)),
        f"The change: {counted(sum(len(s.run) for s in typed.steps), 'command')}.",
    )
    return visit.go_on("plan")


def _remember(visit: Visit, typed: Typed, text: str) -> None:
    visit.keep_draft(_DRAFT, (typed, text))


def _changed(old: Study, change: Change) -> Study:
    return replace(old, change=change, plan=None)


_CHANGE: Final = "/studies/{study}/change"

PAGES: Final = (
    Page(_CHANGE, show),
    Page(f"{_CHANGE}/tick", None, tick, _CHANGE),
    Page(f"{_CHANGE}/paste", None, paste, _CHANGE),
)
