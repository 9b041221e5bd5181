"""The report in a real browser: it loads, it shows its drawing, it prints its logs."""

import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.rigs.peers import require
from tests.rigs.run_cli import run_cli
from tests.rigs.warm_start import WarmPopen
from tests.system.serving import PATIENCE_S

_WIDTH, _HEIGHT = 700, 1000
_RED = (197, 48, 48)
_GREEN = (47, 133, 90)


@pytest.fixture
def browser() -> str:
    return require("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    name = "callmanager-and-tvs@11.5"
    status, _, talk = run_cli(
        "rehearse", "run", name, "--phones", "4", "--report", str(file)
    )
    assert status == 0, talk
    return file


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_who_goes_early_takes_no_report_along(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = tmp_path / "report.html"
    words = ("rehearse", "run", "tvs-down", "--phones", "2", "--report", str(file))
    pipe = subprocess.PIPE
    with WarmPopen([*words, *options], stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, talk = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in talk
    assert "tvs-down" in file.read_text()


def _browse(browser: str, profile: Path, *arguments: str) -> str:
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def test_the_browser_sees_cause_and_way_out(
    browser: str, report: Path, tmp_path: Path
) -> None:
    page = _browse(browser, tmp_path, "--dump-dom", report.as_uri())

    assert "STUCK 5 of 5 phones" in page
    assert "does not trust the server, so it cannot ask" in page
    assert "utils itl reset localkey" in page
    assert page.count("<rect") >= 4


def test_the_picture_shows_phones_that_are_well_and_phones_that_are_stuck(
    browser: str, report: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "report.png"
    _browse(
        browser,
        tmp_path / "profile",
        f"--window-size={_WIDTH},{_HEIGHT}",
        "--force-device-scale-factor=0.5",
        f"--screenshot={picture}",
        report.as_uri(),
    )
    pixels = _pixels(picture.read_bytes())

    # A bar has hundreds of pixels of its colour; the drawing is not blank.
    assert pixels.count(bytes(_GREEN)) > 300
    assert pixels.count(bytes(_RED)) > 300


def test_the_print_has_the_logs_that_the_screen_folds(
    browser: str, report: Path, tmp_path: Path
) -> None:
    reader = require("pdftotext")
    printed = tmp_path / "report.pdf"
    _browse(browser, tmp_path / "profile", f"--print-to-pdf={printed}", report.as_uri())
    text = subprocess.run(
        [reader, "-layout", str(printed), "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert "EROR:clpSetupSsl" in text
    assert "MD5 of CTLFile.tlv" in text


def _pixels(png: bytes) -> list[bytes]:
    """Return the colours of a PNG of 8 bits, RGB or RGBA, without an image library."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    size = {2: 3, 6: 4}[kind]
    data = zlib.decompress(b"".join(_chunks(png, b"IDAT")))
    row_length = width * size
    above = bytearray(row_length)
    found: list[bytes] = []
    for number in range(height):
        start = number * (row_length + 1)
        row = bytearray(data[start + 1 : start + 1 + row_length])
        _unfilter(row, above, data[start], size)
        found.extend(
            bytes(row[place : place + 3]) for place in range(0, row_length, size)
        )
        above = row
    return found


def _chunks(png: bytes, wanted: bytes) -> list[bytes]:
    place, found = 8, []
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        if kind == wanted:
            found.append(png[place + 8 : place + 8 + length])
        place += length + 12
    return found


def _unfilter(row: bytearray, above: bytearray, kind: int, size: int) -> None:
    """Undo a row's filter (PNG specification, 9.2)."""
    for place in range(len(row)):
        left = row[place - size] if place >= size else 0
        corner = above[place - size] if place >= size else 0
        up = above[place]
        predicted = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        row[place] = (row[place] + predicted) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    distances = [
        (abs(estimate - each), order) for order, each in enumerate((left, up, corner))
    ]
    return (left, up, corner)[min(distances)[1]]
