"""The studio in a real browser: from dropped files to the page of the change board."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.rigs.peers import require
from tests.rigs.studio_rig import FIELD, LISTS
from tests.rigs.warm_start import WarmPopen
from tests.system.console.browser import CHROMIUM, DRIVER, Browser, browsing
from tests.system.serving import PATIENCE_S

PICTURES = Path(__file__).parents[3] / "docs" / "studio"
MOST_PIXELS = 1500
MOST_PAGES = 6
FAULT = "Group 8861-at-sub1 off"


@dataclass
class Desk:
    """A studio's process and a browser at it."""

    browser: Browser
    process: subprocess.Popen[str]

    def press(self, label: str) -> None:
        """Click a button by the name that it has for those who do not see it."""
        selector = f"button[aria-label='{label}']"
        browser = self.browser
        browser.use(
            lambda: browser.driver.find_element(By.CSS_SELECTOR, selector).click()
        )

    def path(self) -> str:
        """Return where the browser is."""
        return self.browser.driver.current_url.removeprefix(self.browser.base)

    def check(self, name: str, *, logged: int = 0) -> None:
        """Check the page for those who cannot see it; keep a picture if asked.

        `logged` is how many errors the browser says that it met.
        """
        assert self.browser.violations() == [], name
        assert len(self.browser.errors()) == logged
        if "TOKENLESS_PICTURES" in os.environ:
            picture(self.browser, name)


def picture(browser: Browser, name: str) -> None:
    """Keep a picture of the page for docs/."""
    PICTURES.mkdir(exist_ok=True)
    driver = browser.driver
    wide, long = driver.execute_script(
        "return [innerWidth, document.documentElement.scrollHeight]"
    )
    size = {"width": wide, "height": min(long, MOST_PIXELS)}
    settings = {
        "format": "webp",
        "quality": 60,
        "captureBeyondViewport": True,
        "clip": {"x": 0, "y": 0, **size, "scale": 1},
    }
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", settings)
    (PICTURES / f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))


def sideways(browser: Browser, wide: int) -> int:
    """Return by how many pixels a page is wider than a window of so many."""
    size = {"width": wide, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver = browser.driver
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        pixels: int = driver.execute_script(
            "const page = document.documentElement;"
            "return page.scrollWidth - page.clientWidth;"
        )
        return pixels
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    require(str(CHROMIUM))
    require(str(DRIVER))
    folder = tmp_path_factory.mktemp("studio")
    words = ("studio", "--data", str(folder), "--port", "0", "--json")
    with WarmPopen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            base = url.partition("/sign-in")[0]
            with browsing(base, folder) as browser:
                browser.driver.get(url)
                assert browser.driver.current_url == f"{base}/"
                yield Desk(browser, process)
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0


def test_from_dropped_files_to_the_report_of_a_change_board(desk: Desk) -> None:
    browser = desk.browser
    desk.check("home")
    browser.fill("name", "CHG0012345 renew CallManager")
    browser.click("Begin")
    _give_the_cluster(desk)
    _give_the_change(desk)
    browser.go(desk.path().replace("/plan", "/play"))
    assert any(
        "the release is a guess" in each for each in browser.texts(".guesses li")
    )
    desk.check("play")
    browser.tick("paused-at-once")
    desk.press("Play All at once")
    browser.until(lambda: "paused before the next line" in browser.text)
    _fault_and_step(desk)
    browser.use(lambda: browser.find("Resume").click())
    browser.until(lambda: "Play another order" in browser.text)
    desk.check("run")
    run = desk.path()
    browser.click("Its screen")
    browser.use(lambda: browser.driver.find_element(By.CSS_SELECTOR, "svg a").click())
    browser.until(lambda: "Model Information" in browser.text)
    desk.check("phone")
    browser.go(run)
    browser.click("Report")
    board = browser.read(".board")
    assert "phones off 8861-at-sub1" in board
    assert "the release is a guess" in board
    desk.check("report")
    assert sideways(browser, 320) == 0
    assert pages_of(browser.driver.print_page()) <= MOST_PAGES
    _look_at_the_other_pages(desk)


def _give_the_cluster(desk: Desk) -> None:
    """Drop a text that is cut, then whole ones; confirm what was guessed."""
    browser = desk.browser
    browser.fill("files", str(FIELD / "ctl-cut.txt"))
    browser.click("Read the cluster")
    assert "the text ends early" in browser.read("tr.reason")
    browser.fill("files", "\n".join(str(FIELD / name) for name in LISTS))
    browser.click("Read the cluster")
    assert any(
        "the release is a guess" in each for each in browser.texts(".guesses li")
    )
    desk.check("cluster")
    browser.fill("phones", "4")
    browser.click("These are right: go on")


def _give_the_change(desk: Desk) -> None:
    """Paste a wrong command, then tick a certificate; see its plan."""
    browser = desk.browser
    browser.fill("commands", "utils servce restart Cisco Tftp")
    browser.click("Take these commands")
    assert "no such command" in browser.read("tr.reason")
    browser.tick("CallManager@pub")
    desk.check("change")
    browser.click("Plan this change")
    browser.until(lambda: "Runbook" in browser.text)
    assert "SAFE ORDER" in browser.text
    desk.check("plan")


def _fault_and_step(desk: Desk) -> None:
    """Click a fault, load the page again, and let one line pass."""
    browser = desk.browser
    desk.press(FAULT)
    browser.until(lambda: "phones off 8861-at-sub1" in browser.read("#controls"))
    browser.driver.refresh()
    assert "phones off 8861-at-sub1" in browser.read("#controls")
    assert browser.texts(".lines .done") == []
    # What a person has closed stays closed when the buttons are others.
    driver = browser.driver
    is_open = "return document.querySelector('#controls details').open"
    summary = "#controls summary"
    assert driver.execute_script(is_open)
    browser.use(lambda: driver.find_element(By.CSS_SELECTOR, summary).click())
    browser.use(lambda: browser.find("Step").click())
    browser.until(lambda: len(browser.texts(".lines .done")) == 1)
    browser.until(lambda: "paused before the next line" in browser.text)
    assert not driver.execute_script(is_open)


def _look_at_the_other_pages(desk: Desk) -> None:
    study = desk.path().partition("/report")[0]
    for name in ("look", "share", "delete"):
        desk.browser.go(f"{study}/{name}")
        desk.check(name)
    desk.browser.go(f"/studies/{'0' * 16}/cluster")
    assert "there is no such study" in desk.browser.text
    desk.check("failed", logged=1)


def pages_of(pdf: str) -> int:
    """Return the number of pages of a document in base64."""
    return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(pdf)))
