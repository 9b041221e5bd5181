"""Attacks that a phone must refuse (REFERENCE 10.6, 10.10), and one that it cannot."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from tests.rigs.cluster import (
    DEVICE,
    PUB,
    SIGNED_AT,
    Authority,
    Keypair,
    Lab,
    UnsignedList,
    configuration,
    keypair,
    record,
)
from tests.rigs.phone_bench import Bench, nodes_of, phone
from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.screen import draw
from tokenless.phone_emulator.secd.events import PhoneBehaviour
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.files.signed_file import sign_file
from tokenless.protocol.phones.models import PHONE_MODELS, LogForm
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Status

MIXED = Lab(mixed=True)
TRUSTED = MIXED.callmanager_pub
# Same names and serial number as the trusted signer, but the attacker's key.
IMPOSTOR = keypair(
    "cucm-pub",
    key="attacker",
    serial=int.from_bytes(TRUSTED.certificate.serial_number),
)
ATTACKER = keypair("attacker")


@pytest.fixture
def bench() -> Bench:
    made = phone(nodes_of(MIXED), servers=(PUB,))
    made.boot()
    made.nodes = nodes_of(MIXED)
    for node in made.nodes.values():
        node.fetched.clear()
    return made


def refused(bench: Bench, kind: FileKind, reason: str) -> None:
    held = bench.contents
    report = bench.boot().report
    assert report.files[kind].action is FileAction.REJECTED
    assert reason in (report.files[kind].reason or "")
    assert bench.contents == held


def attackers_list(signer: Keypair, *members: Keypair) -> UnsignedList:
    records = tuple(record(member, Role.SAST) for member in members)
    return UnsignedList(records, signer, SIGNED_AT + 1)


def test_a_signer_with_the_trusted_names_and_another_key(bench: Bench) -> None:
    assert IMPOSTOR.certificate.subject == TRUSTED.certificate.subject
    assert IMPOSTOR.certificate.serial_number == TRUSTED.certificate.serial_number
    bench.nodes[PUB].ctl = attackers_list(IMPOSTOR, IMPOSTOR)
    refused(bench, FileKind.CTL, "not made by the key")
    assert bench.nodes[PUB].queries == []


def test_an_itl_by_an_impostor(bench: Bench) -> None:
    bench.nodes[PUB].itl = attackers_list(IMPOSTOR, IMPOSTOR)
    refused(bench, FileKind.ITL, "not made by the key")


def test_a_list_that_vouches_for_itself_only(bench: Bench) -> None:
    bench.nodes[PUB].ctl = attackers_list(ATTACKER, ATTACKER)
    refused(bench, FileKind.CTL, "TVS does not vouch")


def test_an_attackers_sast_record_in_a_list_that_names_another_signer(
    bench: Bench,
) -> None:
    """The header names the trusted signer; the signature is the attacker's."""
    genuine = attackers_list(TRUSTED, TRUSTED, ATTACKER).sign("CTLFile.tlv")
    forged = attackers_list(IMPOSTOR, TRUSTED, ATTACKER).sign("CTLFile.tlv")
    assert len(genuine) == len(forged)
    bench.nodes[PUB].files[f"CTL{DEVICE}.tlv"] = forged
    refused(bench, FileKind.CTL, "not made by the key")


def test_an_empty_phone_takes_no_list_whose_own_record_did_not_sign() -> None:
    nodes = nodes_of(MIXED)
    data = bytearray(MIXED.ctl().sign("CTLFile.tlv"))
    data[-1] ^= 1  # of the last record's address: nothing else notices
    nodes[PUB].files[f"CTL{DEVICE}.tlv"] = bytes(data)
    bench = phone(nodes, servers=(PUB,))
    report = bench.boot().report.files[FileKind.CTL]
    assert report.action is FileAction.REJECTED
    assert "the file's own record" in (report.reason or "")


@pytest.mark.parametrize("where", [0.3, 0.5, 0.99])
def test_a_flipped_byte(bench: Bench, where: float) -> None:
    data = bytearray(MIXED.ctl().sign("CTLFile.tlv"))
    data[int(len(data) * where)] ^= 0x01
    bench.nodes[PUB].files[f"CTL{DEVICE}.tlv"] = bytes(data)
    held = bench.contents
    report = bench.boot().report
    assert report.files[FileKind.CTL].action is FileAction.REJECTED
    assert bench.contents == held


def test_a_tvs_with_another_certificate(bench: Bench) -> None:
    bench.nodes = nodes_of(MIXED.regenerate_callmanager())
    for node in bench.nodes.values():
        node.tvs_certificate = ATTACKER
    refused(bench, FileKind.CTL, "no TVS record")


def regenerated(bench: Bench, answer: Callable[[Authority, object], Answer]) -> None:
    """Let the phone meet an unknown signer and a TVS that answers like this."""
    bench.nodes = nodes_of(MIXED.regenerate_callmanager())
    for node in bench.nodes.values():
        node.answer = lambda query, node=node: answer(node, query)  # type: ignore[method-assign,misc]


GENUINE = MIXED.regenerate_callmanager().callmanager_pub.certificate.der


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"session_id": 7}, "session 7"),
        ({"type": MessageType.VERIFY_ANSWER}, "VERIFY_ANSWER"),
        ({"certificate": ATTACKER.certificate.der}, "another certificate"),
        ({"certificate": GENUINE[:-1]}, "another certificate"),
        ({"certificate": None}, "another certificate"),
        ({"roles": (Role.CCM_TFTP,)}, "needs SAST"),
        ({"roles": (Role.TFTP, Role.CAPF)}, "needs SAST"),
        ({"roles": ()}, "no role,"),
        ({"status": Status.UNTRUSTED}, "does not vouch"),
        ({"status": 3}, "does not vouch"),
    ],
)
def test_answers_that_do_not_count(
    bench: Bench, change: dict[str, object], reason: str
) -> None:
    def answer(node: Authority, query: object) -> Answer:
        genuine = Authority.answer(node, query)  # type: ignore[arg-type]
        return replace(genuine, **change)  # type: ignore[arg-type]

    regenerated(bench, answer)
    refused(bench, FileKind.CTL, reason)


def test_an_answer_whose_key_did_not_sign(bench: Bench) -> None:
    """TVS knows the names and the serial, the file is by another key."""
    new = MIXED.regenerate_callmanager()
    serial = int.from_bytes(new.callmanager_pub.certificate.serial_number)
    impostor = keypair("cucm-pub", 2, key="attacker", serial=serial)
    bench.nodes = nodes_of(new)
    bench.nodes[PUB].ctl = attackers_list(impostor, impostor)
    bench.nodes[PUB].itl = None
    refused(
        bench, FileKind.CTL, ("made by another key than the one that TVS vouches for")
    )


def test_a_replayed_old_list_is_accepted_and_reported(bench: Bench) -> None:
    bench.nodes[PUB].ctl = replace(MIXED.ctl(), timestamp=SIGNED_AT - 86_400)
    report = bench.boot().report
    assert report.files[FileKind.CTL].action is FileAction.UPDATED
    assert "before the installed one" in (report.files[FileKind.CTL].finding or "")


def test_an_itl_under_the_ctls_name(bench: Bench) -> None:
    bench.nodes[PUB].files[f"CTL{DEVICE}.tlv"] = MIXED.itl().sign("ITLFile.tlv")
    refused(bench, FileKind.CTL, "has the name ITLFile.tlv")


def test_a_digest_that_the_model_lacks(bench: Bench) -> None:
    bench.nodes[PUB].ctl = replace(MIXED.ctl(), digest=Digest.SHA512)
    refused(bench, FileKind.CTL, "cannot verify SHA512")


def test_the_same_digest_on_a_newer_model() -> None:
    lab = nodes_of(MIXED)
    lab[PUB].ctl = replace(MIXED.ctl(), digest=Digest.SHA512)
    bench = phone(lab, model="8861", servers=(PUB,))
    assert bench.boot().report.files[FileKind.CTL].action is FileAction.INSTALLED


def test_an_unsigned_configuration_where_a_signed_one_is_wanted(bench: Bench) -> None:
    name = f"{DEVICE}.cnf.xml.sgn"
    bench.nodes[PUB].files[name] = configuration().encode()
    refused(bench, FileKind.CONFIGURATION, "not a signed file")


@pytest.mark.parametrize("signer", [IMPOSTOR, ATTACKER, MIXED.capf, MIXED.tvs_pub])
def test_a_configuration_by_somebody_else(bench: Bench, signer: Keypair) -> None:
    bench.nodes[PUB].configuration_signer = signer
    refused(bench, FileKind.CONFIGURATION, "signe")


@pytest.mark.parametrize(
    "payload", [b"", b"<device>", b"<!DOCTYPE d><device/>", b"\x00" * 50]
)
def test_a_well_signed_configuration_that_is_none(bench: Bench, payload: bytes) -> None:
    name = f"{DEVICE}.cnf.xml.sgn"
    signed = sign_file(name, payload, TRUSTED.signer, timestamp=SIGNED_AT).data
    bench.nodes[PUB].files[name] = signed
    refused(bench, FileKind.CONFIGURATION, "malformed configuration")


@pytest.mark.parametrize("data", [b"\x01", b"garbage" * 99, b"\x01\x00\x02\x01"])
def test_lists_that_are_none(bench: Bench, data: bytes) -> None:
    bench.nodes[PUB].files[f"CTL{DEVICE}.tlv"] = data
    refused(bench, FileKind.CTL, "malformed")


def test_an_empty_list_is_absent(bench: Bench) -> None:
    for name in (f"CTL{DEVICE}.tlv", "CTLFile.tlv"):
        bench.nodes[PUB].files[name] = b""
    report = bench.boot().report.files[FileKind.CTL]
    assert report.action is FileAction.ABSENT


def test_an_encrypted_configuration_that_is_missing_leads_to_capf(
    bench: Bench,
) -> None:
    """The small file promises it; what is installed stays (REFERENCE-3 2.5)."""
    own = "ab" * 16
    small = replace(
        configuration(), encrypted=True, full_config=False, certificate_hash=own
    )
    name = f"{DEVICE}.cnf.xml.sgn"
    signed = sign_file(name, small.encode(), TRUSTED.signer, timestamp=SIGNED_AT).data
    bench.nodes[PUB].files[name] = signed
    bench.nodes[PUB].configuration = None
    bench.contents = msgspec.structs.replace(bench.contents, certificate_hash=own)
    before = bench.contents.configuration
    report = bench.boot().report
    file = report.files[FileKind.CONFIGURATION]
    assert (file.action, file.requested) == (
        FileAction.ABSENT,
        f"{DEVICE}.cnf.xml.enc.sgn",
    )
    assert report.decrypt_failed
    assert bench.contents.configuration == before


def test_an_expired_signer_where_dates_count() -> None:
    expired = keypair("cucm-pub", 9, days=30)
    lab = replace(MIXED, callmanager_pub=expired)
    bench = phone(nodes_of(lab), servers=(PUB,))
    assert bench.boot().report.holds_what_is_served
    bench.nodes[PUB].ctl = replace(lab.ctl(), timestamp=SIGNED_AT + 1)
    habits = bench.identity.habits
    strict = type(habits)(refuses_expired_signers=True)
    bench.identity = phone({}, servers=(PUB,), habits=strict).identity
    refused(bench, FileKind.CTL, "expired on 2015-04-08")


def test_a_signers_name_cannot_write_to_the_terminal() -> None:
    """Names come from anybody: in reasons, logs and screens they end no line."""
    evil = keypair("evil\x1b[2J\nSECD: all is well")
    nodes = nodes_of(MIXED)
    nodes[PUB].ctl = attackers_list(evil, evil)
    bench = phone(nodes, servers=(PUB,))
    report = bench.boot().report.files[FileKind.CTL]
    assert report.action is FileAction.INSTALLED
    assert (report.signer or "").isprintable()
    nodes[PUB].ctl = attackers_list(ATTACKER, ATTACKER)
    bench.boot()
    nodes[PUB].ctl = attackers_list(evil, ATTACKER)
    nodes[PUB].files.clear()
    bench.contents = type(bench.contents)()
    report = bench.boot().report.files[FileKind.CTL]
    assert report.action is FileAction.REJECTED
    assert (report.reason or "").isprintable()
    for line in lines_of(bench.secd.log, LogForm.SECD, 1):
        assert line.isprintable()
    nodes[PUB].ctl = attackers_list(evil, evil)
    bench.boot()
    shown = draw(DEVICE, PHONE_MODELS["7975"], bench.contents, [])
    assert all(line.isprintable() for line in shown.splitlines())


def test_tvs_cannot_vouch_for_an_expired_signer_where_dates_count() -> None:
    """Neither by an answer nor by one that the phone remembers."""
    expired = keypair("cucm-pub", 9, days=30)
    strict = PhoneBehaviour(refuses_expired_signers=True)
    bench = phone(nodes_of(MIXED), servers=(PUB,), habits=strict)
    bench.boot()
    bench.nodes[PUB].configuration_signer = expired
    bench.nodes[PUB].know(expired, Role.TFTP)
    for _ in range(2):
        refused(bench, FileKind.CONFIGURATION, "expired on 2015-04-08")
        assert len(bench.nodes[PUB].queries) == 1
