"""The table of signers, as REFERENCE 1.9, 1.10, 2.3 and 6.2 print it, by release."""

import pytest

from tokenless.protocol.codes import NodeRole, Role, TrustStore
from tokenless.protocol.release import KNOWN_RELEASES, Release
from tokenless.protocol.trust.signing import (
    ItlReset,
    SigningKey,
    ctl_sasts,
    ctl_servers,
    ctl_signer,
    itl_reset_signer,
    itl_server_role,
    itl_signer,
    signs_ctls,
    signs_itls,
    token_ctl_sasts,
)

NODE, PUBLISHER, RECOVERY = SigningKey
BEFORE = [Release(*each, 1, 0) for each in KNOWN_RELEASES if each < (12, 0)]
AFTER = [Release(*each, 0, 0) for each in KNOWN_RELEASES if each >= (12, 0)]
CALLMANAGER, ITLRECOVERY = TrustStore.CALLMANAGER, TrustStore.ITLRECOVERY
CERTIFICATES = [(CALLMANAGER, True), (CALLMANAGER, False), (ITLRECOVERY, True)]


def of_ctls(release: Release) -> list[bool]:
    """Tell for each certificate whether it signs CTLs."""
    return [
        signs_ctls(release, unit, is_publishers=mine) for unit, mine in CERTIFICATES
    ]


def of_itls(release: Release, way: ItlReset) -> list[bool]:
    """Tell for each certificate whether it signs ITLs."""
    return [
        signs_itls(release, way, unit, is_publishers=mine)
        for unit, mine in CERTIFICATES
    ]


@pytest.mark.parametrize("way", ItlReset)
@pytest.mark.parametrize("release", BEFORE, ids=str)
def test_before_12_0_callmanagers_sign(release: Release, way: ItlReset) -> None:
    assert ctl_signer(release) is PUBLISHER
    assert ctl_signer(release, reset=True) is PUBLISHER
    assert itl_signer(release) is NODE
    assert itl_reset_signer(release, way) is RECOVERY
    assert not way.is_one_for_all(release)
    assert of_ctls(release) == [True, False, False]
    assert of_itls(release, way) == [True, True, True]


@pytest.mark.parametrize("way", ItlReset)
@pytest.mark.parametrize("release", AFTER, ids=str)
def test_from_12_0_on_itlrecovery_signs(release: Release, way: ItlReset) -> None:
    is_one = way is ItlReset.PUBLISHER
    assert ctl_signer(release) is RECOVERY
    assert ctl_signer(release, reset=True) is PUBLISHER
    assert itl_signer(release) is RECOVERY
    assert itl_reset_signer(release, way) is (PUBLISHER if is_one else NODE)
    assert way.is_one_for_all(release) is is_one
    assert of_ctls(release) == [True, False, True]
    assert of_itls(release, way) == [True, not is_one, True]


@pytest.mark.parametrize(
    ("version", "sasts"),
    [
        ("10.0(1)", [PUBLISHER]),
        ("10.5(1)", [PUBLISHER]),
        ("10.5(2)", [RECOVERY, PUBLISHER]),
        ("11.5(1)", [RECOVERY, PUBLISHER]),
        ("12.0(1)", [RECOVERY, PUBLISHER]),
        ("15", [RECOVERY, PUBLISHER]),
    ],
)
def test_a_ctl_lists_itlrecovery_from_10_5_2_on(
    version: str, sasts: list[SigningKey]
) -> None:
    release = Release.parse(version)
    assert list(ctl_sasts(release)) == sasts
    # One that a token signs lists no SAST of the cluster before that.
    assert list(token_ctl_sasts(release)) == (sasts if RECOVERY in sasts else [])


def test_a_callmanager_has_its_role_in_the_itl_by_the_mode() -> None:
    assert itl_server_role(is_mixed=True) is Role.CCM_TFTP
    assert itl_server_role(is_mixed=False) is Role.TFTP


def test_a_shared_certificate_does_what_all_its_nodes_do() -> None:
    tftp, calls = frozenset({NodeRole.TFTP}), frozenset({NodeRole.CALLMANAGER})
    nodes = [("shared", calls), ("own", tftp), ("shared", tftp), ("none", frozenset())]
    assert ctl_servers(nodes) == {"shared": Role.CCM_TFTP, "own": Role.TFTP}
