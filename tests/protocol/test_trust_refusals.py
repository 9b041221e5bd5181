"""What a verdict says and under which rule: every refusal, every boundary."""

from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import keys as core_keys
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.rigs.cluster import SIGNED_AT, Keypair, Lab, UnsignedList, keypair, record
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.errors import BadSignatureError
from tokenless.protocol.files.header import HeaderTag
from tokenless.protocol.files.record import Record, RecordTag, compose_record
from tokenless.protocol.files.signed_file import SignedFile, sign_file
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchor_records import distinct_keys
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
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Status
from tokenless.protocol.wire import pack_element

MIXED = Lab(mixed=True)
PUB, CAPF = MIXED.callmanager_pub, MIXED.capf
STRANGER = keypair("stranger")
IMPOSTOR = keypair(
    "cucm-pub", key="attacker", serial=int.from_bytes(PUB.certificate.serial_number)
)
CTL, ITL = MIXED.ctl().trust_list(), MIXED.itl().trust_list("ITLFile.tlv")
BLANK = MIXED.blank_itl().trust_list("ITLFile.tlv")
HELD = TrustAnchors.of(CTL, ITL)
NAMED, STRANGERS_NAME = (
    f"signer CN={who};OU=TAC;O=Cisco;C=PL (serial {pair.certificate.serial_hex})"
    for who, pair in (("cucm-pub", PUB), ("stranger", STRANGER))
)
UNKNOWN = f"{STRANGERS_NAME} is unknown"


def ctl_by(signer: Keypair, *, timestamp: int = SIGNED_AT) -> TrustList:
    members = (record(signer, Role.SAST),)
    return UnsignedList(members, signer, timestamp).trust_list()


def configuration_by(signer: Keypair, digest: Digest = Digest.SHA1) -> SignedFile:
    return sign_file(
        "SEP001122334455.cnf.xml.sgn",
        b"<device/>",
        signer.signer,
        timestamp=SIGNED_AT,
        digest=digest,
    )


def answer(who: Keypair, *roles: int, **changed: object) -> Answer:
    der = who.certificate.der
    made = Answer(1, MessageType.QUERY_ANSWER, Status.TRUSTED, der, roles, 60)
    return replace(made, **changed)  # type: ignore[arg-type]


FOREIGN = ctl_by(STRANGER)
FOREIGN_CONFIGURATION = configuration_by(STRANGER)
KINDS = [(FileKind.CTL, FOREIGN, 7), (FileKind.CONFIGURATION, FOREIGN_CONFIGURATION, 9)]


def test_a_list_under_anothers_name() -> None:
    verdict = HELD.judge(FileKind.CTL, ITL)
    said = "the file's header has the name ITLFile.tlv"
    assert verdict == Refuse(Reason.WRONG_NAME, said, 7)


def test_a_list_without_a_name_is_judged_by_its_signer() -> None:
    """Element 14 need not be there; certutils writes it, REFERENCE does not ask."""
    whole = MIXED.ctl().trust_list()
    dropped = (HeaderTag.HEADER_LENGTH, HeaderTag.SIGNATURE, HeaderTag.FILENAME)
    version, *rest = (
        pack_element(tag, value)
        for tag, value in whole.header.elements
        if tag not in dropped
    )
    after = b"".join(rest)
    length = len(version) + 5 + len(after) + 3 + 128
    before = version + pack_element(HeaderTag.HEADER_LENGTH, length.to_bytes(2))
    body = after + whole.data[whole.header.header_length :]
    signature = PUB.signer.sign(before + body, Digest.SHA1)
    nameless = TrustList.decode(before + pack_element(12, signature) + body)
    assert nameless.filename is None
    for kind in (FileKind.CTL, FileKind.ITL):
        assert isinstance(HELD.judge(kind, nameless), Accept)


@pytest.mark.parametrize(("kind", "file", "rule"), KINDS)
def test_a_digest_that_the_model_lacks(
    kind: FileKind, file: TrustList | SignedFile, rule: int
) -> None:
    lacking = replace(HELD, digests=frozenset({Digest.SHA512}))
    said = "the model cannot verify SHA1"
    assert lacking.judge(kind, file) == Refuse(Reason.DIGEST, said, rule)


@pytest.mark.parametrize(("kind", "file", "rule"), KINDS)
def test_an_unknown_signer(
    kind: FileKind, file: TrustList | SignedFile, rule: int
) -> None:
    tvs_rule = 9 if kind is FileKind.CONFIGURATION else 4
    assert HELD.judge(kind, file) == AskTvs(file.signer, tvs_rule)
    assert replace(HELD, tvs_supported=False).judge(kind, file) == Refuse(
        Reason.CANNOT_ASK, f"{UNKNOWN} and this model cannot ask TVS", rule
    )
    assert TrustAnchors.of(CTL, BLANK).judge(kind, file) == Refuse(
        Reason.NO_TVS_LISTED, f"{UNKNOWN} and no installed ITL has a TVS record", rule
    )


def test_an_empty_phone_and_a_list_without_its_signers_record() -> None:
    orphan = UnsignedList((record(PUB, Role.SAST),), STRANGER).trust_list()
    said = f"{UNKNOWN}; the file has no record of its signer"
    expected = Refuse(Reason.UNKNOWN_SIGNER, said, 2)
    assert TrustAnchors().judge(FileKind.CTL, orphan) == expected


def test_an_empty_phone_and_a_signed_file_instead_of_a_list() -> None:
    """It holds no record at all, whatever its name says."""
    file = sign_file("CTLFile.tlv", b"", STRANGER.signer, timestamp=SIGNED_AT)
    said = f"{UNKNOWN}; the file has no record of its signer"
    expected = Refuse(Reason.UNKNOWN_SIGNER, said, 2)
    assert TrustAnchors().judge(FileKind.CTL, file) == expected


@pytest.mark.parametrize(
    ("anchors", "source", "rule"),
    [
        (HELD, VerifiedBy.INSTALLED_CTL, 3),
        (TrustAnchors.of(None, ITL), VerifiedBy.INSTALLED_ITL, 3),
    ],
)
def test_a_known_signer_whose_key_did_not_sign(
    anchors: TrustAnchors, source: VerifiedBy, rule: int
) -> None:
    assert anchors.judge(FileKind.CTL, ctl_by(IMPOSTOR)) == Refuse(
        Reason.BAD_SIGNATURE,
        f"the signature was not made by the key of {NAMED} "
        f"that the phone knows ({source})",
        rule,
    )


def test_a_first_list_that_its_own_record_did_not_sign() -> None:
    forged = UnsignedList((record(PUB, Role.SAST),), IMPOSTOR).trust_list()
    assert TrustAnchors().judge(FileKind.CTL, forged) == Refuse(
        Reason.BAD_SIGNATURE,
        f"the signature was not made by the key of {NAMED} "
        "in the file's own record of it",
        2,
    )


def test_one_of_several_records_of_a_signer_is_enough() -> None:
    """Records without a usable key and with another's key are passed over."""
    genuine = record(PUB, Role.SAST)
    dropped = (RecordTag.CERTIFICATE, RecordTag.SIGNATURE, RecordTag.PUBLIC_KEY)
    kept = [pair for pair in genuine.elements[1:] if pair[0] not in dropped]
    kept.append((RecordTag.PUBLIC_KEY, b"no key"))
    length = 5 + sum(3 + len(value) for _, value in kept)
    bare = compose_record(((RecordTag.RECORD_LENGTH, length.to_bytes(2)), *kept))
    for records in (
        (bare, genuine),
        (record(IMPOSTOR, Role.SAST), genuine),
        (genuine, bare, record(IMPOSTOR, Role.SAST)),
    ):
        anchors = TrustAnchors.of(replace(CTL, records=records), ITL)
        verdict = anchors.judge(FileKind.CTL, CTL)
        assert verdict == Accept(VerifiedBy.INSTALLED_CTL, 3)


def test_dates_count_only_where_they_are_asked_for_and_to_the_second() -> None:
    last = PUB.certificate.not_after
    late = last + timedelta(seconds=1)
    expired = "the certificate of CN=cucm-pub;OU=TAC;O=Cisco;C=PL expired on 2039-10-29"
    assert isinstance(HELD.judge(FileKind.CTL, CTL, at=last), Accept)
    assert HELD.judge(FileKind.CTL, CTL, at=late) == Refuse(Reason.EXPIRED, expired, 3)
    known = answer(PUB, Role.SAST)
    judge = HELD.judge_answer
    assert isinstance(judge(FileKind.CTL, CTL, known, at=last), Accept)
    assert judge(FileKind.CTL, CTL, known, at=late) == Refuse(
        Reason.EXPIRED, expired, 7
    )
    assert isinstance(judge(FileKind.CTL, CTL, known), Accept)


@pytest.mark.parametrize(("kind", "file", "rule"), KINDS)
@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        (
            {"status": Status.UNTRUSTED},
            (Reason.NOT_VOUCHED, f"TVS does not vouch for {STRANGERS_NAME}"),
        ),
        (
            {"certificate": None},
            (Reason.NOT_VOUCHED, f"TVS does not vouch for {STRANGERS_NAME}"),
        ),
        (
            {"certificate": PUB.certificate.der},
            (Reason.OTHER_CERTIFICATE, "TVS answered about another certificate"),
        ),
        (
            {"certificate": keypair("stranger", key="other").certificate.der},
            (
                Reason.BAD_SIGNATURE,
                (
                    "the signature was made by another key than the one that TVS "
                    "vouches for"
                ),
            ),
        ),
    ],
)
def test_answers_that_do_not_vouch(
    kind: FileKind,
    file: TrustList | SignedFile,
    rule: int,
    changed: dict[str, object],
    refusal: tuple[Reason, str],
) -> None:
    said = answer(STRANGER, Role.SAST, Role.TFTP, **changed)
    assert HELD.judge_answer(kind, file, said) == Refuse(*refusal, rule)


@pytest.mark.parametrize(
    ("kind", "roles", "reason"),
    [
        (
            FileKind.CTL,
            (Role.CCM_TFTP, Role.TFTP),
            "TVS gives the signer the role CCM+TFTP, TFTP, but CTLFile.tlv needs SAST",
        ),
        (FileKind.CTL, (), "TVS gives the signer no role, but CTLFile.tlv needs SAST"),
        (
            FileKind.CONFIGURATION,
            (Role.SAST, 77),
            (
                "TVS gives the signer the role SAST, 77, "
                "but configuration needs CCM+TFTP or TFTP"
            ),
        ),
    ],
)
def test_answers_with_other_roles(
    kind: FileKind, roles: tuple[int, ...], reason: str
) -> None:
    file = FOREIGN if kind is FileKind.CTL else FOREIGN_CONFIGURATION
    verdict = HELD.judge_answer(kind, file, answer(STRANGER, *roles))
    assert verdict == Refuse(Reason.WRONG_ROLE, reason, kind.refusal_rule)


def test_an_answer_is_about_both_the_serial_and_the_issuer() -> None:
    signer = CTL.signer
    serial = int.from_bytes(PUB.certificate.serial_number)
    assert answers_query(signer, answer(PUB))
    assert not answers_query(signer, answer(keypair("other", serial=serial)))
    assert not answers_query(signer, answer(keypair("cucm-pub", 5)))
    assert not answers_query(signer, answer(PUB, certificate=None))
    assert not answers_query(signer, answer(PUB, certificate=b"no certificate"))


def test_a_new_list_takes_one_place_only() -> None:
    model = {"digests": frozenset({Digest.SHA1}), "tvs_supported": False}
    older = TrustAnchors(TrustState.CTL_AND_ITL, CTL, ITL, **model)  # type: ignore[arg-type]
    assert older.with_list(FileKind.CTL, FOREIGN) == replace(older, ctl=FOREIGN)
    assert older.with_list(FileKind.ITL, BLANK) == replace(older, itl=BLANK)
    assert TrustAnchors.of(CTL, ITL, **model) == older  # type: ignore[arg-type]


def test_a_list_older_than_the_installed_one_is_told() -> None:
    older = ctl_by(PUB, timestamp=SIGNED_AT - 1)
    told = (
        "the file was signed 2020-09-13T12:26:39+00:00, before the installed one "
        "(2020-09-13T12:26:40+00:00): phones accept old lists that are validly signed"
    )
    verdict = HELD.judge(FileKind.CTL, older)
    assert verdict == Accept(VerifiedBy.INSTALLED_CTL, 3, told)
    vouched = HELD.judge_answer(FileKind.CTL, older, answer(PUB, Role.SAST))
    assert vouched == Accept(VerifiedBy.TVS, 4, told)
    same = HELD.judge(FileKind.CTL, ctl_by(PUB))
    assert same == Accept(VerifiedBy.INSTALLED_CTL, 3)


def test_only_its_own_kind_makes_a_list_old() -> None:
    """Configurations and lists of the other kind have times of their own."""
    newer = replace(MIXED.itl(), timestamp=SIGNED_AT + 9).trust_list("ITLFile.tlv")
    held = TrustAnchors.of(CTL, newer)
    assert held.judge(FileKind.CTL, CTL) == Accept(VerifiedBy.INSTALLED_CTL, 3)
    configuration = configuration_by(PUB)
    verdict = held.judge(FileKind.CONFIGURATION, configuration)
    assert verdict == Accept(VerifiedBy.INSTALLED_CTL, 9)


@pytest.mark.parametrize("is_held", [True, False])
def test_a_list_without_a_time_is_not_old(*, is_held: bool) -> None:
    timeless = replace(CTL, header=replace(CTL.header, timestamp=None))
    held = TrustAnchors.of(timeless if is_held else CTL, ITL)
    assert held._finding(FileKind.CTL, CTL if is_held else timeless) is None


def impostors(count: int) -> list[Record]:
    """Return records of the signer's names and serial number, each with its own key."""
    bare = record(PUB, Role.SAST)
    return [
        replace(bare, certificate_der=None, public_key=_rsa_key_bytes(number))
        for number in range(count)
    ]


def _rsa_key_bytes(number: int) -> bytes:
    modulus = (1 << 1023) + 2 * number + 1
    key = core_keys.RSAPublicKey({"modulus": modulus, "public_exponent": 3})
    return bytes(key.dump())


def test_no_more_keys_are_tried_than_a_list_has_under_one_name() -> None:
    tried = list(distinct_keys(impostors(1000)))
    assert len(tried) == 8


def test_a_record_twice_is_one_key() -> None:
    twice = [*[record(PUB, Role.SAST)] * 20, *impostors(2)]
    assert len(list(distinct_keys(twice))) == 3


def test_the_signers_key_counts_behind_its_impostors() -> None:
    """As after a regeneration that kept the serial number."""
    for before, verdict in ((7, Accept), (8, Refuse)):
        held = replace(CTL, records=(*impostors(before), *CTL.records))
        anchors = TrustAnchors.of(held, ITL)
        assert isinstance(anchors.judge(FileKind.CTL, ctl_by(PUB)), verdict)


def test_a_key_whose_exponent_costs_a_second_is_not_tried() -> None:
    numbers = PUB.certificate.public_key.public_numbers()
    assert isinstance(numbers, rsa.RSAPublicNumbers)
    signed = ctl_by(PUB)
    signed.verify(numbers.public_key())
    for exponent in ((1 << 1022) + 1, (1 << 32) + 1):
        slow = rsa.RSAPublicNumbers(exponent, numbers.n).public_key()
        with pytest.raises(BadSignatureError) as found:
            signed.verify(slow)
        assert str(found.value) == "the RSA key's public exponent has over 32 bits"
    other = rsa.RSAPublicNumbers((1 << 32) - 1, numbers.n).public_key()
    with pytest.raises(BadSignatureError, match="was not made by"):
        signed.verify(other)
