"""Differences between models in registration, as data.

Numbers are the vendor's (REFERENCE-3 4.3, 5.1); those of 8861 and 7821 are not
verified. TLS: REFERENCE-3 4.7 and 5.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import PHONE_MODELS, LogForm, PhoneModel
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.srtp import SrtpSuite

_SUITE_32: Final = SrtpSuite.AES_CM_128_HMAC_SHA1_32
_SUITE_80: Final = SrtpSuite.AES_CM_128_HMAC_SHA1_80
_OLD_CIPHERS: Final = "AES256-SHA:AES128-SHA"
_NEW_CIPHERS: Final = (
    "ECDHE+AESGCM:AES256-GCM-SHA384:AES128-GCM-SHA256:ECDHE+SHA:" + _OLD_CIPHERS
)
AUTHENTICATED_CIPHERS: Final = "NULL-SHA"
"""Integrity only: what a phone in authenticated mode offers."""


@dataclass(frozen=True, slots=True)
class RegistrationTraits:
    """The properties of one model in registration.

    Attributes:
        device_type: The vendor's number of the model.
        sccp_version: The newest version of SCCP that it speaks.
        ciphers: What it offers in encrypted mode, as OpenSSL names it.
        suites: The SRTP suites that it offers, the preferred one first.
    """

    device_type: int
    sccp_version: int = 20
    ciphers: str = _OLD_CIPHERS
    suites: tuple[SrtpSuite, ...] = (_SUITE_32,)


_NEWER_SUITES: Final = (_SUITE_80, _SUITE_32)
TRAITS: Final[Mapping[str, RegistrationTraits]] = MappingProxyType(
    {
        "7975": RegistrationTraits(437),
        "7965": RegistrationTraits(436),
        "7945": RegistrationTraits(435),
        "7960": RegistrationTraits(7, 11),
        "7940": RegistrationTraits(8, 11),
        "8861": RegistrationTraits(685, ciphers=_NEW_CIPHERS, suites=_NEWER_SUITES),
        "7821": RegistrationTraits(621, ciphers=_NEW_CIPHERS, suites=_NEWER_SUITES),
        "Jabber": RegistrationTraits(503, ciphers=_NEW_CIPHERS, suites=_NEWER_SUITES),
    }
)


def signalling_of(model: PhoneModel, config: PhoneConfig) -> Signalling:
    """Return what a phone speaks: a 79xx may run a SIP load, others know SIP only."""
    if Signalling(model.protocol) is Signalling.SIP:
        return Signalling.SIP
    is_sip_load = config.device_protocol == Signalling.SIP
    return Signalling.SIP if is_sip_load else Signalling.SCCP


def user_agent_of(model: PhoneModel, load: str) -> str:
    """Return the User-Agent of a model that speaks SIP."""
    return f"Cisco-CP{model.name}/{load}"


def writes_alarms_in_lower_case(model: PhoneModel) -> bool:
    """Return whether its alarms are those of 78xx and 88xx (REFERENCE-3 5.1)."""
    return PHONE_MODELS[model.name].log_form is LogForm.SECUREAPP
