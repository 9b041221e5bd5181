"""REFERENCE 4.2 as a table: who vouches for what in which state, under which rule.

A phone's way into these states, and what it does then, is tested with the emulator.
"""

import pytest

from tests.rigs.cluster import SIGNED_AT, Keypair, Lab, UnsignedList, keypair, record
from tokenless.protocol.codes import Role
from tokenless.protocol.files.signed_file import sign_file
from tokenless.protocol.trust.anchors import (
    Accept,
    FileKind,
    Refuse,
    Signed,
    TrustAnchors,
    TrustState,
    VerifiedBy,
)

MIXED = Lab(mixed=True)
PUB, SUB, STRANGER = MIXED.callmanager_pub, MIXED.callmanager_sub, keypair("stranger")
"""The CTL trusts the first, the subscriber's ITL the second, nobody the third."""
CTL = UnsignedList(
    (record(PUB, Role.SAST), record(PUB, Role.CCM_TFTP)), PUB
).trust_list()
ITL = MIXED.itl("sub").trust_list("ITLFile.tlv")
BLANK = UnsignedList((record(SUB, Role.SAST),), SUB).trust_list("ITLFile.tlv")

HELD = {
    TrustState.EMPTY: TrustAnchors.of(None, None),
    TrustState.FIRST_BOOT: TrustAnchors().with_list(FileKind.CTL, CTL),
    TrustState.CTL_ONLY: TrustAnchors.of(CTL, None),
    TrustState.ITL_ONLY: TrustAnchors.of(None, ITL),
    TrustState.BLANK_ITL: TrustAnchors.of(None, BLANK),
    TrustState.CTL_AND_ITL: TrustAnchors.of(CTL, ITL),
}
SIGNERS = {"pub": PUB, "sub": SUB, "stranger": STRANGER}
FIRST_USE, BY_CTL, BY_ITL = (
    VerifiedBy.FIRST_USE,
    VerifiedBy.INSTALLED_CTL,
    VerifiedBy.INSTALLED_ITL,
)
ALL_TWO = dict.fromkeys(SIGNERS, (FIRST_USE, 2))

# The signers that are accepted in a state, for a kind of file; all others are not.
ACCEPTED = {
    TrustState.EMPTY: {FileKind.CTL: ALL_TWO, FileKind.ITL: ALL_TWO},
    TrustState.FIRST_BOOT: {
        FileKind.CTL: {"pub": (BY_CTL, 3)},
        FileKind.ITL: ALL_TWO | {"pub": (BY_CTL, 5)},
        FileKind.CONFIGURATION: {"pub": (BY_CTL, 9)},
    },
    TrustState.CTL_ONLY: {
        FileKind.CTL: {"pub": (BY_CTL, 3)},
        FileKind.ITL: {"pub": (BY_CTL, 5)},
        FileKind.CONFIGURATION: {"pub": (BY_CTL, 9)},
    },
    TrustState.ITL_ONLY: {
        FileKind.CTL: {"sub": (BY_ITL, 3)},
        FileKind.ITL: {"sub": (BY_ITL, 6)},
        FileKind.CONFIGURATION: {"sub": (BY_ITL, 9)},
    },
    TrustState.BLANK_ITL: {
        FileKind.CTL: {"sub": (BY_ITL, 3)},
        FileKind.ITL: dict.fromkeys(SIGNERS, (FIRST_USE, 11)) | {"sub": (BY_ITL, 6)},
    },
    TrustState.CTL_AND_ITL: {
        FileKind.CTL: {"pub": (BY_CTL, 3), "sub": (BY_ITL, 3)},
        FileKind.ITL: {"pub": (BY_CTL, 5), "sub": (BY_ITL, 6)},
        FileKind.CONFIGURATION: {"pub": (BY_CTL, 9), "sub": (BY_ITL, 9)},
    },
}


def file_by(signer: Keypair, kind: FileKind) -> Signed:
    if kind is FileKind.CONFIGURATION:
        return sign_file("a.sgn", b"<device/>", signer.signer, timestamp=SIGNED_AT)
    return UnsignedList((record(signer, Role.SAST),), signer).trust_list(kind)


@pytest.mark.parametrize("name", SIGNERS)
@pytest.mark.parametrize("kind", FileKind)
@pytest.mark.parametrize("state", TrustState)
def test_who_is_accepted(state: TrustState, kind: FileKind, name: str) -> None:
    anchors = HELD[state]
    assert anchors.state is state
    verdict = anchors.judge(kind, file_by(SIGNERS[name], kind))
    expected = ACCEPTED[state].get(kind, {}).get(name)
    if expected is None:
        assert not isinstance(verdict, Accept)
    else:
        assert verdict == Accept(*expected)


@pytest.mark.parametrize("kind", FileKind)
def test_the_ctl_comes_first_where_both_lists_name_the_signer(kind: FileKind) -> None:
    both = TrustAnchors.of(CTL, MIXED.itl("pub").trust_list("ITLFile.tlv"))
    rule = ACCEPTED[TrustState.CTL_ONLY][kind]["pub"][1]
    assert both.judge(kind, file_by(PUB, kind)) == Accept(BY_CTL, rule)


KNOWN = [
    (state, kind, name)
    for state, row in ACCEPTED.items()
    for kind, signers in row.items()
    for name, (source, _) in signers.items()
    if source is not FIRST_USE
]


@pytest.mark.parametrize(("state", "kind", "name"), KNOWN)
def test_an_impostor_is_refused_by_the_rule_that_knows_the_signer(
    state: TrustState, kind: FileKind, name: str
) -> None:
    """Failure of a known signer is final: a blank ITL takes any list but this."""
    impostor = keypair(
        f"cucm-{'pub' if name == 'pub' else 'sub1'}",
        key="attacker",
        serial=int.from_bytes(SIGNERS[name].certificate.serial_number),
    )
    verdict = HELD[state].judge(kind, file_by(impostor, kind))
    assert isinstance(verdict, Refuse)
    assert verdict.rule == ACCEPTED[state][kind][name][1]
    assert "the signature was not made by the key of" in verdict.reason
