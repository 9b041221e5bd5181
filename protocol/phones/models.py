"""Phone models as the emulator plays them.

The table serves both sides: the phones that behave by it, and the report of features
that an administrator reads (REFERENCE 4.5: Security By Default decides which phones get
stuck). Sources describe eight models: REFERENCE 2.1, 3.7, 4.1, 4.3, 4.4, 4.5. The
others are made of their cells in `features`. Loads of 4.2 and 5.1 where observed, else
the usual one of the family (inferred). The 8861 of the logs ran 10.3.1, which has no
TLS 1.2 (REFERENCE-5 1.3): here it has a later one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, Literal

from tokenless.protocol.codes import Digest
from tokenless.protocol.phones.features import FEATURES, ModelFeatures, find_features

DEVICE_NAME: Final = r"(?:SEP|ATA)[0-9A-F]{12}|(?:CSF|TCT|BOT|TAB)[0-9A-Z._-]{1,12}"
"""Names of devices, as a regular expression: desk phones and analogue adapters by MAC
address; clients for computers (CSF), iPhones (TCT), Androids (BOT) and tablets (TAB) by
a name, 15 characters in all."""
_MIC_NAME: Final = re.compile(r"CP-[A-Za-z0-9/+-]{1,24}-((?:SEP|ATA)[0-9A-F]{12})")


def device_in(common_name: str) -> str:
    """Return the device that a certificate names: an LSC by itself, a MIC with model.

    `CP-7975-SEP001122334455` is the name of a MIC (REFERENCE-3 3.6). What only ends
    like a device's name is another device: `CSF-TCTANNA` is a client of its own.
    """
    match = _MIC_NAME.fullmatch(common_name)
    return common_name if match is None else match[1]


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
    device_prefix: str = "SEP"
    """Prefix of its device names: `SEP` before a MAC address, or `CSF`."""

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
    device_prefix="CSF",
)
"""A soft phone: it fetches a CTL but no ITL (REFERENCE 4.5)."""

OBSERVED_MODELS: Final[Mapping[str, PhoneModel]] = MappingProxyType(
    {
        model.name: model
        for model in (
            _phone_79xx("7975", "SCCP75.9-3-1SR4-1S"),
            _phone_79xx("7965", "SCCP45.9-3-1SR4-1S"),
            _phone_79xx("7945", "SCCP45.9-3-1SR4-1S"),
            _phone_without_sbd("7960", "P00308010200"),
            _phone_without_sbd("7940", "P00308010200"),
            _phone_78xx_88xx("8861", "sip88xx.12-7-1"),
            _phone_78xx_88xx("7821", "sip78xx.12-1-1-12"),
            _JABBER,
        )
    }
)
"""The models that sources describe; the others take from them what is not known."""

_PREFIXES: Final = {
    "Unified Client Services Framework": "CSF",
    "Dual Mode for iPhone": "TCT",
    "Dual Mode for Android": "BOT",
    "Jabber for Tablet": "TAB",
    "IP Communicator": "SEP",
    "Webex VDI Svc Framework": "CSF",
}
"""Names of soft clients' devices (REFERENCE-5 1.2; the last one is inferred)."""
_LOADS: Final = (
    (re.compile(r"69[01]1"), "SCCP6901.9-3-1-SR2"),
    (re.compile(r"69\d\d"), "SCCP69xx.9-4-1-3"),
    (re.compile(r"7906|7911"), "SCCP11.9-3-1SR4-1S"),
    (re.compile(r"7921"), "CP7921G-1.4.7"),
    (re.compile(r"792[56]"), "CP7925G-1.4.7"),
    (re.compile(r"7931"), "SCCP31.9-3-1SR4-1S"),
    (re.compile(r"79[46]1.*"), "SCCP41.9-3-1SR4-1S"),
    (re.compile(r"79[46]2"), "SCCP42.9-3-1SR4-1S"),
    (re.compile(r"7970|7971"), "SCCP70.9-3-1SR4-1S"),
    (re.compile(r"7832"), "sip7832.12-7-1"),
    (re.compile(r"88[46]5.*"), "sip8845_65.12-7-1"),
    (re.compile(r"8821.*"), "sip8821.11-0-5"),
    (re.compile(r"8831"), "sip8831.10-3-1SR2"),
    (re.compile(r"8832.*"), "sip8832.12-7-1"),
    (re.compile(r"894[15]"), "SCCP894x.9-4-2SR3"),
    (re.compile(r"8961"), "sip8961.9-4-2SR3"),
    (re.compile(r"99[57]1"), "sip99xx.9-4-2SR3"),
    (re.compile(r"98\d\d.*|8875.*"), "PHONEOS.3-0-1"),
    (re.compile(r"DX.*"), "sipdx650.10-2-5"),
    (re.compile(r"IP Communicator"), "CIPC-8-6-6-0"),
)
"""Loads of models that have another one than the observed model (inferred)."""
_KEY_OF_THE_PHONE: Final = "pki"


def _of_family(each: ModelFeatures, like: PhoneModel) -> PhoneModel:
    """Return a model by its features; what is not known is as an observed one's."""
    form = LogForm(each.log.value) if each.log.is_known else like.log_form
    newest = next((known for known in TLS_VERSIONS if known == each.tls.value), None)
    return replace(
        like,
        name=each.name,
        load=next(
            (load for own, load in _LOADS if own.fullmatch(each.name)), like.load
        ),
        protocol="SCCP" if each.protocol.value.startswith("SCCP") else "SIP",
        security_by_default=each.has_sbd,
        signed_files=like.signed_files or each.encrypted.value == _KEY_OF_THE_PHONE,
        checksum="md5" if form is LogForm.SECD else "sha1",
        log_form=form,
        tls=like.tls if newest is None else (min(like.tls[0], newest), newest),
        digests=_digests(each, like),
        transports=_transports(each, like),
        has_mic=_has_mic(each, like),
        device_prefix=_PREFIXES.get(each.name, like.device_prefix),
    )


def _digests(each: ModelFeatures, like: PhoneModel) -> frozenset[Digest]:
    match each.signatures.value:
        case "SHA-1":
            return _SHA1_ONLY
        case "SHA-2":
            return _ALL_DIGESTS
        case _:
            return like.digests


def _transports(each: ModelFeatures, like: PhoneModel) -> tuple[Transport, ...]:
    match each.files.value:
        case "HTTP":
            return _HTTP_THEN_TFTP
        case "TFTP":
            return (Transport.TFTP,)
        case _:
            return like.transports


def _has_mic(each: ModelFeatures, like: PhoneModel) -> bool:
    known = each.certificates
    return "MIC" in known.value.split(", ") if known.is_known else like.has_mic


PHONE_MODELS: Final[Mapping[str, PhoneModel]] = MappingProxyType(
    {
        **OBSERVED_MODELS,
        **{
            name: _of_family(each, OBSERVED_MODELS[each.like])
            for name, each in FEATURES.items()
            if each.like is not None and name not in OBSERVED_MODELS
        },
    }
)
"""By name, in the order in which reports print them: the observed ones first. A model
is not here when nothing is known of how it judges trust lists."""

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
    """Return the emulated model that behaves most like another one (inferred).

    None where nothing is known of its family.
    """
    if (known := find_features(name)) is not None and known.name in PHONE_MODELS:
        return known.name
    plain = name.strip().upper().removeprefix("CISCO ").removeprefix("CP-")
    return next(
        (model for family, model in _STAND_INS if family.fullmatch(plain)), None
    )


def hint_for_unknown_models(*names: str) -> str:
    """Say why models are not emulated, and what to name instead."""
    near = {name: stand_in_for(name) for name in names}
    known = filter(None, map(find_features, names))
    why = [f"{each.name}: {each.why_left_out}" for each in known if each.why_left_out]
    said = [f"the nearest to {name} is {each}" for name, each in near.items() if each]
    return "; ".join((*why, *said, "`tokenless phone models` lists all"))
