"""Encrypted configurations: promised by a small file, verified, then opened or not."""

from dataclasses import replace

import msgspec
import pytest

from tests.rigs import minting
from tests.rigs.cluster import DEVICE, PUB, SIGNED_AT, Keypair, Lab, configuration
from tests.rigs.phone_bench import Bench, fate, nodes_of, phone
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.phone_emulator.secd.handlers import judging
from tokenless.phone_emulator.secd.handlers.context import BootMemory
from tokenless.phone_emulator.secd.log_events import LogEvent
from tokenless.phone_emulator.secd.report import BootReport, FileAction
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.protocol.files.encrypted_file import ContentKey, encrypt_file
from tokenless.protocol.files.signed_file import sign_file
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.trust.anchors import FileKind, VerifiedBy
from tokenless.protocol.trust.reasons import Reason

CONFIGURATION = FileKind.CONFIGURATION
MIXED = Lab(mixed=True)
OURS = minting.rsa_key(2048, "phone")
HASH = "ab" * 16
SMALL = replace(
    configuration(), encrypted=True, full_config=False, certificate_hash=HASH
)
FULL = replace(configuration(), encrypted=True, security_mode=3)
SIGNED = f"{DEVICE}.cnf.xml.sgn"
ENCRYPTED = f"{DEVICE}.cnf.xml.enc.sgn"


@pytest.fixture
def bench() -> Bench:
    """A phone that holds a plain configuration and has a certificate now."""
    made = phone(nodes_of(MIXED), servers=(PUB,))
    made.boot()
    made.nodes = nodes_of(MIXED)
    made.contents = msgspec.structs.replace(made.contents, certificate_hash=HASH)
    made.key = OURS
    return made


def serve(bench: Bench, small: PhoneConfig, full: PhoneConfig = FULL) -> None:
    """Serve a small file and the encrypted one that it promises."""
    signer = MIXED.callmanager_pub
    files = bench.nodes[PUB].files
    data = small.encode()
    files[SIGNED] = sign_file(SIGNED, data, signer.signer, timestamp=SIGNED_AT).data
    files[ENCRYPTED] = encrypted(full, signer)


def encrypted(full: PhoneConfig, signer: Keypair) -> bytes:
    return encrypt_file(
        ENCRYPTED,
        full.encode(),
        signer.signer,
        OURS.public_key(),
        ContentKey(bytes(16), bytes(16)),
        timestamp=SIGNED_AT,
    ).data


def said(bench: Bench, moment: LogEvent) -> list[dict[str, str]]:
    return [each.details for each in bench.secd.log if each.moment is moment]


def stays(bench: Bench, code: Reason, reason: str) -> BootReport:
    """Boot; the installed configuration stays, for this reason."""
    held = bench.contents.configuration
    report = bench.boot().report
    file = report.files[CONFIGURATION]
    assert (file.code, file.reason) == (code, reason)
    assert bench.contents.configuration == held
    return report


def test_it_is_verified_opened_and_installed(bench: Bench) -> None:
    serve(bench, SMALL)
    report = bench.boot().report
    file = report.files[CONFIGURATION]
    assert fate(bench, CONFIGURATION) == (
        FileAction.UPDATED,
        VerifiedBy.INSTALLED_CTL,
        9,
    )
    assert file.requested == ENCRYPTED
    assert bench.contents.configuration == FULL.encode()
    assert (report.opened, report.decrypt_failed) == (True, False)
    assert report.configuration == FULL
    assert not report.needs_ctl
    assert said(bench, LogEvent.ENCRYPTED_CONFIGURATION) == [
        {"name": SIGNED, "hash": HASH}
    ]
    assert said(bench, LogEvent.CONFIGURATION_DECRYPTED) == [{"name": ENCRYPTED}]
    assert said(bench, LogEvent.CONFIGURATION_ACCEPTED) == [{"name": ENCRYPTED}]
    bench.boot()
    assert fate(bench, CONFIGURATION)[0] is FileAction.UNCHANGED


def test_a_key_that_does_not_open_it_leads_to_capf(bench: Bench) -> None:
    serve(bench, SMALL)
    bench.key = minting.rsa_key(2048, "another")
    why = "the phone's key does not decrypt it"
    report = stays(bench, Reason.NOT_DECRYPTED, why)
    assert (report.opened, report.decrypt_failed) == (False, True)
    assert fate(bench, CONFIGURATION)[::2] == (FileAction.FAILED, 1)
    assert report.status_messages[-1] == f"TFTP Error : {ENCRYPTED}"
    assert said(bench, LogEvent.NOT_DECRYPTED) == [{"reason": why}]


@pytest.mark.parametrize(("named", "shown"), [("", "none"), ("cd" * 16, "cd" * 16)])
def test_it_is_not_fetched_for_another_certificate(
    bench: Bench, named: str, shown: str
) -> None:
    serve(bench, replace(SMALL, certificate_hash=named))
    why = "certHash is not that of the phone's certificate"
    report = stays(bench, Reason.NOT_DECRYPTED, why)
    assert bench.nodes[PUB].fetched[ENCRYPTED] == 0
    assert not report.decrypt_failed
    assert report.status_messages[-1] == f"TFTP Error : {SIGNED}"
    assert said(bench, LogEvent.ENCRYPTED_CONFIGURATION) == [
        {"name": SIGNED, "hash": shown}
    ]


def test_an_encrypted_file_holds_no_small_one(bench: Bench) -> None:
    serve(bench, SMALL, SMALL)
    why = "an encrypted file that holds a small configuration"
    stays(bench, Reason.MALFORMED, why)
    assert fate(bench, CONFIGURATION)[::2] == (FileAction.REJECTED, 11)
    assert bench.nodes[PUB].fetched[ENCRYPTED] == 1


def test_it_is_opened_only_if_its_signer_is_trusted(bench: Bench) -> None:
    serve(bench, SMALL)
    attacker = Lab(mixed=True, callmanager_pub=MIXED.capf).callmanager_pub
    bench.nodes[PUB].files[ENCRYPTED] = encrypted(FULL, attacker)
    report = bench.boot().report
    assert fate(bench, CONFIGURATION)[::2] == (FileAction.REJECTED, 9)
    assert (report.opened, report.decrypt_failed) == (False, False)


def test_a_signed_file_is_no_encrypted_one(bench: Bench) -> None:
    serve(bench, SMALL)
    files = bench.nodes[PUB].files
    files[ENCRYPTED] = files[SIGNED]
    why = "not a signed file: not an encrypted file: its version is 1.0 at byte 0"
    stays(bench, Reason.MALFORMED, why)


def test_a_file_that_does_not_hold_together_is_malformed(bench: Bench) -> None:
    bench.nodes[PUB].files[f"CTL{DEVICE}.tlv"] = b"\1"
    report = bench.boot().report.files[FileKind.CTL]
    assert report.code is Reason.MALFORMED


def test_nothing_is_opened_before_it_arrived() -> None:
    identity = phone({}).identity
    boot = BootMemory(identity, FlashContents(), TvsCache())
    with pytest.raises(RuntimeError, match=r"^nothing is to be opened$"):
        judging.open_encrypted(boot)
