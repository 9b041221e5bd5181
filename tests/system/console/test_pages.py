"""Every page: accessible, dark and light, without errors of scripts, as in docs/."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.system.console.conftest import PASSWORD, Lab

AXE = Path(__file__).with_name("axe.min.js")
PICTURES = Path(__file__).parents[3] / "docs" / "console"
PAGES = {
    "home": "/",
    "enterprise-parameters": "/ccmadmin/enterprise-parameters",
    "phones": "/ccmadmin/phones",
    "phone": "/ccmadmin/phones/SEP001122334455",
    "certificates": "/cmplatform/certificates?find=1",
    "certificate": "/cmplatform/certificates/1",
    "regenerate": "/cmplatform/certificates/1/regenerate",
    "upload": "/cmplatform/certificates/upload",
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


def violations(lab: Lab) -> list[dict[str, Any]]:
    """Return what axe-core finds serious on the page."""
    driver = lab.browser.driver
    driver.execute_script(AXE.read_text())
    found: list[dict[str, Any]] = driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations']})"
        ".then(found => done(found.violations.map(each => ({id: each.id,"
        " impact: each.impact, nodes: each.nodes.map(node => node.html)}))));"
    )
    return [each for each in found if each["impact"] in {"serious", "critical"}]


def picture(lab: Lab, name: str) -> None:
    """Keep a picture for docs/, when it is asked for."""
    if "TOKENLESS_PICTURES" not in os.environ:
        return
    PICTURES.mkdir(exist_ok=True)
    shot = lab.browser.driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "webp", "quality": 60}
    )
    (PICTURES / f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_dark_and_light(lab: Lab, name: str) -> None:
    browser = lab.browser
    for theme in ("light", "dark"):
        browser.go(PAGES[name])
        script = "document.documentElement.dataset.theme = arguments[0]"
        browser.driver.execute_script(script, theme)
        assert "The operation failed" not in browser.text
        if theme == "light":
            picture(lab, name)
        assert violations(lab) == []
    assert browser.errors() == []


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


def test_a_tablet_shows_pages_without_scrolling_sideways(lab: Lab) -> None:
    browser = lab.browser
    browser.driver.set_window_size(768, 1024)
    try:
        for path in PAGES.values():
            browser.go(path)
            wide, seen = browser.driver.execute_script(
                "return [document.documentElement.scrollWidth, innerWidth]"
            )
            assert wide <= seen, path
    finally:
        browser.driver.set_window_size(1180, 820)


def test_a_reader_sees_no_way_to_change(lab: Lab) -> None:
    browser = lab.browser
    browser.go("/")
    browser.click("Sign out")
    picture(lab, "sign-in")
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
