"""A headless Chromium that is steered as an administrator would use it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import (
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE_S = 200  # far longer than anything here takes, on however busy a machine
CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
AXE = Path(__file__).with_name("axe.min.js")
_RUN_AXE = (
    "const done = arguments[arguments.length - 1];"
    "if (!window.axe) loadAxe();"
    "axe.run(document, {resultTypes: ['violations']})"
    ".then(found => done(found.violations.map(each => ({id: each.id,"
    " impact: each.impact, nodes: each.nodes.map(node => node.html)}))));"
)
_TEXTS = (
    "return Array.from(document.querySelectorAll(arguments[0]),"
    " each => each.innerText.trim())"
)


def is_replaced(error: WebDriverException) -> bool:
    """Whether an element has gone with its page: Chromium has two words for it."""
    gone = "does not belong to the document"
    is_stale = isinstance(error, StaleElementReferenceException)
    return is_stale or gone in (error.msg or "")


class Browser:
    """One browser, at one console.

    A live page replaces its elements whenever the cluster changes. So what a page
    says is read in one step, inside the browser, and an element that was replaced
    between being found and being used is looked for again.
    """

    def __init__(self, driver: webdriver.Chrome, base: str) -> None:
        self.driver = driver
        self.base = base

    def go(self, path: str) -> None:
        self.driver.get(self.base + path)

    @property
    def path(self) -> str:
        """Return the path of the present page."""
        return urlsplit(self.driver.current_url).path

    def click(self, words: str) -> None:
        """Click a button or a link by its words; await the page it leads to.

        A page with a progress bar is not that page yet.
        """
        before = self.driver.find_element(By.TAG_NAME, "html")
        self.use(lambda: self.find(words).click())
        self.until(lambda: self.is_gone(before) and not self.is_waiting)

    @property
    def is_waiting(self) -> bool:
        """Whether a page loads, or shows how far a work is."""
        script = (
            "return document.readyState !== 'complete'"
            " || document.getElementById('work') !== null"
        )
        return bool(self.driver.execute_script(script))

    def find(self, words: str) -> WebElement:
        xpath = f"//*[self::button or self::a][normalize-space()='{words}']"
        return self.driver.find_element(By.XPATH, f"({xpath})[1]")

    def fill(self, field: str, value: str) -> None:
        self.use(lambda: self._fill(self.driver.find_element(By.ID, field), value))

    def choose(self, field: str, words: str) -> None:
        self.use(
            lambda: Select(
                self.driver.find_element(By.ID, field)
            ).select_by_visible_text(words)
        )

    def tick(self, field: str) -> None:
        self.use(lambda: self._tick(self.driver.find_element(By.ID, field)))

    @property
    def status(self) -> list[str]:
        """The sentences of the section Status."""
        return self.texts(".status p")

    @property
    def text(self) -> str:
        return self.read("body")

    def texts(self, selector: str) -> list[str]:
        """Read the shown text of each element that a CSS selector finds."""
        found: list[str] = self.driver.execute_script(_TEXTS, selector)
        return found

    def read(self, selector: str) -> str:
        """Read the shown text of the first element that a CSS selector finds."""
        found = self.texts(selector)
        assert found, f"the page has no {selector}"
        return found[0]

    def violations(self) -> list[dict[str, Any]]:
        """Return what axe-core finds serious on the page."""
        found: list[dict[str, Any]] = self.driver.execute_async_script(_RUN_AXE)
        return [each for each in found if each["impact"] in {"serious", "critical"}]

    def errors(self) -> list[dict[str, Any]]:
        """Return what the browser logged as an error since the last call."""
        logged: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [each for each in logged if each["level"] == "SEVERE"]

    def use(self, action: Callable[[], object]) -> None:
        """Do something with an element; once more if the page just replaced it."""

        def is_done() -> bool:
            action()
            return True

        self.until(is_done)

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait until a condition holds; a replaced element means "not yet"."""

        def holds(_driver: object) -> object:
            try:
                return is_so()
            except WebDriverException as error:
                if is_replaced(error):
                    return False
                raise

        WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.1).until(holds)

    def is_gone(self, element: WebElement) -> bool:
        try:
            element.is_enabled()
        except WebDriverException as error:
            if is_replaced(error):
                return True
            raise
        return False

    def sign_in(self, name: str, password: str) -> None:
        self.go("/sign-in")
        self.fill("name", name)
        self.fill("password", password)
        self.click("Sign in")

    def _fill(self, element: WebElement, value: str) -> None:
        if element.get_attribute("type") != "file":
            element.clear()
        element.send_keys(value)

    def _tick(self, element: WebElement) -> None:
        if not element.is_selected():
            element.click()


@contextmanager
def browsing(base: str, folder: Path, *, dark: bool = False) -> Iterator[Browser]:
    """Run a browser until the block ends."""
    options = Options()
    options.binary_location = str(CHROMIUM)
    for each in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--ignore-certificate-errors",
        "--window-size=1180,820",
        "--lang=en",
        f"--user-data-dir={folder / 'profile'}",
        *(["--no-sandbox"] if os.getuid() == 0 else []),
        *(["--force-dark-mode"] if dark else []),
    ):
        options.add_argument(each)
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        driver.implicitly_wait(0)
        # Sent once, and run on the pages that are looked at: it is long.
        source = f"window.loadAxe = () => {{{AXE.read_text()}\n}}"
        driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": source}
        )
        yield Browser(driver, base)
    finally:
        driver.quit()
