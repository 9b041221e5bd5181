"""What follows from a changed certificate, by release (REFERENCE-2 3.3, 3.4)."""

import pytest

from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import FollowUp, PhoneInteraction
from tokenless.protocol.release import Release

AUTOMATIC, MANUAL = PhoneInteraction
NOTHING = FollowUp()
TVS = FollowUp(restarts_tvs=True)
EVERYTHING_OF_TVS = FollowUp(restarts_tvs=True, rebuilds_tftp=True, resets_phones=True)


@pytest.mark.parametrize(
    ("release", "interaction", "follows"),
    [
        ("10.5(2)", MANUAL, NOTHING),
        ("11.5(1)", AUTOMATIC, NOTHING),
        ("12.0(1)", AUTOMATIC, NOTHING),
        ("12.5(1)", MANUAL, TVS),
        ("12.5(1)SU1", AUTOMATIC, EVERYTHING_OF_TVS),
        ("14", AUTOMATIC, EVERYTHING_OF_TVS),
        ("14", MANUAL, FollowUp(restarts_tvs=True, rebuilds_tftp=True)),
        ("15SU2", AUTOMATIC, EVERYTHING_OF_TVS),
    ],
)
def test_a_new_tvs_certificate_on_its_own_node(
    release: str, interaction: PhoneInteraction, follows: FollowUp
) -> None:
    units = {TrustStore.TVS}
    found = FollowUp.of(Release.parse(release), interaction, own=units, anywhere=units)
    assert found == follows


@pytest.mark.parametrize(
    ("unit", "follows"),
    [
        (TrustStore.TVS, EVERYTHING_OF_TVS),
        (
            TrustStore.CALLMANAGER,
            FollowUp(restarts_callmanager=True, rebuilds_tftp=True, resets_phones=True),
        ),
        (
            TrustStore.CAPF,
            FollowUp(restarts_capf=True, rebuilds_tftp=True, resets_phones=True),
        ),
        (TrustStore.ITLRECOVERY, FollowUp(rebuilds_tftp=True, resets_phones=True)),
        (TrustStore.CALLMANAGER_ECDSA, FollowUp(rebuilds_tftp=True)),
        (TrustStore.TOMCAT, NOTHING),
        (TrustStore.IPSEC, NOTHING),
    ],
)
def test_each_unit_from_14su1_on(unit: TrustStore, follows: FollowUp) -> None:
    release = Release.parse("14SU1")
    found = FollowUp.of(release, AUTOMATIC, own={unit}, anywhere={unit})
    assert found == follows
    elsewhere = FollowUp.of(release, AUTOMATIC, own=set(), anywhere={unit})
    assert (elsewhere.rebuilds_tftp, elsewhere.resets_phones) == (
        follows.rebuilds_tftp,
        follows.resets_phones,
    )
    assert not elsewhere.restarts_tvs
    assert not elsewhere.restarts_callmanager


def test_callmanager_of_14_is_restarted_by_hand() -> None:
    units = {TrustStore.CALLMANAGER}
    found = FollowUp.of(Release.parse("14"), AUTOMATIC, own=units, anywhere=units)
    assert not found.restarts_callmanager
    assert found.resets_phones


@pytest.mark.parametrize(
    ("release", "default"),
    [("11.5(1)", MANUAL), ("12.5(1)SU4", MANUAL), ("14", AUTOMATIC), ("15", AUTOMATIC)],
)
def test_what_a_new_cluster_has(release: str, default: PhoneInteraction) -> None:
    assert PhoneInteraction.default_of(Release.parse(release)) is default
