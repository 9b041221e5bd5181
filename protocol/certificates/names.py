"""Distinguished names: from DER, in the text forms of trust lists, and back.

One name has several texts (REFERENCE 1.4, 1.7):

    CUCM        CN=…;OU=…;O=…;L=…;ST=…;C=…   fixed order, whatever the certificate's
    COMMA       C=…,O=…,OU=…,CN=…            the certificate's order (certutils)
    CTL_CLIENT  cn="…  ";ou=…;o="Cisco Sys   Windows style: quoted, cut at a comma

CUCM's order is observed. How it writes separators inside a value and attributes beyond
the six is not: they are escaped with a backslash and follow in certificate order
(inferred). Attributes of a multi-valued RDN are listed one after the other.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from functools import lru_cache
from itertools import islice
from typing import Final, Self, assert_never

from tokenless.protocol.certificates import der as asn1
from tokenless.protocol.certificates.name_text import (
    printable,
    quote_windows,
    split_name,
    write_value,
)
from tokenless.protocol.errors import DecodeError

MAX_ATTRIBUTES: Final = 128
MAX_COMPARED_LENGTH: Final = 4096
"""Longer texts are the same name only when they are equal."""
_FIXED_ORDER: Final = ("CN", "OU", "O", "L", "ST", "C")
_RANK: Final = {key: rank for rank, key in enumerate(_FIXED_ORDER)}

_SHORT_NAMES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.46": "dnQualifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
}
_CANONICAL_KEYS: Final = {name.upper(): name for name in _SHORT_NAMES.values()}

# X.690 8.23: the string types that names are written in.
_STRING_CODECS: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


@unique
class NameForm(Enum):
    """A way to write a name as text."""

    CUCM = "cucm"
    """`;`, fixed order CN;OU;O;L;ST;C: every list that CUCM itself makes."""
    COMMA = "comma"
    """`,`, the certificate's order: lists of certutils."""
    CTL_CLIENT = "ctl-client"
    """Token names in lists of the CTL Client."""


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A name as its attributes, in the order of their source."""

    attributes: tuple[tuple[str, str], ...]
    """Pairs of a short key (`CN`) or dotted identifier, and a value."""

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Decode an X.501 Name.

        Raises:
            DecodeError: When it is not DER of a Name, or has over 128 attributes.
        """
        attributes = tuple(_attributes(der))
        return cls(attributes)

    @classmethod
    def parse(cls, text: str, form: NameForm | None = None) -> Self:
        """Read a name from text; without `form`, `;` wins over `,` as separator.

        Raises:
            DecodeError: When a part has no key.
        """
        separator = {NameForm.COMMA: ",", None: None}.get(form, ";")
        pairs = split_name(text, separator)
        return cls(tuple((canonical_key(key), value) for key, value in pairs))

    def render(self, form: NameForm = NameForm.CUCM) -> str:
        """Write the name as text."""
        match form:
            case NameForm.CUCM:
                pairs = sorted(self.attributes, key=_rank)
                return ";".join(f"{key}={write_value(v, ';')}" for key, v in pairs)
            case NameForm.COMMA:
                pairs = list(self.attributes)
                return ",".join(f"{key}={write_value(v, ',;')}" for key, v in pairs)
            case NameForm.CTL_CLIENT:
                pairs = sorted(self.attributes, key=_rank)
                return ";".join(f"{k.lower()}={_client_value(v)}" for k, v in pairs)
            case _:
                assert_never(form)

    def without(self, key: str) -> "DistinguishedName":
        """Return the name without an attribute."""
        return DistinguishedName(
            tuple(pair for pair in self.attributes if pair[0] != key)
        )

    def get(self, key: str) -> str | None:
        """Return the first value of `key`, or None."""
        return next((value for name, value in self.attributes if name == key), None)


def canonical_key(key: str) -> str:
    """Return the spelling of an attribute's key that this module writes."""
    return _CANONICAL_KEYS.get(key.upper(), key)


def _rank(pair: tuple[str, str]) -> int:
    return _RANK.get(pair[0], len(_RANK))


def _client_value(value: str) -> str:
    # The CTL Client cuts the quoted value at its comma and so loses the last quote:
    # the strings are observed, the reason is inferred.
    return quote_windows(value).partition(",")[0]


def _attributes(der: bytes) -> Iterator[tuple[str, str]]:
    count = 0
    for rdn in asn1.children(der, asn1.whole(der, asn1.SEQUENCE, "a name")):
        try:
            pairs = _rdn_attributes(der[rdn.start : rdn.end])
        except DecodeError as error:
            raise error.moved(rdn.start) from error
        count += len(pairs)
        if count > MAX_ATTRIBUTES:
            raise DecodeError("a name has too many attributes", offset=rdn.start)
        yield from pairs


# The names of a cluster differ in one part; the others are decoded once.
@lru_cache(maxsize=1024)
def _rdn_attributes(rdn: bytes) -> tuple[tuple[str, str], ...]:
    parts = asn1.children(rdn, asn1.whole(rdn, asn1.SET, "a part of a name"))
    return tuple(_attribute(rdn, pair) for pair in islice(parts, MAX_ATTRIBUTES + 1))


def _attribute(der: bytes, pair: asn1.Span) -> tuple[str, str]:
    if pair.tag != asn1.SEQUENCE:
        raise DecodeError("an attribute of a name is not a SEQUENCE", offset=pair.start)
    oid = asn1.expect_span(
        der, pair.contents, pair.end, asn1.OBJECT_IDENTIFIER, "an attribute's type"
    )
    value = asn1.read_span(der, oid.end, pair.end)
    if value.end != pair.end:
        raise DecodeError("bytes are left over in an attribute", offset=value.end)
    key = _key(der[oid.contents : oid.end])
    return key, _text(value.tag, der[value.contents : value.end])


@lru_cache(maxsize=256)
def _key(oid: bytes) -> str:
    number = asn1.dotted(oid)
    return _SHORT_NAMES.get(number, number)


def _text(tag: int, contents: bytes) -> str:
    """Decode a value; one that is not text of its type is shown as `#` and its hex."""
    codec = _STRING_CODECS.get(tag)
    if codec is not None:
        try:
            return contents.decode(codec)
        except UnicodeDecodeError:
            pass
    return f"#{contents.hex()}"


def common_name_of(text: str) -> str | None:
    """Return the common name in a name of any form; None when it has none.

    Names of CUCM begin with it; others are written with commas, or from the other end
    (`C=US, O=…, CN=…`).
    """
    try:
        return DistinguishedName.parse(text).get("CN")
    except DecodeError:
        return None


def short_name(text: str) -> str:
    """Return `CN=…` of a name, else the whole of it, printable."""
    common = common_name_of(text)
    return printable(text if common is None else f"CN={common}")


def same_name(a: str, b: str) -> bool:
    """Return whether two texts name the same entity.

    Equal texts do. Else both are parsed and compared without regard to order, form,
    case and runs of blanks, as X.500's caseIgnoreMatch does. A name only selects a
    candidate; trust hangs on keys (REFERENCE 10.6).
    """
    if a == b:
        return True
    if max(len(a), len(b)) > MAX_COMPARED_LENGTH:
        return False
    comparable = _comparable(a)
    return comparable is not None and comparable == _comparable(b)


# One signer is compared with every record of a list; without a memory, long names in a
# hostile list would make that slow.
@lru_cache(maxsize=1024)
def _comparable(text: str) -> Counter[tuple[str, str]] | None:
    """Return a form equal for two texts of one name; None if it is not a name."""
    try:
        name = DistinguishedName.parse(text)
    except DecodeError:
        return None
    return Counter(
        (key.upper(), " ".join(value.split()).casefold())
        for key, value in name.attributes
    )
