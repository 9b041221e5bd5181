"""Pages that stay open: what they follow, what they leave, what they say is wrong."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By

from tests.system.console.conftest import Lab
from tokenless.services.changes import devices, security
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.devices import remove_device

NAME = "SEP0011220000B1"
PHONE = f"/ccmadmin/phones/{NAME}"
PARAMETERS = "/ccmadmin/enterprise-parameters"


@pytest.fixture
def cluster(lab: Lab) -> Iterator[Cluster]:
    """Return the served cluster, as another administrator has it open."""
    opened = Cluster.open(lab.folder / "data")
    try:
        yield opened
    finally:
        opened.close()


def set_phone(cluster: Cluster) -> None:
    selection = Selection(names=(NAME,))
    devices.set_devices(cluster, selection, DeviceChange(), by="bob")


def is_live(lab: Lab) -> bool:
    return "Live: this page follows" in lab.browser.text


def test_a_download_leaves_its_page_as_it_is(lab: Lab) -> None:
    browser = lab.browser
    browser.go("/cmplatform/bulk")
    browser.driver.execute_script("window.stayed = true")
    browser.find("Download a file").click()
    shown = (
        "return [window.stayed, document.getElementById('progress').hidden,"
        " document.querySelectorAll('button:disabled').length]"
    )
    # What a click disables, it disables before the next task of the page.
    browser.driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert browser.driver.execute_script(shown) == [True, True, 0]


def test_a_page_of_a_phone_that_was_deleted_says_that_it_is_old(
    lab: Lab, cluster: Cluster
) -> None:
    browser = lab.browser
    set_phone(cluster)
    browser.go(PHONE)
    browser.until(lambda: is_live(lab))
    with cluster.store.change("test", "gone", by="bob") as change:
        remove_device(change.connection, NAME)
    browser.until(lambda: "cannot be fetched again" in browser.text)
    assert not is_live(lab)
    browser.errors()


def test_fields_follow_the_cluster_until_somebody_edits_them(
    lab: Lab, cluster: Cluster
) -> None:
    browser = lab.browser
    value = "return document.getElementById(arguments[0]).value"
    browser.go(PARAMETERS)
    browser.until(lambda: is_live(lab))
    browser.choose("TLSCiphers", "All Ciphers, ECDSA Preferred")
    lab.run("admin", "--yes", "utils ctl set-cluster mixed-mode")
    browser.until(lambda: browser.read("#mode") == "1")
    assert browser.driver.execute_script(value, "TLSCiphers") == "all-ecdsa"
    browser.go(PARAMETERS)
    browser.until(lambda: is_live(lab))
    security.set_parameter(cluster, "TLSCiphers", "medium-rsa", by="bob")
    browser.until(
        lambda: browser.driver.execute_script(value, "TLSCiphers") == "medium-rsa"
    )


def test_a_change_leaves_the_focus_and_the_place_of_a_table(
    lab: Lab, cluster: Cluster
) -> None:
    browser, driver = lab.browser, lab.browser.driver
    set_phone(cluster)
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.go("/ccmadmin/phones")
        browser.until(lambda: is_live(lab))
        driver.execute_script(
            "document.querySelector('.scroll').scrollLeft = 120;"
            "document.querySelector('#live').dataset.old = '1';"
            "document.getElementById(arguments[0]).focus()",
            f"phone-{NAME}",
        )
        place = "return document.querySelector('.scroll').scrollLeft"
        before = driver.execute_script(place)
        assert before > 0
        devices.set_devices(
            cluster,
            Selection(names=("SEP0011220000B2",)),
            DeviceChange(),
            by="bob",
        )
        browser.until(lambda: not driver.find_elements(By.CSS_SELECTOR, "[data-old]"))
        browser.until(lambda: driver.execute_script(place) == before)
        assert driver.switch_to.active_element.text == NAME
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
