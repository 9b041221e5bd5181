"""Phone models and their differences, as data.

The table serves both sides: the phones that behave by it, and the report of features
that an administrator reads (REFERENCE 4.5: Security By Default decides which phones get
stuck). Sources: REFERENCE 2.1, 3.7, 4.1, 4.3, 4.4, 4.5; loads of 4.2 and 5.1 where
observed, else the usual one of the release (inferred).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, Literal

from tokenless.protocol.codes import Digest

DEVICE_NAME: Final = r"(?:SEP|ATA)[0-9A-F]{12}|(?:CSF|TCT|BOT|TAB)[0-9A-Z._-]{1,12}"
"""Names of devices, as a regular expression: desk phones and analogue adapters by MAC
address; clients for computers (CSF), iPhones (TCT), Androids (BOT) and tablets (TAB) by
a name, 15 characters in all."""


@unique
class LogForm(StrEnum):
    """The two shapes of a console log (REFERENCE 4.3)."""

    SECD = "secd"
    """`8074: NOT 23:00:22.335499 SECD: text`."""
    SECUREAPP = "secureapp"
    """`8074 NOT Mar 06 23:00:22.335499 SECUREAPP-text`."""


@unique
class Transport(StrEnum):
    """Transport that a file is fetched over."""

    HTTP = "http"
    """Port 6970 of a TFTP node."""
    TFTP = "tftp"


TlsVersion = Literal["1.0", "1.1", "1.2", "1.3"]
TLS_VERSIONS: Final[tuple[TlsVersion, ...]] = ("1.0", "1.1", "1.2", "1.3")
"""The oldest first."""


@dataclass(frozen=True, slots=True)
class PhoneModel:
    """One model: everything that the emulator and the reports need to know."""

    name: str
    """The common name: `7975`. The device name sent to TVS is `CP-<name>-SEP…`."""
    load: str
    """The firmware that a device pool gives it by default."""
    protocol: Literal["SCCP", "SIP"]
    security_by_default: bool
    """True if it takes an ITL and asks TVS (REFERENCE 4.5)."""
    signed_files: bool
    """True if it asks for `.sgn` files; 7940 and 7960 never do (REFERENCE 2.1)."""
    checksum: Literal["md5", "sha1"]
    """The content of its Trust List screen (REFERENCE 4.4)."""
    log_form: LogForm
    tls: tuple[TlsVersion, TlsVersion]
    """Oldest and newest TLS version it speaks to TVS (REFERENCE 3.7)."""
    digests: frozenset[Digest]
    """The digests it can verify in headers."""
    transports: tuple[Transport, ...]
    """The order in which it tries to fetch a file (REFERENCE 4.1)."""
    has_mic: bool = True
    """True if it leaves the factory with a certificate (REFERENCE-5 1.3)."""

    @property
    def device_prefix(self) -> str:
        """Prefix of its device names: `SEP` before a MAC address, or `CSF`."""
        return "CSF" if self is _JABBER else "SEP"

    @property
    def trust_lists(self) -> tuple[str, ...]:
        """The lists it asks for, in order."""
        if self.security_by_default:
            return ("CTLFile.tlv", "ITLFile.tlv")
        return ("CTLFile.tlv",)


MAX_DOWNLOAD_BYTES: Final = 2048 * 1024
"""The most bytes that a phone downloads, whatever its model (REFERENCE 4.1,
observed)."""

_SHA1_ONLY: Final = frozenset({Digest.SHA1})
_ALL_DIGESTS: Final = frozenset(Digest)
_HTTP_THEN_TFTP: Final = (Transport.HTTP, Transport.TFTP)


def _phone_79xx(name: str, load: str) -> PhoneModel:
    """Return a 79xx with Security by Default: TLS 1.0, MD5 on the screen, SECD lines.

    They verify SHA-1 only: REFERENCE 2.1 says to leave it for them.
    """
    return PhoneModel(
        name=name,
        load=load,
        protocol="SCCP",
        security_by_default=True,
        signed_files=True,
        checksum="md5",
        log_form=LogForm.SECD,
        tls=("1.0", "1.0"),
        digests=_SHA1_ONLY,
        transports=_HTTP_THEN_TFTP,
    )


def _phone_without_sbd(name: str, load: str) -> PhoneModel:
    """Return a 7940 or 7960: no ITL, no TVS, never a signed configuration."""
    return replace(
        _phone_79xx(name, load),
        security_by_default=False,
        signed_files=False,
        transports=(Transport.TFTP,),
        has_mic=False,
    )


def _phone_78xx_88xx(name: str, load: str) -> PhoneModel:
    """Return a 78xx or 88xx: TLS 1.2, SHA-1 on the screen, SECUREAPP lines."""
    return PhoneModel(
        name=name,
        load=load,
        protocol="SIP",
        security_by_default=True,
        signed_files=True,
        checksum="sha1",
        log_form=LogForm.SECUREAPP,
        tls=("1.0", "1.2"),
        digests=_ALL_DIGESTS,
        transports=_HTTP_THEN_TFTP,
    )


_JABBER: Final = PhoneModel(
    name="Jabber",
    load="Jabber",
    protocol="SIP",
    security_by_default=False,
    signed_files=True,
    checksum="sha1",
    log_form=LogForm.SECUREAPP,
    tls=("1.2", "1.3"),
    digests=_ALL_DIGESTS,
    transports=_HTTP_THEN_TFTP,
    has_mic=False,
)
"""A soft phone: it fetches a CTL but no ITL (REFERENCE 4.5)."""

PHONE_MODELS: Final[Mapping[str, PhoneModel]] = MappingProxyType(
    {
        model.name: model
        for model in (
            _phone_79xx("7975", "SCCP75.9-3-1SR4-1S"),
            _phone_79xx("7965", "SCCP45.9-3-1SR4-1S"),
            _phone_79xx("7945", "SCCP45.9-3-1SR4-1S"),
            _phone_without_sbd("7960", "P00308010200"),
            _phone_without_sbd("7940", "P00308010200"),
            _phone_78xx_88xx("8861", "sip88xx.10-3-1-20"),
            _phone_78xx_88xx("7821", "sip78xx.12-1-1-12"),
            _JABBER,
        )
    }
)
"""By name, in the order in which reports print them."""

# REFERENCE-5 1.3: Security by Default decides which phones are locked out, then the
# digests and the TLS versions of a family.
_STAND_INS: Final = (
    (re.compile(r"(CSF|TCT|BOT|TAB|CIPC|.*JABBER).*"), "Jabber"),
    (re.compile(r"79(0[257]|1[02]|20|35|36).*|69[01]1|ATA.*"), "7960"),
    (re.compile(r"(69|79|89|99)\d\d.*"), "7975"),
    (re.compile(r"78\d\d.*"), "7821"),
    (re.compile(r"(88|98)\d\d.*"), "8861"),
)


def stand_in_for(name: str) -> str | None:
    """Return the known model that behaves most like another one (inferred).

    None where nothing is known of its family.
    """
    plain = name.strip().upper().removeprefix("CISCO ").removeprefix("CP-")
    return next(
        (model for family, model in _STAND_INS if family.fullmatch(plain)), None
    )


def hint_for_unknown_models(*names: str) -> str:
    """Say what to name instead of models that are not known."""
    near = {name: stand_in_for(name) for name in names}
    said = [f"the nearest to {name} is {each}" for name, each in near.items() if each]
    return "; ".join((*said, f"known are {', '.join(PHONE_MODELS)}"))
