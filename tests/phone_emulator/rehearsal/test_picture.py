"""The README's picture is what a rehearsal looks like now, and names no other host."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.readme_picture import draw

ROOT = Path(__file__).parents[3]
PICTURE = ROOT / "docs" / "rehearsal.svg"
RECIPE = re.search(
    r"tools\.readme_picture (\S+) (\S+)", (ROOT / "Makefile").read_text()
)


@pytest.fixture(scope="module")
def text() -> str:
    return PICTURE.read_text()


def test_it_is_what_the_rehearsal_shows_now(text: str) -> None:
    assert RECIPE is not None
    name, path = RECIPE.groups()
    assert ROOT / path == PICTURE
    assert draw(name) == text, "run: make picture"


def test_nothing_is_fetched(text: str) -> None:
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "@import" not in text
    assert "url(" not in text.replace("url(#hatch)", "")


def test_it_is_xml_and_says_what_it_is(text: str) -> None:
    drawing = ET.fromstring(text)  # noqa: S314 - our own file
    title = drawing.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == "Rehearsal callmanager-and-tvs@11.5: phones by state"


def test_the_readme_shows_it() -> None:
    assert "](docs/rehearsal.svg)" in (ROOT / "README.md").read_text()
