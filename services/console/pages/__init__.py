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
    signing_requests,
)

PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *parameters.PAGES,
    *phones.PAGES,
    *certificates.PAGES,
    *signing_requests.PAGES,
    *bulk.PAGES,
    *services.PAGES,
    *reports.PAGES,
    *cli.PAGES,
    *ctl_client.PAGES,
)
