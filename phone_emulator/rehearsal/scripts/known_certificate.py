"""A certificate of an imported cluster, as the file of its rehearsal keeps it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tokenless.protocol.codes import TrustStore

_UNITS: Final = "|".join(each for each in TrustStore if not each.is_trust_store)
_Unit = Annotated[str, Meta(pattern=f"^(trust|{_UNITS})$")]
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


def named(those: Iterable[KnownCertificate]) -> str:
    """Return units and nodes of certificates, once each."""
    names = {f"{e.unit} of {e.node}" if e.node else e.unit for e in those}
    return ", ".join(sorted(names))
