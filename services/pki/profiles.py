"""The cluster's kinds of certificates: what each may do, whose name it has."""

from dataclasses import replace
from typing import Final, Literal

from tokenless.protocol.certificates.minting import Profile
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import UNITS_WITH_EC_KEYS, TrustStore
from tokenless.protocol.release import Release
from tokenless.services.config import SubjectSection

FIPS_RSA_BITS: Final = 2048
"""The shortest RSA keys in FIPS mode: FIPS 186 signs with no shorter ones."""
_IPSEC_END_SYSTEM: Final = "1.3.6.1.5.5.7.3.5"
_SERVER: Final = frozenset(
    {"digital_signature", "key_encipherment", "data_encipherment", "key_agreement"}
)
_SERVER_PURPOSES: Final = ("server_auth", "client_auth", _IPSEC_END_SYSTEM)

# REFERENCE 1.11, observed for CallManager, CAPF and ITLRecovery; TVS, tomcat and ipsec
# as CallManager (inferred).
PROFILES: Final = {
    TrustStore.CALLMANAGER: Profile(_SERVER | {"key_cert_sign"}, _SERVER_PURPOSES),
    TrustStore.TVS: Profile(_SERVER | {"key_cert_sign"}, _SERVER_PURPOSES),
    TrustStore.CAPF: Profile(
        frozenset({"digital_signature", "key_encipherment", "key_cert_sign"}),
        ("server_auth", _IPSEC_END_SYSTEM),
    ),
    TrustStore.ITLRECOVERY: Profile(_SERVER, ("server_auth", "client_auth")),
    TrustStore.CALLMANAGER_ECDSA: Profile(
        _SERVER | {"key_cert_sign"}, _SERVER_PURPOSES
    ),
    TrustStore.TOMCAT: Profile(_SERVER | {"key_cert_sign"}, _SERVER_PURPOSES),
    TrustStore.TOMCAT_ECDSA: Profile(_SERVER | {"key_cert_sign"}, _SERVER_PURPOSES),
    TrustStore.IPSEC: Profile(_SERVER | {"key_cert_sign"}, _SERVER_PURPOSES),
}

EC_ALLOWED: Final = frozenset(
    {TrustStore.TVS, TrustStore.CAPF, TrustStore.TOMCAT, *UNITS_WITH_EC_KEYS}
)
"""Units that sign no trust list and no configuration: those take RSA only."""


def profile_of(store: TrustStore, release: Release) -> Profile:
    """Return what a self-signed certificate of a unit holds in a release.

    Those of 10.5 and 11 have no basicConstraints (REFERENCE 1.11). Later ones say
    CA:TRUE, but from 15SU3 all except CAPF say CA:FALSE (REFERENCE-2 3.2). ITLRecovery,
    whose key usage allows no signing of certificates, is left out (inferred).
    """
    profile = PROFILES[store]
    if release.denies_authority and store is not TrustStore.CAPF:
        return replace(profile, denies_authority=True)
    can_sign = "key_cert_sign" in profile.key_usage
    return replace(profile, is_authority=can_sign and release.claims_authority)


def digest_of(
    store: TrustStore, usual: Literal["sha1", "sha256"], *, is_fips: bool
) -> Literal["sha1", "sha256"]:
    """Return the digest that a unit's self-signed certificate is signed with.

    In FIPS mode it is SHA-256 only (REFERENCE-2 1). Browsers refuse SHA-1 for tomcat,
    whatever the cluster's phones need.
    """
    return "sha256" if is_fips or store is TrustStore.TOMCAT else usual


def shared_name(store: TrustStore, host: str, domain: str | None) -> str:
    """Return the common name of a multi-server certificate (REFERENCE-2 1)."""
    kind = "-EC-ms" if store in UNITS_WITH_EC_KEYS else "-ms"
    return f"{host}{kind}" if domain is None else f"{host}{kind}.{domain}"


def common_name(store: TrustStore, full_name: str, capf_name: str) -> str:
    """Return the common name of a node's certificate of a unit."""
    match store:
        case TrustStore.CALLMANAGER_ECDSA | TrustStore.TOMCAT_ECDSA:
            # Of one node: inferred from that of several (REFERENCE-2 1).
            host, dot, domain = full_name.partition(".")
            return f"{host}-EC{dot}{domain}"
        case TrustStore.CAPF:
            return capf_name
        case TrustStore.ITLRECOVERY:
            return f"ITLRECOVERY_{full_name}"
        case _:
            return full_name


def subject_name(subject: SubjectSection, common: str) -> DistinguishedName:
    """Return a subject in the order of certificates since 2011 (REFERENCE 1.4)."""
    return DistinguishedName(
        (
            ("C", subject.country),
            ("O", subject.organization),
            ("OU", subject.organizational_unit),
            ("CN", common),
            ("ST", subject.state),
            ("L", subject.locality),
        )
    )
