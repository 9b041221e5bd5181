"""The key usages that units ask a CA for, by release."""

from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release

_SERVER: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True, slots=True)
class Usages:
    """The key usages that a unit asks for."""

    bits: frozenset[str]
    purposes: tuple[x509.ObjectIdentifier, ...] = _SERVER


# REFERENCE-2 2.1 (the table of 14) and REFERENCE-5 5.1.
_SIGNING_SERVER: Final = frozenset({"digital_signature", "data_encipherment"})
_WHOLE_SERVER: Final = _SIGNING_SERVER | {"key_encipherment"}
USAGES: Final = {
    TrustStore.CALLMANAGER: Usages(_SIGNING_SERVER),
    TrustStore.CALLMANAGER_ECDSA: Usages(_SIGNING_SERVER),
    TrustStore.TOMCAT: Usages(_SIGNING_SERVER),
    TrustStore.TOMCAT_ECDSA: Usages(_SIGNING_SERVER),
    TrustStore.TVS: Usages(_WHOLE_SERVER),
    TrustStore.IPSEC: Usages(
        _WHOLE_SERVER, (*_SERVER, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5"))
    ),
    TrustStore.CAPF: Usages(
        frozenset({"digital_signature", "key_cert_sign"}),
    ),
}
"""The units that a CA can sign, with what their requests ask for."""


def usages_of(store: TrustStore, release: Release) -> Usages:
    """Return what a unit's request asks for in a release.

    Tables before 14 have keyEncipherment for CallManager and tomcat, too (REFERENCE-2
    2.1).
    """
    usages = USAGES[store]
    if usages.bits == _SIGNING_SERVER and not release.leaves_out_key_encipherment:
        return Usages(_WHOLE_SERVER, usages.purposes)
    return usages
