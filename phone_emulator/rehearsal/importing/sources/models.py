"""Phone models of a real cluster: numbers, names, and which emulated one stands in.

Numbers are `tkmodel` (REFERENCE-5 1.2). Only models of families that are known have a
stand-in (`protocol.phones.features`): the others are counted for themselves, never as
well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.phones.features import (
    FEATURES,
    ModelFeatures,
    find_features,
    plain_name,
)
from tokenless.protocol.phones.models import PHONE_MODELS

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
    36339: "8811NS",
    36340: "8841NS",
    36338: "8851NS",
    36320: "840",
    36319: "860",
    647: "DX650",
    36042: "DX80",
    36043: "DX70",
    36239: "Webex DX80",
    36241: "TelePresence DX70",
    682: "SX10",
    626: "SX20",
    688: "SX80",
    36251: "Room Kit",
    584: "EX90",
    604: "EX60",
    10: "VGC Phone",
    11: "VGC Virtual Phone",
    36302: "Webex VDI Svc Framework",
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
_WITHOUT_TRUST: Final = (
    *("12 and 30 series", "7902 to 7935", "VG200, VG300", "VG400", "No device"),
    *("Third-party SIP", "CTI"),
)
"""Families that fetch no list, or whose first one stays for good (REFERENCE-5 1.3)."""
_SKIPPED: Final = frozenset(
    ("emcc base phone", "universal device template", "usage profile")
)
"""Devices of an export that are not phones (REFERENCE-5 1.2)."""


@dataclass(frozen=True, slots=True)
class RealModel:
    """A model as a cluster calls it."""

    name: str
    """Without the maker: `8845`."""
    like: str | None
    """The emulated model that plays it; None when there is none."""
    has_trust_lists: bool = True
    """True if it fetches lists at all; trunks and CTI ports do not."""

    @property
    def is_itself(self) -> bool:
        """Return whether the emulator has this very model."""
        return self.like is not None and self.like.casefold() == self.name.casefold()


def real_model(text: str, table: Mapping[str, ModelFeatures] = FEATURES) -> RealModel:
    """Return a model by its name in an export, or its number.

    Args:
        text: As the export has it.
        table: What models can do; a cluster's own list may be laid over it.
    """
    name = text.strip()
    if name.isascii() and name.isdigit() and int(name) in _NUMBERS:
        name = _NUMBERS[int(name)]  # no number is also the name of a model
    name = plain_name(name)
    found = find_features(name, table)
    if found is None:
        return RealModel(name, None, has_trust_lists=name.casefold() not in _SKIPPED)
    is_as_known = found.like == FEATURES[found.name].like
    like = name if name in PHONE_MODELS and is_as_known else found.like
    return RealModel(name, like, has_trust_lists=found.family not in _WITHOUT_TRUST)
