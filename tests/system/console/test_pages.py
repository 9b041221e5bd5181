"""Every page: accessible, dark and light, without errors of scripts, as in docs/."""

import base64
import os
import sqlite3
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.system.console.conftest import PASSWORD, Lab

PICTURES = Path(__file__).parents[3] / "docs" / "console"
MOST_PIXELS = 1500
TOKENS = ("SAST-ADN008580ef", "SAST-ADN0054f509")
WIDTHS = (768, 390, 320)
PAGES = {
    "home": "/",
    "enterprise-parameters": "/ccmadmin/enterprise-parameters",
    "reset": "/ccmadmin/enterprise-parameters/reset",
    "phones": "/ccmadmin/phones",
    "phone": "/ccmadmin/phones/SEP001122334455",
    "certificates": "/cmplatform/certificates?find=1",
    "certificate": "/cmplatform/certificates/1",
    "regenerate": "/cmplatform/certificates/1/regenerate",
    "upload": "/cmplatform/certificates/upload",
    "csr": "/cmplatform/certificates/csr",
    "self-signed": "/cmplatform/certificates/self-signed",
    "reuse": "/cmplatform/certificates/reuse",
    "bulk": "/cmplatform/bulk",
    "control-center": "/ccmservice/control-center",
    "reporting": "/cucreports",
    "cli": "/cli",
    "ctl-client": "/ctl-client",
}


@pytest.fixture(scope="module", autouse=True)
def _device(lab: Lab) -> None:
    lab.run("device", "set", "SEP001122334455", "--security", "encrypted")
    lab.run("admin", "--yes", "utils ctl set-cluster mixed-mode")


def picture(lab: Lab, name: str) -> None:
    """Keep a picture of the page for docs/, when it is asked for."""
    if "TOKENLESS_PICTURES" not in os.environ:
        return
    PICTURES.mkdir(exist_ok=True)
    # The test's own folder is of no use to a reader.
    folder = str(lab.folder)
    lab.browser.driver.execute_script(
        "for (const each of document.querySelectorAll('code'))"
        " each.textContent = each.textContent.replace(arguments[0], '/srv/lab')",
        folder,
    )
    driver = lab.browser.driver
    wide, long = driver.execute_script(
        "return [innerWidth, document.documentElement.scrollHeight]"
    )
    shot = driver.execute_cdp_cmd(
        "Page.captureScreenshot",
        {
            "format": "webp",
            "quality": 60,
            "captureBeyondViewport": True,
            "clip": {
                "x": 0,
                "y": 0,
                "width": wide,
                "height": min(long, MOST_PIXELS),
                "scale": 1,
            },
        },
    )
    (PICTURES / f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))


def check(lab: Lab, name: str) -> None:
    """Check the page that is shown, light and dark."""
    browser = lab.browser
    script = "document.documentElement.dataset.theme = arguments[0]"
    for theme in ("dark", "light"):
        browser.driver.execute_script(script, theme)
        assert browser.violations() == [], name
    assert "The operation failed" not in browser.text
    picture(lab, name)
    assert browser.errors() == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_dark_and_light(lab: Lab, name: str) -> None:
    lab.browser.go(PAGES[name])
    check(lab, name)


def test_the_windows_of_the_ctl_client_are_accessible(lab: Lab) -> None:
    browser = lab.browser
    lab.run("admin", "--yes", "file delete tftp CTLFile.tlv")
    browser.go("/ctl-client")
    browser.fill("name", "alice")
    browser.fill("password", PASSWORD)
    browser.click("Next")
    check(lab, "ctl-client-missing")
    browser.click("OK")
    check(lab, "ctl-client-mode")
    browser.click("Next")
    for number, token in enumerate(TOKENS):
        if number:
            browser.click("Add Tokens")
        check(lab, "ctl-client-insert")
        browser.choose("token", token)
        browser.click("OK")
        check(lab, "ctl-client-token")
        browser.click("Add")
    browser.click("Add TFTP")
    check(lab, "ctl-client-add")
    browser.click("Cancel")
    check(lab, "ctl-client-entries")
    browser.fill("password", f"Cisco123{Keys.ENTER}")
    browser.until(lambda: "Passed" in browser.text and not browser.is_waiting)
    check(lab, "ctl-client-done")


def test_what_takes_long_shows_how_far_it_is(lab: Lab) -> None:
    """Another administrator holds the database; the form waits for its turn."""
    browser = lab.browser
    browser.go("/ccmadmin/enterprise-parameters")
    browser.choose("TLSCiphers", "Medium- AES-256 AES-128 only: RSA Preferred")
    database = sqlite3.connect(lab.folder / "data/cluster.db", isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        browser.use(lambda: browser.find("Save").click())
        browser.until(lambda: "Step 1 of 3: TLS Ciphers" in browser.text)
        check(lab, "work")
    finally:
        database.close()
    browser.until(lambda: not browser.is_waiting)
    assert browser.status[0] == "Update Successful"
    assert browser.driver.current_url.endswith("/ccmadmin/enterprise-parameters")


def test_pages_work_with_the_keyboard_alone(lab: Lab) -> None:
    browser = lab.browser
    browser.go("/cmplatform/certificates")
    body = browser.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Skip to the page"
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    reached = set()
    for _ in range(8):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.driver.switch_to.active_element.get_attribute("id"))
    assert {"field", "operator", "text"} <= reached
    text = browser.driver.find_element(By.ID, "text")
    text.send_keys("TVS", Keys.ENTER)
    browser.until(lambda: "Certificate List (" in browser.text)


@pytest.fixture(scope="module")
def widths(lab: Lab) -> dict[int, dict[str, tuple[int, int]]]:
    """Return how wide each page is, and how much is seen, by the width of a screen.

    A page is loaded on the narrowest, which is then made wider.
    """
    found: dict[int, dict[str, tuple[int, int]]] = {width: {} for width in WIDTHS}
    driver = lab.browser.driver
    metrics = {"height": 1024, "deviceScaleFactor": 1, "mobile": False}
    emulate = "Emulation.setDeviceMetricsOverride"
    try:
        for path in PAGES.values():
            driver.execute_cdp_cmd(emulate, {"width": min(WIDTHS), **metrics})
            lab.browser.go(path)
            for width in sorted(WIDTHS):
                driver.execute_cdp_cmd(emulate, {"width": width, **metrics})
                wide, seen = driver.execute_script(
                    "return [document.documentElement.scrollWidth, innerWidth]"
                )
                found[width][path] = wide, seen
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_a_small_screen_shows_pages_without_scrolling_sideways(
    widths: dict[int, dict[str, tuple[int, int]]], width: int
) -> None:
    assert list(widths[width]) == list(PAGES.values())
    for path, (wide, seen) in widths[width].items():
        assert wide <= seen == width, path


def test_a_reader_sees_no_way_to_change(lab: Lab) -> None:
    browser = lab.browser
    browser.go("/")
    browser.click("Sign out")
    check(lab, "sign-in")
    browser.sign_in("ray", PASSWORD)
    try:
        browser.go("/ccmservice/control-center")
        words = set(browser.texts("button"))
        assert not words & {"Restart", "Stop", "Start", "Restart on all servers"}
        browser.go("/cli")
        assert "Your role is read" in browser.text
    finally:
        browser.go("/")
        browser.click("Sign out")
        browser.sign_in("alice", PASSWORD)


def test_a_live_page_says_that_its_user_is_signed_out(lab: Lab) -> None:
    browser, driver = lab.browser, lab.browser.driver
    browser.go("/")
    page = driver.current_window_handle
    driver.switch_to.new_window("tab")
    try:
        browser.go("/")
        browser.click("Sign out")
    finally:
        driver.close()
        driver.switch_to.window(page)
    lab.run("device", "set", "SEP001122334455", "--security", "authenticated")
    try:
        # A fetch for an earlier change may come after it: that leads to the sign-in.
        told = "not signed in any longer"
        browser.until(lambda: told in browser.text or "/sign-in" in driver.current_url)
        shown = browser.text
        assert ("Last changes" in shown) is (told in shown)
    finally:
        browser.sign_in("alice", PASSWORD)
        browser.errors()
