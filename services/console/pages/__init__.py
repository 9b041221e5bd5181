"""Every page, in modules by the vendor's applications."""

from typing import Final

from tokenless.services.console.page import Page
from tokenless.services.console.pages import (
    bulk,
    certificates,
    cli,
    ctl_client,
    home,
    parameters,
    phones,
    reports,
    services,
)

PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *parameters.PAGES,
    *phones.PAGES,
    *certificates.PAGES,
    *bulk.PAGES,
    *services.PAGES,
    *reports.PAGES,
    *cli.PAGES,
    *ctl_client.PAGES,
)
