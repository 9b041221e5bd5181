"""A headless Chromium that is steered as an administrator would use it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE_S = 60
CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")


class Browser:
    """One browser, at one console."""

    def __init__(self, driver: webdriver.Chrome, base: str) -> None:
        self.driver = driver
        self.base = base

    def go(self, path: str) -> None:
        self.driver.get(self.base + path)

    def click(self, words: str) -> None:
        """Click a button or a link by its words; the next page is awaited."""
        before = self.driver.find_element(By.TAG_NAME, "html")
        self.find(words).click()
        self.until(lambda: self.is_gone(before))

    def find(self, words: str) -> WebElement:
        xpath = f"//*[self::button or self::a][normalize-space()='{words}']"
        return self.driver.find_element(By.XPATH, f"({xpath})[1]")

    def fill(self, field: str, value: str) -> None:
        element = self.driver.find_element(By.ID, field)
        if element.get_attribute("type") != "file":
            element.clear()
        element.send_keys(value)

    def choose(self, field: str, words: str) -> None:
        Select(self.driver.find_element(By.ID, field)).select_by_visible_text(words)

    def tick(self, field: str) -> None:
        element = self.driver.find_element(By.ID, field)
        if not element.is_selected():
            element.click()

    @property
    def status(self) -> list[str]:
        """The sentences of the section Status."""
        found = self.driver.find_elements(By.CSS_SELECTOR, ".status p")
        return [each.text for each in found]

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def until(self, is_so: object) -> None:
        assert callable(is_so)
        WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.05).until(
            lambda _: is_so()
        )

    def is_gone(self, element: WebElement) -> bool:
        from selenium.common.exceptions import (  # noqa: PLC0415
            StaleElementReferenceException,
        )

        try:
            element.is_enabled()
        except StaleElementReferenceException:
            return True
        return False

    def sign_in(self, name: str, password: str) -> None:
        self.go("/sign-in")
        self.fill("name", name)
        self.fill("password", password)
        self.click("Sign in")


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
        yield Browser(driver, base)
    finally:
        driver.quit()
