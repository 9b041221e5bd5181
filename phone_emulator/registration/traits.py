"""Differences between models in registration, as data.

Numbers are the vendor's (REFERENCE-3 4.3, 5.1; REFERENCE-5 1.2); those of 8861 and 7821
are not verified. TLS: REFERENCE-3 4.7 and 5.3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import PHONE_MODELS, LogForm, PhoneModel
from tokenless.protocol.phones.numbers import MODEL_NUMBERS
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
_VERSION: Final = re.compile(r"\.([0-9]+)-([0-9]+)-([0-9]+)")
"""In the name of a load: `sip88xx.12-1-1-12`."""


@dataclass(frozen=True, slots=True)
class RegistrationTraits:
    """The properties of one model in registration.

    Attributes:
        device_type: The vendor's number of the model, 0 where it is not known.
        sccp_version: The newest version of SCCP that it speaks.
        ciphers: What it offers in encrypted mode, as OpenSSL names it.
        suites: The SRTP suites that it offers, the preferred one first.
    """

    device_type: int
    sccp_version: int = 20
    ciphers: str = _OLD_CIPHERS
    suites: tuple[SrtpSuite, ...] = (_SUITE_32,)


_NEWER_SUITES: Final = (_SUITE_80, _SUITE_32)
_OLD_SCCP: Final = {"7940": 11, "7960": 11, "6961": 15, "6911": 17}
"""Versions that were seen of models (REFERENCE-3 4.3, REFERENCE-4 1.6)."""
_NUMBERS: Final = {name: number for number, name in MODEL_NUMBERS.items()} | {
    "Jabber": 503
}


def _traits_of(model: PhoneModel) -> RegistrationTraits:
    number = _NUMBERS.get(model.name, 0)
    if model.log_form is LogForm.SECD:
        return RegistrationTraits(number, _OLD_SCCP.get(model.name, 20))
    return RegistrationTraits(number, ciphers=_NEW_CIPHERS, suites=_NEWER_SUITES)


TRAITS: Final[Mapping[str, RegistrationTraits]] = MappingProxyType(
    {name: _traits_of(model) for name, model in PHONE_MODELS.items()}
)


def signalling_of(model: PhoneModel, config: PhoneConfig) -> Signalling:
    """Return what a phone speaks: a 79xx may run a SIP load, others know SIP only."""
    if Signalling(model.protocol) is Signalling.SIP:
        return Signalling.SIP
    is_sip_load = config.device_protocol == Signalling.SIP
    return Signalling.SIP if is_sip_load else Signalling.SCCP


def user_agent_of(model: PhoneModel, load: str) -> str:
    """Return the User-Agent of a model that speaks SIP (REFERENCE-3 5.1).

    It ends with the version in the load's name, or that name where it has none.
    """
    found = _VERSION.search(load)
    return f"Cisco-CP{model.name}/{'.'.join(found.groups()) if found else load}"


def writes_alarms_in_lower_case(model: PhoneModel) -> bool:
    """Return whether its alarms are those of 78xx and 88xx (REFERENCE-3 5.1)."""
    return PHONE_MODELS[model.name].log_form is LogForm.SECUREAPP
