"""A certificate of an imported cluster, as the file of its rehearsal keeps it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tokenless.protocol.codes import TrustStore

TRUST: Final = "trust"
"""The unit of a trusted certificate, which belongs to no node."""
_UNITS: Final = "|".join(each for each in TrustStore if not each.is_trust_store)
_Unit = Annotated[str, Meta(pattern=f"^({TRUST}|{_UNITS})$")]
_Moment = Annotated[datetime, Meta(tz=True)]
"""A moment with a time zone: others cannot be compared."""


class KnownCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate of an imported cluster, as lists and nodes have it."""

    unit: _Unit
    """Its unit; `trust` for a SAST of nobody in the cluster."""
    source: Literal["ctl", "itl", "in-use"]
    subject: str
    serial: str
    node: str = ""
    begins: _Moment | None = None
    ends: _Moment | None = None
    bits: Annotated[int, Meta(ge=1, le=65536)] | None = None
    ca_signed: bool = False


def not_renewed(those: Iterable[KnownCertificate]) -> list[KnownCertificate]:
    """Leave out certificates of a unit and node that has a later one."""
    listed = list(those)
    latest: dict[tuple[str, str], datetime] = {}
    for each in listed:
        if each.begins is not None:
            key = each.unit, each.node
            latest[key] = max(latest.get(key, each.begins), each.begins)
    return [
        each
        for each in listed
        if each.unit == TRUST
        or each.begins is None
        or each.begins == latest[each.unit, each.node]
    ]


def named(those: Iterable[KnownCertificate]) -> str:
    """Return units and nodes of certificates, once each."""
    names = {f"{e.unit} of {e.node}" if e.node else e.unit for e in those}
    return ", ".join(sorted(names))
