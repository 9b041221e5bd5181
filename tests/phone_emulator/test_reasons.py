"""Reasons are values: what a foreign file says of itself decides no diagnosis."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.rigs.cluster import DEVICE, PUB, SIGNED_AT, Lab, keypair
from tests.rigs.phone_bench import Bench, nodes_of, phone
from tokenless.phone_emulator.cli.phones.boot import complaint
from tokenless.phone_emulator.rehearsal.outcome.causes import plain_cause
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import refusals_of
from tokenless.phone_emulator.secd.events import FlashContents, PhoneBehaviour
from tokenless.protocol.codes import Role
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason

MIXED = Lab(mixed=True)
REGENERATED = MIXED.regenerate_callmanager()
ELSEWHERE = "127.0.47.200"
HOSTILE_NAMES = (
    "expired.tlv",
    "TVS does not vouch.tlv",
    "no TVS server can be used: no TVS record (role 21).tlv",
    "malformed: the signature.tlv",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_name_in_a_list_is_no_diagnosis(name: str) -> None:
    """The header quotes the words by which reasons once were told apart."""
    bench = _holding(MIXED)
    bench.nodes[PUB].files[f"CTL{DEVICE}.tlv"] = MIXED.ctl().sign(name)
    report = bench.boot().report
    (refusal,) = refusals_of(report)

    assert refusal.code is Reason.WRONG_NAME
    assert "another file" in plain_cause(refusal.code)
    assert "make it again on its node" in complaint(report)
    assert report.to_json()["files"]["CTLFile.tlv"]["reason_code"] == "wrong-name"


def _tvs_is_down(bench: Bench) -> None:
    for node in bench.nodes.values():
        node.tvs_down = True


def _tvs_is_another(bench: Bench) -> None:
    for node in bench.nodes.values():
        node.tvs_certificate = keypair("nobody")


def _tvs_does_not_know(bench: Bench) -> None:
    for node in bench.nodes.values():
        node.known.clear()


def _tvs_knows_it_otherwise(bench: Bench) -> None:
    for node in bench.nodes.values():
        node.know(REGENERATED.callmanager_pub, Role.CAPF)


def _no_configuration(bench: Bench) -> None:
    held = bench.contents
    bench.contents = FlashContents(held.ctl, held.itl, None)


def _garbage(bench: Bench) -> None:
    for node in bench.nodes.values():
        node.files[f"CTL{DEVICE}.tlv"] = b"?"


def _too_long(bench: Bench) -> None:
    for node in bench.nodes.values():
        node.files[f"CTL{DEVICE}.tlv"] = bytes(64 * 1024 + 1)


def _silent(bench: Bench) -> None:
    for node in bench.nodes.values():
        node.silent = True


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (_tvs_is_down, Reason.TVS_UNUSABLE),
        (_tvs_does_not_know, Reason.NOT_VOUCHED),
        (_tvs_knows_it_otherwise, Reason.WRONG_ROLE),
        (_tvs_is_another, Reason.TVS_NOT_IN_ITL),
        (_no_configuration, Reason.NO_TVS_CONFIGURED),
        (_garbage, Reason.MALFORMED),
        (_too_long, Reason.TOO_LONG),
        (_silent, Reason.NO_SERVER),
    ],
)
def test_a_boot_says_why(happens: Callable[[Bench], None], code: Reason) -> None:
    bench = _holding(MIXED)
    bench.nodes = nodes_of(REGENERATED)
    happens(bench)
    report = bench.boot().report.files[FileKind.CTL]

    assert report.code is code
    assert report.to_json()["reason_code"] == code.value


def test_a_file_that_is_taken_has_no_reason() -> None:
    report = _holding(MIXED).boot().report

    assert [file.code for file in report.files.values()] == [None, None, None]


def test_a_query_that_was_not_answered_says_why() -> None:
    bench = _holding(MIXED)
    bench.nodes = nodes_of(REGENERATED)
    _tvs_is_another(bench)
    bench.boot()

    assert {query.code for query in bench.secd.report.tvs} == {Reason.TVS_NOT_IN_ITL}
    (first, *_) = bench.secd.report.to_json()["tvs"]
    assert first["reason_code"] == "tvs-not-in-itl"
    # No upload of the signer would change that.
    assert "to change that, let the phone fetch the ITL" in complaint(bench.secd.report)


def test_a_server_outside_the_ctl_is_not_authorised() -> None:
    bench = _holding(MIXED)
    bench.nodes = {ELSEWHERE: nodes_of(MIXED)[PUB]}
    bench.identity = phone({}, servers=(ELSEWHERE,)).identity
    report = bench.boot().report.files[FileKind.CONFIGURATION]

    assert report.code is Reason.NOT_AUTHORISED


def test_a_signer_that_expired_is_expired() -> None:
    bench = _holding(MIXED, PhoneBehaviour(refuses_expired_signers=True))
    bench.nodes = nodes_of(MIXED)
    newer = replace(MIXED.ctl(), timestamp=SIGNED_AT + 1)
    bench.nodes[PUB].ctl = newer
    bench.now = MIXED.callmanager_pub.certificate.not_after.timestamp() + 1
    report = bench.boot().report

    assert report.files[FileKind.CTL].code is Reason.EXPIRED
    assert "upload the signer's certificate" in complaint(report)


def _holding(lab: Lab, habits: PhoneBehaviour | None = None) -> Bench:
    bench = phone(nodes_of(lab), servers=(PUB,), habits=habits)
    bench.boot()
    return bench
