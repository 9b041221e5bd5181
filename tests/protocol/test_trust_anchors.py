"""The verdict as a pure function; a phone's rules as a whole are tested elsewhere."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.rigs.cluster import PUB, SUB, Lab, UnsignedList, keypair, record
from tokenless.protocol.codes import Role
from tokenless.protocol.files.record import Record, RecordTag, compose_record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import token_record
from tokenless.protocol.trust.anchor_records import public_key_of
from tokenless.protocol.trust.anchors import (
    Accept,
    AskTvs,
    FileKind,
    Refuse,
    TrustAnchors,
    TrustState,
    VerifiedBy,
    answers_query,
)
from tokenless.protocol.trust.verdicts import SOURCES
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Status

MIXED = Lab(mixed=True)


CTL, ITL = MIXED.ctl().trust_list(), MIXED.itl().trust_list("ITLFile.tlv")
BLANK = MIXED.blank_itl().trust_list("ITLFile.tlv")
NEW = MIXED.regenerate_callmanager()
NEW_CTL = NEW.ctl().trust_list()


def test_the_table_has_every_state_and_kind() -> None:
    assert set(SOURCES) == set(TrustState)
    for row in SOURCES.values():
        assert set(row) == set(FileKind)


def test_first_use_is_for_empty_and_blank_phones_only() -> None:
    taking = {
        (state, kind)
        for state, row in SOURCES.items()
        for kind, sources in row.items()
        if any(source is VerifiedBy.FIRST_USE for source, _ in sources)
    }
    assert taking == {
        (TrustState.EMPTY, FileKind.CTL),
        (TrustState.EMPTY, FileKind.ITL),
        (TrustState.FIRST_BOOT, FileKind.ITL),
        (TrustState.BLANK_ITL, FileKind.ITL),
    }


@pytest.mark.parametrize(
    ("ctl", "itl", "state"),
    [
        (None, None, TrustState.EMPTY),
        (CTL, None, TrustState.CTL_ONLY),
        (None, ITL, TrustState.ITL_ONLY),
        (None, BLANK, TrustState.BLANK_ITL),
        (CTL, ITL, TrustState.CTL_AND_ITL),
        (CTL, BLANK, TrustState.CTL_AND_ITL),
    ],
)
def test_states(ctl: TrustList | None, itl: TrustList | None, state: str) -> None:
    assert TrustAnchors.of(ctl, itl).state == state


@pytest.mark.parametrize(
    ("roles", "is_blank"),
    [
        ((), True),
        ((Role.CAPF,), True),
        ((Role.TFTP,), False),
        ((Role.CCM_TFTP,), False),
        ((Role.TVS,), False),
    ],
)
def test_a_blank_itl_has_neither_tftp_nor_tvs(
    roles: tuple[Role, ...], *, is_blank: bool
) -> None:
    pub = MIXED.callmanager_pub
    members = tuple(record(pub, role) for role in (Role.SAST, *roles))
    itl = UnsignedList(members, pub).trust_list("ITLFile.tlv")
    state = TrustAnchors.of(None, itl).state
    assert (state is TrustState.BLANK_ITL) is is_blank


def test_a_first_boot_lasts_until_the_itl_is_there() -> None:
    anchors = TrustAnchors.of(None, None).with_list(FileKind.CTL, CTL)
    assert anchors.state is TrustState.FIRST_BOOT
    assert anchors.with_list(FileKind.ITL, ITL).state is TrustState.CTL_AND_ITL


def test_three_answers() -> None:
    anchors = TrustAnchors.of(CTL, ITL)
    assert anchors.judge(FileKind.CTL, CTL) == Accept(VerifiedBy.INSTALLED_CTL, 3)
    assert anchors.judge(FileKind.CTL, NEW_CTL) == AskTvs(NEW_CTL.signer, 4)
    without_tvs = replace(anchors, tvs_supported=False)
    assert isinstance(without_tvs.judge(FileKind.CTL, NEW_CTL), Refuse)


def answer(*roles: int, der: bytes | None = None) -> Answer:
    genuine = NEW.callmanager_pub.certificate.der
    return Answer(
        1, MessageType.QUERY_ANSWER, Status.TRUSTED, der or genuine, roles, 60
    )


def test_tvs_has_the_last_word() -> None:
    anchors = TrustAnchors.of(CTL, ITL)
    judge = anchors.judge_answer
    assert judge(FileKind.CTL, NEW_CTL, answer(0)) == Accept(VerifiedBy.TVS, 4)
    other = keypair("stranger").certificate.der
    for wrong in (answer(2), answer(), answer(0, der=other), answer(0, der=b"?")):
        assert isinstance(judge(FileKind.CTL, NEW_CTL, wrong), Refuse)


def test_who_may_be_tvs() -> None:
    certificates = TrustAnchors.of(CTL, ITL).tvs_certificates
    assert certificates == (
        MIXED.tvs_pub.certificate.der,
        MIXED.tvs_sub.certificate.der,
    )
    assert TrustAnchors.of(CTL, None).tvs_certificates == ()


def test_a_ctl_with_a_tvs_record_makes_nobody_tvs() -> None:
    with_tvs = UnsignedList(
        (*MIXED.ctl().records, record(keypair("evil"), Role.TVS)),
        MIXED.callmanager_pub,
    )
    assert TrustAnchors.of(with_tvs.trust_list(), None).tvs_certificates == ()


@pytest.mark.parametrize(
    ("address", "authorised"),
    [(PUB, True), (SUB, True), ("cucm-pub", True), ("127.0.0.1", False), ("", False)],
)
def test_tftp_servers_of_the_ctl(address: str, *, authorised: bool) -> None:
    assert TrustAnchors.of(CTL, ITL).authorises_tftp(address) is authorised
    assert TrustAnchors.of(None, ITL).authorises_tftp(address)
    emptied = MIXED.emptied_ctl().trust_list()
    assert TrustAnchors.of(emptied, ITL).authorises_tftp(address)


def test_emptied_records_want_nothing_signed() -> None:
    emptied = MIXED.emptied_ctl().trust_list()
    assert not TrustAnchors.of(emptied, None).wants_signed_files
    assert TrustAnchors.of(emptied, ITL).wants_signed_files
    assert not TrustAnchors.of(None, BLANK).wants_signed_files


def test_a_tokens_reversed_serial_is_the_same_certificate() -> None:
    """REFERENCE 1.7: lists of the CTL Client hold the serial byte-reversed."""
    token = keypair("SAST-ADN0054f509", serial=0x45DAA2AF00000027F93C)
    members = (token_record(token.certificate), record(MIXED.capf, Role.CAPF))
    ctl = UnsignedList(members, token).trust_list()
    assert ctl.signer.serial_hex == "3CF927000000AFA2DA45"
    positive = answer(0, der=token.certificate.der)
    assert answers_query(ctl.signer, positive)
    verdict = TrustAnchors.of(CTL, ITL).judge_answer(FileKind.CTL, ctl, positive)
    assert verdict == Accept(VerifiedBy.TVS, 4)


def test_keys_of_records_without_certificates() -> None:
    """Certutils' lists may have none; element 7 is the key then."""
    whole = record(MIXED.callmanager_pub, Role.SAST)
    bare = without(whole.elements, RecordTag.CERTIFICATE, RecordTag.SIGNATURE)
    key = public_key_of(compose_record(bare))
    assert key == MIXED.callmanager_pub.certificate.public_key
    keyless = without(whole.elements, RecordTag.PUBLIC_KEY)
    assert public_key_of(compose_record(keyless)) == key
    info = MIXED.capf.private_key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    assert public_key_of(with_key(info)) == MIXED.capf.certificate.public_key


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_points_of_the_three_curves_are_keys(curve: ec.EllipticCurve) -> None:
    key = ec.derive_private_key(7, curve).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert public_key_of(with_key(point)) == key
    assert public_key_of(with_key(point + b"\0")) is None
    assert public_key_of(with_key(point[:-1] + bytes([point[-1] ^ 1]))) is None
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key_of(with_key(info)) is None


@pytest.mark.parametrize(
    "bad", [b"", b"\x04", b"\x04" + bytes(64), b"\x05" * 65, b"garbage", None]
)
def test_what_is_no_key(bad: bytes | None) -> None:
    assert public_key_of(with_key(bad)) is None


def with_key(encoded: bytes | None) -> Record:
    """Return a record that holds a key and no certificate."""
    whole = record(MIXED.callmanager_pub, Role.SAST)
    bare = without(whole.elements, RecordTag.CERTIFICATE, RecordTag.SIGNATURE)
    return replace(compose_record(bare), public_key=encoded)


def without(
    elements: tuple[tuple[int, bytes], ...], *tags: int
) -> tuple[tuple[int, bytes], ...]:
    kept = [(tag, value) for tag, value in elements[1:] if tag not in tags]
    length = 5 + sum(3 + len(value) for _, value in kept)
    return ((RecordTag.RECORD_LENGTH, length.to_bytes(2)), *kept)
