"""Device > Phone in a browser, beside an emulated phone that is really registered."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.rigs.warm_start import WarmPopen
from tests.system.console.conftest import Lab
from tests.system.serving import (
    PATIENCE_S,
    PUBLISHER,
    SUBSCRIBER,
    environment,
)

DEVICE = "SEP0011220000A1"
PHONE = f"/ccmadmin/phones/{DEVICE}"


@contextmanager
def running(lab: Lab) -> Iterator[None]:
    """Keep the phone up and registered until the block ends."""
    tftp = f"{lab.served.address(PUBLISHER)},{lab.served.address(SUBSCRIBER)}"
    with (lab.folder / "phone.log").open("w") as log:
        process = WarmPopen(
            ("phone", "run", "--flash", "flash", "--tftp", tftp),
            cwd=lab.folder,
            env=environment(lab.folder),
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def booted(lab: Lab) -> Lab:
    """Return the lab with a phone that has booted once and is not registered."""
    tftp = lab.served.address(PUBLISHER)
    lab.run(
        *("phone", "boot", "--device", DEVICE, "--model", "7975"),
        *("--flash", "flash", "--tftp", tftp),
    )
    return lab


def test_a_phone_registers_enrols_and_is_reset(booted: Lab) -> None:
    browser = booted.browser
    browser.go("/ccmadmin/phones")
    browser.until(lambda: "Live:" in browser.text)
    assert DEVICE not in browser.text
    with running(booted):
        # The page follows: nobody loads it again.
        browser.until(lambda: f"Registered with {PUBLISHER}" in browser.text)
        browser.click(DEVICE)
        browser.click("Add as a configured phone")
        assert browser.status[0] == "Update Successful"
        browser.choose("operation", "Install/Upgrade")
        browser.choose("auth-mode", "By Null String")
        browser.click("Save")
        assert "Operation Pending" in browser.text
        browser.click("Reset")
        assert browser.status == ["Reset sent, registered phones reached: 1"]
        browser.until(lambda: "Upgrade Success" in browser.text)
        browser.until(lambda: f"Registered with {PUBLISHER}" in browser.text)
        assert browser.texts("#certificate") == ["LSC"]
        browser.go("/ccmadmin/phones")
        browser.tick(f"tick-{DEVICE}")
        browser.click("Reset Selected")
        browser.click("Reset")
        assert browser.status == ["Reset sent, registered phones reached: 1"]
        log = booted.folder / "phone.log"
        browser.until(lambda: log.read_text().count("ordered: Reset-Reset") == 2)
    browser.until(lambda: "Unregistered (" in browser.text)
    browser.tick(f"tick-{DEVICE}")
    browser.click("Reset Selected")
    browser.click("Reset")
    assert "Not registered, so nothing reached them: 1" in browser.status
