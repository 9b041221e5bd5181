"""Flows of the vendor's document, done in the browser, with phones that follow."""

import json
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.system.console.browser import Browser
from tests.system.console.conftest import PASSWORD, Lab
from tests.system.serving import PUBLISHER, SUBSCRIBER, tokenless

# On one cluster: each flow begins where the one before it ended.
pytestmark = pytest.mark.random_order(disabled=True)

DEVICES = ("SEP001122000001", "SEP001122000002")
TOKENS = {
    "SAST-ADN008580ef": "1st eToken Cert",
    "SAST-ADN0054f509": "2nd eToken Cert",
}
WARNING = (
    "Warning: Uploading a cluster-wide certificate will distribute it to all servers "
    "in this cluster"
)


def boot(lab: Lab) -> list[dict[str, Any]]:
    """Restart the phones; return what each holds."""
    tftp = f"{lab.served.address(PUBLISHER)},{lab.served.address(SUBSCRIBER)}"
    reports = []
    for device in DEVICES:
        done = tokenless(
            lab.folder,
            *("phone", "boot", "--device", device, "--model", "7975"),
            *("--flash", f"flash-{device}", "--tftp", tftp, "--json"),
        )
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout))
    return reports


def type_line(browser: Browser, line: str, *answers: str) -> str:
    """Type a line into the CLI's page, and answers to its questions."""
    screen = browser.driver.find_element(By.ID, "screen")
    typed = browser.driver.find_element(By.ID, "typed")
    done = int(screen.get_attribute("data-done") or 0)
    browser.until(typed.is_enabled)
    typed.send_keys(line, Keys.ENTER)
    prompt = browser.driver.find_element(By.ID, "prompt")
    for answer in answers:
        browser.until(lambda: prompt.text != "admin:" and typed.is_enabled())
        typed.send_keys(answer, Keys.ENTER)
    browser.until(lambda: int(screen.get_attribute("data-done") or 0) > done)
    return screen.text


def restart_on_all(browser: Browser, *services: str) -> None:
    for service in services:
        browser.go("/ccmservice/control-center")
        browser.choose("service", service)
        browser.click("Restart on all servers")
        for node in (PUBLISHER, SUBSCRIBER):
            sentence = f"{service} Service Restart Operation was Successful on {node}"
            assert sentence in browser.status


def reported_md5(browser: Browser) -> set[str]:
    browser.go("/cucreports")
    return set(browser.texts("dd.md5"))


def upload(lab: Lab, token: str, description: str) -> None:
    browser = lab.browser
    file = lab.folder / f"{token}.cer"
    if not file.exists():
        lab.run("token", "export", token, "--output", str(file))
    browser.go("/cmplatform/certificates")
    browser.click("Upload Certificate/Certificate chain")
    assert browser.status == [WARNING]
    browser.choose("purpose", "Phone-SAST-trust")
    browser.fill("description", description)
    browser.fill("file", str(file))
    browser.click("Upload")
    assert browser.status == ["Success: Certificate Uploaded"]


def connect(browser: Browser, password: str = PASSWORD) -> None:
    """Give the CTL Client the server's administrator (step 11)."""
    browser.go("/ctl-client")
    browser.fill("name", "alice")
    browser.fill("password", password)
    browser.click("Next")


def insert(browser: Browser, token: str) -> None:
    """Insert a token and add it (steps 14 and 15)."""
    browser.choose("token", token)
    browser.click("OK")
    assert "Subject Name: cn=" in " ".join(browser.text.split())
    browser.click("Add")


def test_what_the_ctl_client_refuses(lab: Lab) -> None:
    """A cluster without a CTL file, an administrator who makes mistakes."""
    browser = lab.browser
    first, second = TOKENS
    connect(browser, "not the password")
    assert "refuses the name or the password" in browser.status[0]
    browser.go("/ctl-client/unknown/mode")
    assert "the CTL Client is not connected" in browser.status[0]
    connect(browser)
    browser.tick("mode-mixed")
    browser.click("Next")
    insert(browser, first)
    browser.fill("password", "Cisco123")
    browser.click("Finish")
    assert "needs at least 2 tokens, 1 given" in browser.status[0]
    windows = browser.path.removesuffix("/entries")
    browser.go(f"{windows}/insert?token={first}")
    browser.click("Add")
    assert "this token was added already" in browser.status[0]
    browser.go(f"{windows}/insert")
    insert(browser, second)
    browser.fill("password", "wrong")
    browser.click("Finish")
    assert f"wrong password for token {first}" in browser.status[0]
    assert "14 more wrong passwords destroy it" in browser.status[0]
    assert "CTL File not found" in reports(browser)


def reports(browser: Browser) -> str:
    browser.go("/cucreports")
    return browser.text


def test_from_tokenless_to_tokens(lab: Lab) -> None:
    """The third flow: steps 2 and 8 to 21."""
    browser = lab.browser
    browser.go("/cli")
    type_line(browser, "utils ctl set-cluster mixed-mode", "y")
    restart_on_all(browser, "Cisco Tftp", "Cisco CallManager")
    assert all(each["outcome"] == "ok" for each in boot(lab))
    browser.go("/ccmadmin/enterprise-parameters")
    assert browser.read("#mode") == "1"

    # Without the document's steps the client refuses: error 1.
    connect(browser)
    browser.click("Next")
    browser.choose("token", next(iter(TOKENS)))
    browser.click("OK")
    browser.click("Add")
    assert "does not exist in the CTL File" in browser.status[0]

    for token, description in TOKENS.items():
        upload(lab, token, description)
    browser.go("/cli")
    said = type_line(browser, "file delete tftp CTLFile.tlv", "y")
    assert "files: found = 1, deleted = 1" in said

    connect(browser)
    assert "No CTL File exists on the server" in browser.text
    browser.click("OK")
    browser.tick("mode-update")
    browser.click("Next")
    for number, token in enumerate(TOKENS, start=1):
        if number > 1:
            browser.click("Add Tokens")
        insert(browser, token)
        # As in the vendor's windows: CAPF, servers, then tokens in their order.
        types = browser.texts("tbody td:nth-child(2)")
        hosts = browser.texts("tbody td:nth-child(3)")
        assert types == ["CAPF", "CCM+TFTP", "CCM+TFTP", *["Security Token"] * number]
        assert hosts[1:3] == ["127.0.47.156", "127.0.47.155"]
    browser.fill("password", "Cisco123")
    browser.click("Finish")
    assert browser.text.count("Passed") == 2
    assert "/usr/local/cm/tftp/CTLFile.tlv" in browser.text
    browser.click("Done")

    restart_on_all(browser, "Cisco Tftp", "Cisco CallManager")
    for each in boot(lab):
        ctl = each["files"]["CTLFile.tlv"]
        assert ctl["action"] == "updated", each
        assert ctl["verified_by"] == "tvs"
        assert ctl["md5"] in reported_md5(browser)


def test_regeneration(lab: Lab) -> None:
    """The fourth flow, from the tokenless CTL that the shell makes again."""
    browser = lab.browser
    browser.go("/cli")
    type_line(browser, "utils ctl update CTLFile", "y")
    restart_on_all(browser, "Cisco Tftp", "Cisco CallManager")
    boot(lab)
    browser.go("/cmplatform/certificates")
    browser.fill("text", "CallManager")
    browser.choose("operator", "is exactly")
    browser.click("Find")
    browser.click("CallManager")
    old = browser.read("pre")
    browser.click("Regenerate")
    assert "overwrite any CA signed certificate" in browser.text
    browser.click("OK")
    assert browser.status[0].startswith("Success: Certificate Regenerated")
    assert browser.read("pre") != old
    browser.go("/cli")
    said = type_line(browser, "utils ctl update CTLFile", "y")
    assert "CTL file Updated" in said
    restart_on_all(browser, "Cisco Tftp", "Cisco CallManager")
    for each in boot(lab):
        ctl = each["files"]["CTLFile.tlv"]
        assert ctl["action"] == "updated", each
        assert ctl["verified_by"] == "tvs"
        assert ctl["md5"] in reported_md5(browser)
    audit = lab.run("admin", "show audit")
    assert any("alice" in line and "regenerate" in line for line in audit.splitlines())


def test_a_page_shows_what_somebody_else_changes(lab: Lab) -> None:
    browser = lab.browser
    browser.go("/ccmservice/control-center")
    first = "#live section:first-of-type"
    browser.until(lambda: "Live:" in browser.text)
    lab.run("admin", "--yes", "utils service stop Cisco Trust Verification Service")
    browser.until(lambda: "STOPPED" in browser.read(first))
    lab.run("admin", "--yes", "utils service start Cisco Trust Verification Service")
    browser.until(lambda: "STOPPED" not in browser.read(first))


def test_the_screen_is_text(lab: Lab) -> None:
    """What the shell prints cannot become markup."""
    browser = lab.browser
    browser.go("/cli")
    said = type_line(browser, "show <img/src=x>")
    assert "<img/src=x>" in said
    screen = browser.driver.find_element(By.ID, "screen")
    assert screen.find_elements(By.CSS_SELECTOR, "*") == []
