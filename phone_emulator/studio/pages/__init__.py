"""Every page of the studio."""

from typing import Final

from tokenless.phone_emulator.studio.pages import (
    change,
    cluster,
    home,
    look,
    phone,
    plan,
    play,
    report,
    share,
)
from tokenless.phone_emulator.studio.visit import Page

PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *cluster.PAGES,
    *change.PAGES,
    *plan.PAGES,
    *play.PAGES,
    *phone.PAGES,
    *report.PAGES,
    *look.PAGES,
    *share.PAGES,
)
