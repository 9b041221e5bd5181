"""Every page, in modules by the vendor's applications."""

from typing import Final

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
from tokenless.services.console.visit import Page

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
