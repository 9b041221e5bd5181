"""What a phone with one list makes of another, in one sentence."""

import pytest

from tests.rigs import defects, minting
from tests.rigs.lists import TIME, client_form, tokenless
from tests.rigs.minting import Identity
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.protocol.trust.list_diff import (
    Reaction,
    diff_lists,
    format_anchors,
    survives_as_signer,
)


def itl(
    signer: Identity, *others: tuple[Identity, int], timestamp: int = TIME
) -> TrustList:
    members = [(signer, Role.SAST), (signer, Role.CCM_TFTP), *others]
    records = [
        record_for(member.certificate, role, dns_name="node", ip_address="192.0.2.1")
        for member, role in members
    ]
    return sign_trust_list("ITLFile.tlv", records, signer.signer, timestamp=timestamp)


TVS = (minting.server("tvs"), Role.TVS)
PUBLISHER = minting.server()
REGENERATED = minting.server(minting.PUBLISHER, 2048)


def test_the_same_list() -> None:
    result = diff_lists(tokenless(), tokenless())
    assert result.outcome is Reaction.IDENTICAL
    assert result.sentence.count(".") == 1


def test_a_list_by_a_known_signer_is_installed_alone() -> None:
    newer = sign_trust_list(
        "CTLFile.tlv",
        minting.lab_records()[:2],
        PUBLISHER.signer,
        timestamp=TIME + 60,
    )
    result = diff_lists(tokenless(), newer)
    assert result.outcome is Reaction.INSTALLS
    assert "installs the new one without TVS" in result.sentence
    assert survives_as_signer(result)
    assert result.finding is None


def test_an_older_list_is_installed_and_pointed_out() -> None:
    older = sign_trust_list(
        "CTLFile.tlv", minting.lab_records(), PUBLISHER.signer, timestamp=TIME - 60
    )
    result = diff_lists(tokenless(), older)
    assert result.outcome is Reaction.INSTALLS
    assert result.finding is not None
    assert "old lists" in result.finding


def test_regeneration_needs_tvs() -> None:
    result = diff_lists(tokenless(), tokenless(2048), beside=itl(PUBLISHER, TVS))
    assert result.outcome is Reaction.INSTALLS_WITH_TVS
    assert "only if TVS vouches for its signer" in result.sentence
    assert not survives_as_signer(result)


def test_regeneration_without_the_itl_says_what_it_would_take() -> None:
    result = diff_lists(tokenless(), tokenless(2048))
    assert result.outcome is Reaction.INSTALLS_WITH_TVS
    assert "when its ITL has the signer" in result.sentence


def test_an_itl_with_the_new_signer_installs_alone() -> None:
    beside = itl(REGENERATED, TVS)
    result = diff_lists(tokenless(), tokenless(2048), beside=beside)
    assert result.outcome is Reaction.INSTALLS
    assert "installed-itl" in result.sentence


def test_an_itl_without_tvs_leaves_the_phone_stuck() -> None:
    result = diff_lists(tokenless(), tokenless(2048), beside=itl(PUBLISHER))
    assert result.outcome is Reaction.REFUSES
    assert "refuses" in result.sentence


def test_token_to_tokenless_needs_the_itl_or_tvs() -> None:
    result = diff_lists(client_form(secure=True), tokenless())
    assert result.outcome is Reaction.INSTALLS_WITH_TVS


def test_the_right_names_with_another_key_are_refused() -> None:
    for forged in (defects.resigned_by_another(), defects.impostors_list()):
        result = diff_lists(tokenless(), forged)
        assert result.outcome is Reaction.REFUSES


def test_an_itl_alone() -> None:
    old, new = itl(PUBLISHER, TVS), itl(REGENERATED, TVS, timestamp=TIME + 1)
    assert diff_lists(old, new).outcome is Reaction.INSTALLS_WITH_TVS
    newer = itl(PUBLISHER, TVS, timestamp=TIME + 1)
    assert diff_lists(old, newer).outcome is Reaction.INSTALLS


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (
            Role.SAST,
            (
                "SAST: loses cucm-1051-a-pub (serial {old}); "
                "gains cucm-1051-a-pub (serial {new})"
            ),
        ),
        (Role.CAPF, "CAPF: keeps CAPF-e41e7d87 (serial {capf})"),
    ],
)
def test_anchors(role: int, words: str) -> None:
    result = diff_lists(tokenless(), tokenless(2048))
    change = next(change for change in result.anchors if change.role == role)
    assert format_anchors(change) == words.format(
        old=PUBLISHER.certificate.serial_hex,
        new=REGENERATED.certificate.serial_hex,
        capf=minting.capf().certificate.serial_hex,
    )


def test_a_new_certificate_of_the_same_key_is_the_same_anchor() -> None:
    key = PUBLISHER.key
    renewed = Identity(
        minting.mint(minting.lab_name(minting.PUBLISHER), key, serial=77), key
    )
    result = diff_lists(itl(PUBLISHER), itl(renewed))
    assert all(change.surviving and not change.lost for change in result.anchors)
