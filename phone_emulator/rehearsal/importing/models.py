"""Phone models of a real cluster: numbers, names, and which emulated one stands in.

Numbers are `tkmodel` (REFERENCE-5 1.2). Only models of families that are known have a
stand-in (REFERENCE-5 1.5): the others are counted for themselves, never as well.
"""

import re
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.phones.models import PHONE_MODELS, stand_in_for

_NUMBERS: Final[dict[int, str]] = {
    592: "3905",
    547: "6901",
    548: "6911",
    495: "6921",
    496: "6941",
    564: "6945",
    497: "6961",
    36213: "7811",
    621: "7821",
    622: "7841",
    623: "7861",
    36247: "7832",
    369: "7906",
    307: "7911",
    365: "7921",
    484: "7925",
    577: "7926",
    348: "7931",
    9: "7935",
    30019: "7936",
    431: "7937",
    8: "7940",
    7: "7960",
    115: "7941",
    30018: "7961",
    309: "7941G-GE",
    308: "7961G-GE",
    434: "7942",
    404: "7962",
    435: "7945",
    436: "7965",
    437: "7975",
    30006: "7970",
    119: "7971",
    302: "7985",
    36217: "8811",
    683: "8841",
    36224: "8845",
    684: "8851",
    36232: "8851NR",
    685: "8861",
    36225: "8865",
    36248: "8865NR",
    36216: "8821",
    659: "8831",
    36258: "8832",
    36260: "8832NR",
    586: "8941",
    585: "8945",
    540: "8961",
    537: "9951",
    493: "9971",
    36336: "8875",
    36337: "8875NR",
    550: "ATA 187",
    681: "ATA 190",
    36262: "ATA 191",
    12: "ATA 186",
    30016: "IP Communicator",
    503: "Unified Client Services Framework",
    562: "Dual Mode for iPhone",
    575: "Dual Mode for Android",
    652: "Jabber for Tablet",
    72: "CTI Port",
    73: "CTI Route Point",
    635: "CTI Remote Device",
    30027: "Analog Phone",
    61: "H.323 Phone",
    131: "SIP Trunk",
    336: "Third-party SIP Device (Basic)",
    374: "Third-party SIP Device (Advanced)",
    134: "Remote Destination Profile",
}
_PREFIXES: Final = {
    "unified client services framework": "CSF",
    "ip communicator": "CIPC",
    "dual mode for iphone": "TCT",
    "dual mode for android": "BOT",
    "jabber for tablet": "TAB",
}
"""Soft phones by the prefix of their device names."""
_UNKNOWN: Final = re.compile(
    r"79(?:0[25]|1[02]|20|3[567]|85).*|39\d\d|ATA.*", re.IGNORECASE
)
"""Models of which nothing says how they judge lists (REFERENCE-5 1.3)."""
_WITHOUT_TRUST: Final = (
    *("CTI Port", "CTI Route Point", "CTI Remote Device", "H.323 Phone", "SIP Trunk"),
    *("Analog Phone", "Remote Destination Profile", "Third-party SIP Device (Basic)"),
    *("Third-party SIP Device (Advanced)", "Spark Remote Device", "7935", "7936"),
    *("EMCC Base Phone", "Universal Device Template", "Usage Profile"),
)
_TRUSTLESS: Final = frozenset(name.casefold() for name in _WITHOUT_TRUST)
_PREFIX: Final = "cisco "


@dataclass(frozen=True, slots=True)
class RealModel:
    """A model as a cluster calls it."""

    name: str
    """Without the maker: `8845`."""
    like: str | None
    """The emulated model that plays it; None when there is none."""
    has_trust_lists: bool = True
    """Whether it fetches lists at all; trunks and CTI ports do not."""

    @property
    def is_itself(self) -> bool:
        """Return whether the emulator has this very model."""
        return self.like is not None and self.like.casefold() == self.name.casefold()


def real_model(text: str) -> RealModel:
    """Return a model by its name in an export, or its number."""
    name = text.strip()
    if name.isascii() and name.isdigit() and int(name) in _NUMBERS:
        name = _NUMBERS[int(name)]  # no number is also the name of a model
    if name.casefold().startswith(_PREFIX):
        name = name[len(_PREFIX) :].strip()
    key = name.casefold()
    like = None
    if name in PHONE_MODELS:
        like = name
    elif _UNKNOWN.fullmatch(name) is None:
        like = stand_in_for(_PREFIXES.get(key, name))
    return RealModel(name, like, has_trust_lists=key not in _TRUSTLESS)
