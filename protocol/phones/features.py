"""Every phone model's features that trust decisions need, each with its mark.

The tables of REFERENCE-5 1.2 and 1.3 as data: a cell is a value and how it is known:
`S` a vendor document states it, `O` it was seen, `C` public code does it, `I` it is
inferred, `?` nothing is known. Reports count what is not known as no; the emulated
phone of the family (`models`) takes the value of the observed model that `like` names.
A cluster's own "Unified CM Phone Feature List" can be laid over it.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from types import MappingProxyType
from typing import Final

from tokenless.protocol.errors import DecodeError

SBD: Final = "Security By Default"
LARGE_KEYS: Final = "3072/4096 RSA key size support"
MAX_LIST_ROWS: Final = 20_000
COLUMN_WORDS: Final = MappingProxyType(
    {
        "sbd": "Security By Default",
        "certificates": "LSC and MIC",
        "mic_chain": "issuer of the MIC",
        "encrypted": "encrypted configuration",
        "files": "TFTP or HTTP",
        "tls": "newest TLS version",
        "signatures": "digests of signed files",
        "rsa": "largest RSA key",
        "ec": "EC keys",
        "protocol": "protocol of registration",
        "log": "form of the log",
    }
)
"""The fields of `ModelFeatures` that are cells, in words."""
COLUMNS: Final = tuple(COLUMN_WORDS)
"""The same in the order of the table."""


_SOURCES: Final = {
    "S": "stated by the vendor",
    "O": "seen",
    "C": "public code",
    "I": "inferred",
    "?": "not known",
    "L": "list of the cluster",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A value with its mark."""

    value: str
    mark: str
    """S, O, C, I, ? or L: the list of a cluster says it."""

    def __str__(self) -> str:
        """Write it as the reference does: `yes [S]`."""
        return f"{self.value} [{self.mark}]" if self.is_known else "?"

    @property
    def is_known(self) -> bool:
        """Return whether a source tells the value."""
        return self.mark != "?"

    @property
    def source(self) -> str:
        """Return how the value is known, in words."""
        return _SOURCES[self.mark]


@dataclass(frozen=True, slots=True)
class ModelFeatures:
    """The features of a model, each with its mark."""

    name: str
    family: str
    sbd: Cell
    """Security By Default: ITL and TVS."""
    certificates: Cell
    """LSC and MIC."""
    mic_chain: Cell
    encrypted: Cell
    """Kind of encrypted configuration: `pki`, `hand`."""
    files: Cell
    """Protocol of its downloads: TFTP, or HTTP first."""
    tls: Cell
    """The newest version, as a client."""
    signatures: Cell
    """The digests of signed files that it verifies."""
    rsa: Cell
    """The largest CallManager key that is safe, in bits."""
    ec: Cell
    protocol: Cell
    """The protocol it registers with: SCCP, SIP."""
    log: Cell
    """The form of its console log (REFERENCE 4.3)."""
    like: str | None
    """The observed model of which it takes what is not known; None where nothing is
    known of how it judges trust lists."""

    @property
    def has_sbd(self) -> bool:
        """Return whether the model is known to ask TVS; unknown counts as no."""
        return self.sbd.is_known and self.sbd.value == "yes"

    @property
    def checks_lists(self) -> bool:
        """Return whether it is a phone that checks, or may check, trust lists."""
        is_none = self.signatures.is_known and self.signatures.value in {"none", "-"}
        return not is_none and self.protocol.value != "CTI"

    @property
    def why_left_out(self) -> str | None:
        """Return why no emulated phone plays the model; None when one does."""
        if self.like is not None:
            return None
        if self.protocol.value == "CTI":
            return "an application, which fetches the CTL for it"
        if not self.checks_lists:
            return "checks no trust list"
        return "not known how it judges trust lists"

    @property
    def tls_since(self) -> str | None:
        """Return the first firmware with this TLS version; None: not told."""
        return _TLS_SINCE.get(self.family)

    def cells(self) -> Mapping[str, Cell]:
        """Return the cells by the names of their columns."""
        return {name: getattr(self, name) for name in COLUMNS}


# One line a family: models; then SBD, certificates, MIC chain, encrypted configuration,
# files, TLS, signatures, RSA, EC, protocol, log, each with its mark; then the observed
# model whose values fill the unknown cells.
_TABLE: Final = """
12 and 30 series|12 S, 12 SP, 12 SP+, 30 SP+, 30 VIP|no I|none I|- I|none I|TFTP I|- ?|none I|- ?|no I|SCCP I|- I|
7902 to 7935|7902, 7910, 7920, 7935, 7936|no I|none I|- I|none I|TFTP I|- ?|none I|- ?|no I|SCCP I|- I|
7905, 7912|7905, 7912|no I|none I|- I|hand I|TFTP I|- ?|none I|- ?|no I|SCCP, SIP I|? ?|
7940, 7960|7940, 7960|no S|LSC I|none I|hand I|TFTP C|1.0 I|CTL, SHA-1 I|? ?|no I|SCCP, SIP I|? ?|7960
3900|3905, 3911, 3951|? ?|? ?|? ?|none S|? ?|? ?|? ?|? ?|? ?|SIP I|? ?|
6901, 6911|6901, 6911|no S|LSC, MIC I|? ?|pki S|? ?|1.0 I|SHA-1 I|? ?|no I|SCCP, SIP S|? ?|7960
6900|6921, 6941, 6945, 6961|yes I|LSC, MIC I|SHA-1 I|pki S|? ?|1.0 I|SHA-1 I|? ?|no I|SCCP, SIP S|? ?|7975
7906 to 7961|7906, 7911, 7931, 7941, 7961, 7941G-GE, 7961G-GE|yes I|LSC, MIC I|SHA-1 I|pki S|HTTP C|1.0 C|SHA-1 S|2048 I|no C|SCCP, SIP S|secd I|7975
7942, 7962|7942, 7962|yes I|LSC, MIC S|SHA-1 I|pki S|HTTP C|1.0 C|SHA-1 S|2048 O|no C|SCCP, SIP S|secd I|7975
7945 to 7975|7945, 7965, 7975|yes S|LSC, MIC S|SHA-1 I|pki S|HTTP C|1.0 C|SHA-1 S|2048 O|no C|SCCP, SIP S|secd O|7975
7970, 7971|7970, 7971|yes I|LSC, MIC I|SHA-1 I|pki S|HTTP I|1.0 I|SHA-1 S|? ?|no I|SCCP, SIP S|secd I|7975
7921|7921|yes I|? ?|? ?|pki S|? ?|1.0 I|SHA-1 S|? ?|no I|SCCP S|? ?|7975
7925, 7926|7925, 7926|yes I|? ?|? ?|pki S|? ?|1.0 I|SHA-1 S|? ?|no I|SCCP S|? ?|7975
7937, 7985|7937, 7985|? ?|? ?|? ?|none S|? ?|1.0 I|? ?|? ?|no I|SCCP I|? ?|
7800|7811, 7821, 7841, 7861, 7832|yes I|LSC, MIC I|SHA-2 I|pki S|HTTP C|1.2 S|SHA-2 I|4096 I|yes C|SIP S|secureapp O|7821
8800|8811, 8841, 8845, 8851, 8851NR, 8861, 8865, 8865NR|yes S|LSC, MIC S|SHA-2 I|pki S|HTTP C|1.2 S|SHA-2 S|4096 S|yes C|SIP S|secureapp O|8861
8800 NS|8811NS, 8841NS, 8851NS|yes I|LSC, MIC I|SHA-2 I|pki I|HTTP I|1.2 I|SHA-2 I|4096 I|yes I|SIP I|secureapp I|8861
8832|8832, 8832NR|yes S|LSC, MIC S|SHA-2 I|pki S|HTTP I|1.2 S|SHA-2 S|4096 S|yes I|SIP S|secureapp I|8861
8831|8831|yes I|? ?|? ?|pki S|? ?|1.0 I|? ?|? ?|? ?|SIP S|? ?|8861
8821|8821, 8821-EX|yes I|LSC, MIC I|? ?|pki S|? ?|1.2 S|? ?|? ?|? ?|SIP S|? ?|8861
8941, 8945|8941, 8945|yes I|LSC, MIC I|SHA-1 I|pki S|HTTP S|1.0 I|SHA-1 S|? ?|no I|SCCP, SIP S|? ?|7975
8961, 9900|8961, 9951, 9971|yes I|LSC, MIC I|SHA-1 I|pki S|HTTP S|1.0 I|SHA-1 S|? ?|no I|SIP S|? ?|7975
9800, 8875|9811, 9821, 9841, 9851, 9861, 9861NR, 9871, 9871NR, 8875, 8875NR|yes I|LSC, MIC I|SHA-2 S|? ?|HTTP I|1.3 S|SHA-2 S|4096 S|yes I|SIP I|? ?|8861
840, 860|840, 860|? ?|? ?|? ?|? ?|? ?|? ?|? ?|? ?|? ?|SIP I|? ?|
DX (Android)|DX650, DX70, DX80|yes I|LSC, MIC I|? ?|? ?|? ?|? ?|? ?|? ?|? ?|SIP I|? ?|8861
DX and Room (CE)|Webex DX80, TelePresence DX70, TelePresence DX80, SX10, SX20, SX80, MX200 G2, MX300 G2, MX700, MX800, Room Kit, Room 55, Room 70, Room Kit Plus, Room Kit Pro, Room Kit Mini, Webex Board, Desk, Desk Pro, Desk Mini, Room Bar|? ?|LSC I|? ?|? ?|? ?|1.2 S|? ?|? ?|? ?|SIP I|? ?|
EX, C, MX (TC)|EX60, EX90, C20, C40, C60, C90, MX200, MX300|? ?|? ?|? ?|? ?|? ?|1.2 S|? ?|? ?|? ?|SIP I|? ?|
TelePresence CTS, TX, IX|TelePresence 500, TelePresence 1000, TelePresence 1100, TelePresence 3200, TX9000, IX5000|? ?|? ?|? ?|? ?|? ?|1.2 S|? ?|? ?|? ?|SIP I|? ?|
Other TelePresence|E20, TelePresence 1300, TelePresence 3000, TX9200|? ?|? ?|? ?|? ?|? ?|? ?|? ?|? ?|? ?|SIP I|? ?|
ATA 186, 188|ATA 186, ATA 188|no I|none I|- I|none S|TFTP I|- ?|none I|- ?|no I|SCCP I|? ?|
ATA 187, 190|ATA 187, ATA 190|no S|? ?|? ?|none S|? ?|? ?|? ?|? ?|? ?|SIP I|? ?|
ATA 191|ATA 191|no S|MIC S|SHA-256 S|none S|? ?|? ?|? ?|? ?|? ?|SIP S|? ?|
ATA 192|ATA 192|no S|? ?|? ?|none S|? ?|? ?|? ?|? ?|? ?|SIP I|? ?|
VG200 XM, VG300|VG202XM, VG204XM, VG310, VG320, VG350|no I|IOS S|- I|none I|TFTP, HTTP I|1.2 S|none I|? ?|? ?|SCCP I|? ?|
Other analog ports|VG202, VG204, VG224, VG248, VGC Phone, VGC Virtual Phone, Analog Phone, ISDN BRI Phone, SCCP gateway virtual phone|no I|? ?|- I|none I|? ?|? ?|none I|? ?|? ?|SCCP I|? ?|
VG410|VG410|no I|IOS S|- I|none I|TFTP, HTTP I|1.2 S|none I|? ?|? ?|SCCP S|? ?|
VG400|VG400, VG420, VG450|no I|IOS S|- I|none I|TFTP, HTTP I|1.2 I|none I|? ?|? ?|SCCP I|? ?|
IP Communicator|IP Communicator|no O|LSC O|none I|? ?|HTTP O|1.2 ?|CTL O|? ?|no I|SCCP, SIP O|? ?|Jabber
Jabber|Jabber, Unified Client Services Framework, Dual Mode for iPhone, Dual Mode for Android, Jabber for Tablet|no S|LSC, OAuth S|none S|pki C|HTTP O|1.2 S|CTL C|? ?|? ?|SIP S|? ?|Jabber
Webex VDI|Webex VDI Svc Framework|no I|LSC, OAuth I|none I|pki I|HTTP I|1.2 I|CTL I|? ?|? ?|SIP I|? ?|Jabber
CTI|CTI Port, CTI Route Point|no S|LSC of a user S|- I|- I|TFTP I|1.3 S|CTL S|? ?|? ?|CTI S|? ?|
Third-party SIP|Third-party SIP Device (Basic), Third-party SIP Device (Advanced)|no I|own S|- I|none I|- I|- S|- I|- I|- I|SIP S|- I|
No device|CTI Remote Device, Spark Remote Device, Remote Destination Profile, H.323 Phone, SIP Trunk, SIP Gateway|no I|- I|- I|- I|- I|- I|- I|- I|- I|- I|- I|
"""  # noqa: E501 - one line a family reads as the table that it is
_FIELDS: Final = len(COLUMNS) + 3
_TLS_SINCE: Final = {
    "7800": "12.0",
    "8800": "12.0",
    "8800 NS": "12.0",
    "8832": "12.0",
    "8821": "11.0(2)",
    "DX and Room (CE)": "CE 9.1.3",
    "EX, C, MX (TC)": "TC 7.3.11",
    "VG200 XM, VG300": "IOS 15.7(3)M1",
    "TelePresence CTS, TX, IX": "8.2.1 of IX, 6.1.13 of TX, 1.10.16 of others",
    "Jabber": "11.7",
}
"""By family, the first firmware with the newest TLS version of the table (REFERENCE-5
1.3, stated). Those with one here had 1.0, or it is not told what they had."""
_UNKNOWN: Final = Cell("?", "?")
_PREFIX: Final = re.compile(r"^(?:cisco |cp-)+", re.IGNORECASE)


def _cell(text: str) -> Cell:
    value, _, mark = text.rpartition(" ")
    return _UNKNOWN if mark == "?" else Cell(value, mark)


def _read() -> Iterator[ModelFeatures]:
    for line in _TABLE.strip().splitlines():
        family, models, *cells, like = line.split("|")
        assert len(cells) + 3 == _FIELDS, line  # noqa: S101 - this file's own table
        known = dict(zip(COLUMNS, map(_cell, cells), strict=True))
        for name in models.split(", "):
            yield ModelFeatures(name=name, family=family, like=like or None, **known)


FEATURES: Final[Mapping[str, ModelFeatures]] = MappingProxyType(
    {each.name: each for each in _read()}
)
"""By name, without the maker."""
_BY_KEY: Final = {name.casefold(): each for name, each in FEATURES.items()}


def plain_name(text: str) -> str:
    """Return a model's name without its maker: `8845` for `Cisco CP-8845`."""
    return _PREFIX.sub("", text.strip())


def find_features(
    name: str, table: Mapping[str, ModelFeatures] = FEATURES
) -> ModelFeatures | None:
    """Return the known features of a model, None when it is in no table."""
    known = _BY_KEY.get(plain_name(name).casefold())
    return None if known is None else table.get(known.name, known)


@dataclass(frozen=True, slots=True)
class FeatureList:
    """A cluster's own list, as far as it concerns trust."""

    features: Mapping[str, ModelFeatures]
    """The whole table, with what the list says laid over it."""
    changed: tuple[str, ...]
    """Models of which the list says otherwise than the table."""
    unknown: tuple[str, ...]
    """Products of the list that are in no table."""


def read_feature_list(text: str) -> FeatureList:
    """Read a "Unified CM Phone Feature List": Product, Protocol, Feature.

    A product that the list names for another feature, and not for Security By Default,
    has it not. Products that it does not name at all stay as they are.

    Raises:
        DecodeError: When it is no such list, or has too many rows.
    """
    named: dict[str, set[str]] = {}
    protocols: dict[str, set[str]] = {}
    for product, protocol, feature in _rows(text):
        named.setdefault(plain_name(product), set()).add(feature.casefold())
        protocols.setdefault(plain_name(product), set()).add(protocol.upper())
    features = dict(FEATURES)
    changed, unknown = [], []
    for product, those in named.items():
        known = find_features(product)
        if known is None:
            unknown.append(product)
            continue
        laid = _laid_over(known, those, protocols[product])
        if laid != known:
            features[known.name] = laid
            changed.append(known.name)
    return FeatureList(MappingProxyType(features), tuple(changed), tuple(unknown))


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    lines = text.lstrip("\ufeff\r\n ")
    delimiter = max(",;\t", key=lines.partition("\n")[0].count)
    try:
        rows = list(csv.reader(StringIO(lines), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DecodeError(f"no table: {error}", offset=0) from None
    if len(rows) > MAX_LIST_ROWS:
        raise DecodeError(f"over {MAX_LIST_ROWS} rows", offset=0)
    head = [name.strip().casefold() for name in rows[0]] if rows else []
    if not {"product", "feature"} <= set(head):
        raise DecodeError("no columns Product and Feature", offset=0)
    places = [head.index(name) if name in head else -1 for name in _HEAD]
    for row in rows[1:]:
        if any(each.strip() for each in row):
            yield _row(row, places)


def _row(row: Sequence[str], places: Sequence[int]) -> tuple[str, str, str]:
    if len(row) <= max(places):
        raise DecodeError(f"a row of {len(row)} columns", offset=0)
    product, protocol, feature = (
        row[place].strip() if place >= 0 else "" for place in places
    )
    if not product or not feature:
        raise DecodeError("a row without a product or a feature", offset=0)
    return product, protocol, feature


_HEAD: Final = ("product", "protocol", "feature")


def _laid_over(
    known: ModelFeatures, features: set[str], protocols: set[str]
) -> ModelFeatures:
    has_sbd = SBD.casefold() in features
    laid = replace(known, sbd=Cell("yes" if has_sbd else "no", "L"))
    if LARGE_KEYS.casefold() in features:
        laid = replace(laid, rsa=Cell("4096", "L"))
    if has_sbd and not known.has_sbd:
        return replace(laid, like="7975" if protocols == {"SCCP"} else "8861")
    if not has_sbd and known.has_sbd:
        return replace(laid, like="7960")
    return laid
