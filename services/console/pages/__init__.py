"""Every page, in modules by the vendor's applications."""

from typing import Final

from tokenless.services.console.page import Page
from tokenless.services.console.pages import certificates, home

PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *certificates.PAGES,
)
