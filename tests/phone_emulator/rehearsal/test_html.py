"""The report as text: escaping, the drawing's sizes, a cause for every reason."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from tokenless.phone_emulator.rehearsal.outcome.causes import RULES, plain_cause
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.reports.html_report import render_report
from tokenless.phone_emulator.rehearsal.reports.html_text import (
    Html,
    code_words,
    join,
    tag,
)
from tokenless.phone_emulator.rehearsal.reports.timeline import timeline
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.phone_emulator.rehearsal.scripts.shipped import find_scripts
from tokenless.protocol.trust.reasons import Reason

_VOID: Final = {"meta", "br"}
_NASTY: Final = "<script>alert(\"x\")</script> & 'quoted'"
_SVG_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


class _Balance(HTMLParser):
    """Checks that what is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}, "not self-contained"
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def played() -> Played:
    script = find_scripts("callmanager-and-tvs@11.5")[0]
    return play_alone(Rehearsal(script, 4))


def test_plain_text_is_escaped_and_html_is_not() -> None:
    assert join("<b>", Html("<b>")) == "&lt;b&gt;<b>"
    assert tag("p", _NASTY, title=_NASTY).count("<") == 2
    assert code_words("say `<x>` now") == "say <code>&lt;x&gt;</code> now"


def test_a_page_is_balanced_and_needs_nothing_from_outside(played: Played) -> None:
    page = render_report(played)
    balance = _Balance()
    balance.feed(page)

    assert balance.open == []
    assert {"svg", "table", "details", "style"} <= balance.seen
    assert "script" not in balance.seen
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_page_says_who_is_stuck_why_and_what_helps(played: Played) -> None:
    page = render_report(played)

    assert "STUCK 5 of 5 phones" in page
    assert "does not trust the server, so it cannot ask" in page
    assert "<code>utils itl reset localkey</code>" in page
    assert "EROR:clpSetupSsl" in page, "the phone's side of the log"
    assert "tftp transfer" in page, "the cluster's side of the log"
    for node in played.steps[-1].nodes:
        assert node.md5 is not None
        assert node.md5 in page


def test_what_scripts_say_cannot_become_markup(tmp_path: Path) -> None:
    file = tmp_path / "nasty.toml"
    nasty = _NASTY.replace('"', '\\"')
    file.write_text(
        f'name = "nasty"\nlesson = "{nasty}"\nsource = "{nasty}"\n'
        '[[groups]]\nname = "<b>phones</b>"\n'
        f'[[steps]]\ntitle = "{nasty}"\nwhy = "{nasty}"\nrun = ["phones boot"]\n'
    )
    page = render_report(play_alone(Rehearsal(load_script(file), 1)))
    balance = _Balance()
    balance.feed(page)

    assert balance.open == []
    assert not {"script", "b"} & balance.seen


def test_every_bar_of_the_timeline_has_the_phones_of_its_step(played: Played) -> None:
    drawing = ET.fromstring(timeline(played.steps))  # noqa: S314 - our own
    blocks = drawing.findall("g")
    heights: dict[str, float] = {}
    for block in blocks:
        rectangle = block.find("rect")
        assert rectangle is not None
        assert all(
            _SVG_NUMBER.fullmatch(rectangle.attrib[key])
            for key in ("x", "y", "width", "height")
        )
        x = rectangle.attrib["x"]
        heights[x] = heights.get(x, 0) + float(rectangle.attrib["height"])

    assert len(heights) == len(played.steps)
    assert {round(height) for height in heights.values()} == {190}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (Reason.TVS_NOT_IN_ITL, "does not trust the server"),
        (Reason.TVS_TLS, "no TLS version in common"),
        (Reason.TVS_UNUSABLE, "no TVS server answers"),
        (Reason.NO_TVS_CONFIGURED, "no configuration that names its TVS servers"),
        (Reason.NOT_VOUCHED, "does not know the signer either"),
        (Reason.WRONG_ROLE, "its role does not allow it"),
        (Reason.CANNOT_ASK, "no way to ask"),
        (Reason.NO_TVS_LISTED, "lists no TVS server"),
        (Reason.NOT_AUTHORISED, "not listed"),
        (Reason.TOO_LONG, "too long for a phone to load"),
        (Reason.EXPIRED, "checks dates"),
        (Reason.BAD_SIGNATURE, "another key signed the file"),
        (Reason.WRONG_NAME, "another file"),
        (Reason.NO_SERVER, "No TFTP server"),
    ],
)
def test_a_reason_has_a_cause_in_plain_words(code: Reason, words: str) -> None:
    assert words in plain_cause(code)


def test_every_reason_has_a_cause_of_its_own() -> None:
    assert len({plain_cause(code) for code in Reason}) == len(Reason)


def test_every_rule_has_a_sentence() -> None:
    assert set(RULES) == set(range(1, 13))
