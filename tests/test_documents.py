"""Documents are true where a machine can tell: links lead somewhere, commands exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tokenless.services.cli.main import cli
from tools import architecture_page
from tools.wrap_documents import long_lines, wrap

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]

_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`(tokenless [^`]+)`")
_TYPED = re.compile(r"^(?:\$ |    )?(tokenless (?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_PLACE = re.compile(
    r"`((?:protocol|services|phone_emulator|tests|docs|configs|benchmarks|\.ci)/[\w./-]+)`"
)
_MAKE = re.compile(r"`make ([a-z]+)`|^(?:\$ |    )?make ([a-z]+)", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the names that a page's headings can be reached by."""
    headings = _HEADING.findall(_FENCED.sub("", text))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def commands(text: str) -> Iterator[str]:
    """Return every command of ours that a page shows, in one line each."""
    yield from _INLINE.findall(text)
    for typed in _TYPED.findall(text):
        yield typed.replace("\\\n", " ")


def unknown_words(line: str) -> list[str]:
    """Return the words of a command that no such command knows."""
    words = shlex.split(line, comments=True)[1:]
    words = list(_until_the_shell_s(words))
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        if words[0].startswith("-"):
            break
        child = command.get_command(click.Context(command), words[0])
        if child is None:
            return [words[0]]
        command, words = child, words[1:]
    known = {"--help", "-h", "--debug"}
    known.update(opt for each in command.params for opt in each.opts)
    flags = [word.partition("=")[0] for word in words if word.startswith("--")]
    return [flag for flag in flags if flag not in known]


def _until_the_shell_s(words: list[str]) -> Iterator[str]:
    for word in words:
        if re.match(r"[|>;&…]|\d>", word):
            return
        yield word.rstrip(";")


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for link in _LINK.findall(_FENCED.sub("", page.read_text())):
        path, _, anchor = link.partition("#")
        assert "://" not in path, "pages stay readable without a network"
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("name", NAMES)
def test_places_in_the_tree_exist(name: str) -> None:
    """A module may be named with or without its ending; NAME is the reader's."""
    for place in _PLACE.findall((ROOT / name).read_text()):
        path = (ROOT / place.replace("NAME.toml", "")).resolve()
        assert path.exists() or path.with_suffix(".py").exists(), place


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(name: str) -> None:
    for line in commands((ROOT / name).read_text()):
        assert unknown_words(line) == [], line


@pytest.mark.parametrize("name", NAMES)
def test_targets_of_make_exist(name: str) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {one or two for one, two in _MAKE.findall((ROOT / name).read_text())}
    assert asked <= targets


def test_the_help_of_make_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE)) - {"help"}
    named = set(re.findall(r'@echo "make (\w+)', makefile))
    assert named == targets - {"clean"}


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = set(_LINK.findall((folder / "README.md").read_text()))
    assert index == {path.name for path in folder.glob("[0-9]*.md")}


_CITED = re.compile(
    r"(?:REFERENCE(?:-([2-5]))?|docs/reference ([1-5]):) ((?:\d+(?:\.\d+)*[a-z]?"
    r"(?:(?:, | and | to )(?=\d))?)+)"
)
_SECTION = re.compile(r"^#+ (\d+(?:\.\d+)*)", re.MULTILINE)


def cited_sections(text: str) -> Iterator[tuple[str, str]]:
    """Return each (part, section) of the domain reference that a text cites."""
    for part, page, sections in _CITED.findall(" ".join(text.split())):
        for section in re.findall(r"\d+(?:\.\d+)*", sections):
            yield part or page or "1", section


def known_sections(part: str) -> set[str]:
    """Return the sections of a part: its headings, and the items of its lists."""
    (page,) = (ROOT / "docs" / "reference").glob(f"{part}-*.md")
    known = set(_SECTION.findall(page.read_text()))
    chapter = ""
    for line in page.read_text().splitlines():
        if heading := re.match(r"##+ (\d+(?:\.\d+)?)", line):
            chapter = heading[1]
        elif item := re.match(r"(\d+)\. ", line):
            known.add(f"{chapter}.{item[1]}")
    return known


def test_the_list_of_rooms_is_that_of_the_tree() -> None:
    text = architecture_page.PAGE.read_text()
    hint = "run: python -m tools.architecture_page"
    assert architecture_page.renew(text) == text, hint
    with pytest.raises(ValueError, match="marks"):
        architecture_page.renew("a page without the table")


def test_the_pictures_show_every_room_of_a_ring_and_of_a_rehearsal() -> None:
    pictures = "\n".join(_FENCED.findall(architecture_page.PAGE.read_text()))
    shown = set(re.findall(r"[a-z_]+", pictures))
    folders = (Path(room) for room, _ in architecture_page.rooms())
    above = {"protocol", "services", "phone_emulator", "rehearsal"}
    named = {folder.name for folder in folders if folder.parent.name in above}
    assert named - shown == set()


def test_every_cited_section_of_the_reference_exists() -> None:
    sources = [
        path
        for folder in ("protocol", "services", "phone_emulator", "configs", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".toml", ".md"}
    ]
    known = {part: known_sections(part) for part in "12345"}
    cited = [
        (str(path.relative_to(ROOT)), part, section)
        for path in [*sources, *DOCUMENTS]
        if "__pycache__" not in path.parts
        for part, section in cited_sections(path.read_text())
    ]
    assert len(cited) > 200
    assert [each for each in cited if each[2] not in known[each[1]]] == []


def test_every_rehearsal_is_in_the_catalogue() -> None:
    _, _, catalogue = (
        (ROOT / "docs" / "rehearsals.md").read_text().partition("## The catalogue")
    )
    named = set(re.findall(r"`([\w-]+)`", catalogue))
    shipped = {path.stem for path in (ROOT / "configs/rehearsals").glob("*.toml")}
    assert shipped - named == set()


@pytest.mark.parametrize(
    "name",
    [str(p.relative_to(ROOT)) for p in DOCUMENTS if p.is_relative_to(ROOT / "docs")]
    + ["CONTRIBUTING.md"],
)
def test_prose_is_wrapped(name: str) -> None:
    text = (ROOT / name).read_text()
    assert long_lines(text) == [], f"run: python -m tools.wrap_documents {name}"


def test_every_rig_is_on_the_page_of_rigs() -> None:
    rigs = ROOT / "tests" / "rigs"
    named = set(re.findall(r"`(\w+)`", (rigs / "README.md").read_text()))
    assert {file.stem for file in rigs.glob("*.py")} - named == set()


KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def changes(text: str) -> Iterator[tuple[str, list[str], dict[str, list[str]]]]:
    """Yield each version of a changelog: its name, headings, topics by heading."""
    for version in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name, *sections = re.split(r"^### ", version, flags=re.MULTILINE)
        headings = [each.splitlines()[0] for each in sections]
        topics = {
            heading: re.findall(r"^\*\*(.+)\*\*$", each, re.MULTILINE)
            for heading, each in zip(headings, sections, strict=True)
        }
        yield name.splitlines()[0], headings, topics


def test_the_changelog_has_each_heading_once() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    for version, headings, topics in changes(text):
        assert headings == [kind for kind in KINDS if kind in headings], version
        for heading, each in topics.items():
            assert sorted(set(each)) == sorted(each), (version, heading)
    assert "\n\n\n" not in text


def test_the_oldest_versions_that_are_tried_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = (each.partition(",")[0] for each in project["dependencies"])
    bounds = [each.replace(">=", "==") for each in lowest]
    pins = (ROOT / "requirements" / "oldest.in").read_text().split()
    tried = {pin.rsplit(".", parts)[0] for pin in pins for parts in range(3)}
    assert [each for each in bounds if each not in tried] == []


LONG = "word " * 30


@pytest.mark.parametrize(
    "text", [LONG, f"- {LONG}", f"> {LONG}", f"1. item\n{LONG}", f"a\n    {LONG}"]
)
def test_a_long_line_is_found_and_wrapped(text: str) -> None:
    assert len(long_lines(text)) == 1
    wrapped = wrap(text)
    assert long_lines(wrapped) == []
    assert wrapped.replace("\n> ", " ").split() == text.split()


def test_code_over_two_lines_gets_no_blanks() -> None:
    wrapped = wrap(f"- `utils service\n  restart Cisco Tftp` {LONG}")
    assert "`utils service restart Cisco Tftp`" in wrapped


@pytest.mark.parametrize(
    "text",
    [f"| {LONG} |", f"# {LONG}", f"```\n{LONG}\n```", f"`{LONG}`", f"[{LONG}](x.md)"],
)
def test_what_cannot_be_wrapped_is_kept(text: str) -> None:
    assert long_lines(text) == []
    assert wrap(text) == f"{text}\n"


def test_an_unknown_flag_is_noticed() -> None:
    assert unknown_words("tokenless rehearse run x --reprot y") == ["--reprot"]
    assert unknown_words("tokenless reherse run") == ["reherse"]
    assert unknown_words("tokenless file show x | grep --colour y") == []
