"""A phone's screen beside its console log.

The screen is drawn as SVG: frame, screen, soft keys, and menus that work.

    Settings > Security Configuration > Trust List > CTL File, ITL File
    Settings > Security Configuration > LSC
    Settings > Status > Status Messages

The names of the menus are those of a 7975 (REFERENCE 4.4, REFERENCE-3 3.6); the drawing
is ours. Every item and soft key is a link, so that menus work without scripts.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.study import Face, PhoneLog, StepResult
from tokenless.phone_emulator.studio.visit import Page, Visit
from tokenless.protocol.decimal_text import read_decimal

_MOST_PAGES: Final = 1000

_ROWS: Final = 9
_COLUMNS: Final = 50
_IDLE: Final = ""


def show(visit: Visit) -> Response:
    """Show the screen of the first phone of a group, after a step."""
    step, log = _chosen(visit)
    page = read_decimal(visit.asked("page", "0"), _MOST_PAGES) or 0
    menu = visit.asked("menu")
    screen = screen_of(log.face, menu, page)
    return visit.page(
        "phone",
        visit.study(),
        face=log.face,
        log=log,
        step=step,
        screen=screen,
        frame=frame_of(log.face.model),
        here=f"{visit.base}/runs/{visit.part('run')}",
    )


def _chosen(visit: Visit) -> tuple[StepResult, PhoneLog]:
    """Return the step and the phone that the query names.

    Raises:
        PhoneError: When there is none.
    """
    live = visit.studio.runs.find(visit.part("run"))
    if live is not None:
        steps = tuple(live.steps)
    else:
        run = visit.run(visit.part("run"))
        steps = () if run is None else run.steps
    for step in steps:
        if str(step.number) == visit.asked("step"):
            for log in step.logs:
                if log.group == visit.asked("group"):
                    return step, log
    raise PhoneError("there is no such phone", hint="choose one on the page Play")


PAGES: Final = (Page("/studies/{study}/runs/{run}/phone", show),)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the screen; one that leads on has a path."""

    words: str
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A soft key; one without a path is there and does nothing."""

    words: str
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """The content of the screen."""

    title: str
    items: tuple[Item, ...]
    keys: tuple[Key, ...]
    is_idle: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing of a model."""

    name: str
    wide: int
    is_dark: bool
    left: int
    """The left edge of its screen, which is as wide on both."""
    line_keys: tuple[int, ...]
    """The places of its columns of line keys."""


FRAMES: Final = {
    "7975": Frame("7975", 510, is_dark=False, left=24, line_keys=(466,)),
    "8851": Frame("8851", 530, is_dark=True, left=54, line_keys=(20, 490)),
}
_OLD: Final = "79"


def frame_of(model: str) -> Frame:
    """Return the frame that draws a model: a 79xx as a 7975, others as an 8851."""
    return FRAMES["7975" if model[:2] == _OLD else "8851"]


def screen_of(face: Face, path: str, page: int = 0) -> Screen:
    """Return a screen.

    Args:
        face: What the phone holds and shows.
        path: The menu, as `settings/security`; an unknown one is the idle screen.
        page: How many screens of lines were passed.
    """
    menus = _menus(face)
    if path in menus:
        title, items = menus[path]
        above = path.rpartition("/")[0]
        keys = (Key("Exit", above), Key("Home", _IDLE))
        return Screen(title, items, keys)
    lists = _lists(face)
    if path in lists:
        title, lines = lists[path]
        return _paged(title, lines, path, page)
    return _idle(face)


def _idle(face: Face) -> Screen:
    if face.call:
        keys = (Key("Hold"), Key("EndCall"), Key("Settings", "settings"))
        return Screen(face.device, tuple(map(Item, _wrapped(face.call))), keys)
    said = f"Registered with {face.node}"
    if not face.node:
        said = "Unprovisioned" if face.messages else "Registering"
    keys = (Key("Redial"), Key("NewCall"), Key("Settings", "settings"))
    return Screen(face.device, tuple(map(Item, _wrapped(said))), keys, is_idle=True)


def _menus(face: Face) -> Mapping[str, tuple[str, tuple[Item, ...]]]:
    security = "settings/security"
    return {
        "settings": (
            "Settings",
            (
                Item("1  Security Configuration", security),
                Item("2  Status", "settings/status"),
                Item("3  Model Information", "settings/model"),
            ),
        ),
        security: (
            "Security Configuration",
            (
                Item("1  Security Mode, MIC, LSC", f"{security}/lsc"),
                Item("2  Trust List", f"{security}/trust-list"),
            ),
        ),
        f"{security}/trust-list": (
            "Trust List",
            tuple(
                Item(f"{number}  {name} File", f"{security}/trust-list/{name.lower()}")
                for number, name in enumerate(face.lists, 1)
            ),
        ),
        "settings/status": (
            "Status",
            (Item("1  Status Messages", "settings/status/messages"),),
        ),
    }


def _lists(face: Face) -> Mapping[str, tuple[str, Sequence[str]]]:
    security = "settings/security"
    return {
        **{
            f"{security}/trust-list/{name.lower()}": (f"{name} File", lines)
            for name, lines in face.lists.items()
        },
        f"{security}/lsc": ("Security Configuration", face.security),
        "settings/status/messages": ("Status Messages", face.messages or ("none",)),
        "settings/model": (
            "Model Information",
            (f"Model Number    CP-{face.model}", f"Load File       {face.load}"),
        ),
    }


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, _COLUMNS, subsequent_indent="  ") or [""]


def _paged(title: str, lines: Sequence[str], path: str, page: int) -> Screen:
    wrapped = [part for line in lines for part in _wrapped(line)]
    pages = max(1, -(-len(wrapped) // _ROWS))
    page = min(max(page, 0), pages - 1)
    shown = wrapped[page * _ROWS : (page + 1) * _ROWS]
    keys = [Key("Exit", path.rpartition("/")[0]), Key("Home", _IDLE)]
    if page + 1 < pages:
        keys.append(Key("More", f"{path}?page={page + 1}"))
    elif pages > 1:
        keys.append(Key("Top", f"{path}?page=0"))
    number = f" {page + 1}/{pages}" if pages > 1 else ""
    return Screen(f"{title}{number}", tuple(map(Item, shown)), tuple(keys))
