"""A phone's screen: menus lead where they lead on the phone."""

import msgspec
import pytest

from tests.rigs.studio_studies import played_study
from tokenless.phone_emulator.studio.pages.phone import frame_of, screen_of
from tokenless.phone_emulator.studio.study import Face

FACE = played_study().runs[0].steps[0].logs[0].face


def words(face: Face, path: str, page: int = 0) -> list[str]:
    return [item.words for item in screen_of(face, path, page).items]


def press(path: str, key: str) -> str | None:
    """Return where a soft key or an item of a screen leads."""
    screen = screen_of(FACE, path)
    places = {each.words: each.to for each in screen.keys}
    places |= {each.words: each.to for each in screen.items}
    return places[key]


def test_the_menus_lead_to_the_lists_and_back() -> None:
    path = press("", "Settings") or ""
    path = press(path, "1  Security Configuration") or ""
    path = press(path, "2  Trust List") or ""
    path = press(path, "1  CTL File") or ""
    assert words(FACE, path) == ["MD5 00", "", "SAST one"]
    for name in ("Trust List", "Security Configuration", "Settings"):
        path = press(path, "Exit") or ""
        assert screen_of(FACE, path).title == name
    assert press(path, "Exit") == ""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("settings/security/lsc", "LSC            Installed"),
        ("settings/status/messages", "Trust List update failed"),
        ("settings/model", "Load File       SCCP75.9-4-2"),
        ("../../etc/passwd", "call: Encrypted"),
    ],
)
def test_a_screen_shows_what_the_phone_holds(path: str, line: str) -> None:
    assert line in words(FACE, path)


def test_a_long_list_is_shown_in_pages() -> None:
    lines = tuple(f"entry {number}" for number in range(20))
    face = msgspec.structs.replace(FACE, lists={"CTL": lines})
    path = "settings/security/trust-list/ctl"
    shown = [line for page in range(3) for line in words(face, path, page)]
    assert shown == list(lines)
    assert [key.words for key in screen_of(face, path, 0).keys] == [
        *("Exit", "Home", "More")
    ]
    assert words(face, path, 99) == words(face, path, 2)


def test_a_phone_without_a_node_says_so() -> None:
    face = msgspec.structs.replace(FACE, call="", node="", messages=())
    assert words(face, "") == ["Registering"]
    assert words(msgspec.structs.replace(face, node="pub"), "") == [
        "Registered with pub"
    ]


def test_models_are_drawn_as_one_of_two() -> None:
    assert [frame_of(each).name for each in ("7960", "7975", "8861", "9871")] == [
        *("7975", "7975", "8851", "8851")
    ]
