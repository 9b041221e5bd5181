"""What a phone remembers of a boot, moment by moment, for its log and its report."""

from dataclasses import replace

import pytest

from tests.rigs.cluster import DEVICE, PUB, SUB, Authority, Lab, configuration, keypair
from tests.rigs.phone_bench import Bench, nodes_of, phone
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.phone_emulator.secd.log_events import LogEvent
from tokenless.phone_emulator.secd.report import FileAction, Outcome, TvsReport
from tokenless.protocol.codes import Role
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query

MIXED = Lab(mixed=True)
REGENERATED = MIXED.regenerate_callmanager()
NEW = REGENERATED.callmanager_pub.certificate
CTL, ITL = f"CTL{DEVICE}.tlv", f"ITL{DEVICE}.tlv"
CONFIGURATION = f"{DEVICE}.cnf.xml.sgn"
ELSEWHERE = "127.0.47.200"


def moments(bench: Bench) -> list[str]:
    """Write each moment with its details on one line."""
    return [
        " ".join([entry.moment, *(f"{k}={v}" for k, v in entry.details.items())])
        for entry in bench.secd.log
    ]


def between(bench: Bench, first: LogEvent, last: LogEvent) -> list[str]:
    """Return the moments from the first of one kind to the first of another."""
    kinds = [entry.moment for entry in bench.secd.log]
    start = kinds.index(first)
    return moments(bench)[start : kinds.index(last, start) + 1]


def fetched(name: str, data: bytes | None) -> list[str]:
    assert data is not None
    return [
        f"fetch name={name} server={PUB}",
        f"fetched name={name} length={len(data)}",
    ]


def asking(kind: FileKind = FileKind.CTL) -> list[str]:
    serial = f"serial={NEW.serial_hex}"
    return [
        f"signer-unknown kind={kind} subject={NEW.subject_text} {serial}",
        f"tvs-cache-miss {serial}",
    ]


@pytest.fixture
def bench() -> Bench:
    """A phone that meets a signer whom only TVS knows."""
    made = phone(nodes_of(MIXED))
    made.boot()
    made.nodes = nodes_of(REGENERATED)
    return made


def test_a_first_boot_and_one_without_news() -> None:
    nodes = nodes_of(MIXED)
    bench = phone(nodes)
    bench.boot()
    ctl, itl = fetched(CTL, nodes[PUB].fetch(CTL)), fetched(ITL, nodes[PUB].fetch(ITL))
    rest = [
        *fetched(CONFIGURATION, nodes[PUB].fetch(CONFIGURATION)),
        f"configuration-verified name={CONFIGURATION} by=installed-ctl",
        f"configuration-accepted name={CONFIGURATION}",
        "booted outcome=ok",
    ]
    assert moments(bench) == [
        f"power-on model=7975 device={DEVICE}",
        *ctl,
        "leap-of-faith kind=CTLFile.tlv by=first-use",
        "updated kind=CTLFile.tlv",
        "flush",
        *itl,
        "verified kind=ITLFile.tlv by=installed-ctl",
        "updated kind=ITLFile.tlv",
        "flush",
        *rest,
    ]
    signer = MIXED.callmanager_pub.certificate.subject_text
    reports = bench.secd.report.files.values()
    assert {report.signer for report in reports} == {signer}
    named = MIXED.ctl().trust_list().signer
    assert {report.signer_id for report in reports} == {named}
    bench.boot()
    assert moments(bench) == [
        f"power-on model=7975 device={DEVICE}",
        *ctl,
        "unchanged kind=CTLFile.tlv",
        *itl,
        "unchanged kind=ITLFile.tlv",
        *rest,
    ]


def test_tvs_is_asked_and_vouches(bench: Bench) -> None:
    bench.nodes[PUB].ttl = 5400
    bench.boot()
    (query,) = bench.nodes[PUB].queries
    sent, received = len(query.encode()), len(bench.nodes[PUB].answer(query).encode())
    assert between(bench, LogEvent.SIGNER_UNKNOWN, LogEvent.FLUSH) == [
        *asking(),
        f"tvs-connect address={PUB} port=2445",
        f"tvs-answered status=0 roles=2,0 sent={sent} received={received}",
        "tvs-cached hours=1.5",
        "verified-by-tvs kind=CTLFile.tlv by=tvs",
        "updated kind=CTLFile.tlv",
        "flush",
    ]
    asked = (f"{PUB}:2445", NEW.serial_hex, NEW.issuer_text)
    assert bench.secd.report.tvs == [TvsReport(*asked, "trusted", (2, 0), 5400, 1.0)]


def test_tvs_does_not_vouch(bench: Bench) -> None:
    bench.nodes[PUB].known.clear()
    bench.boot()
    last = between(bench, LogEvent.TVS_ANSWERED, LogEvent.REFUSED)
    (query, *_) = bench.nodes[PUB].queries
    reason = f"signer {NEW.subject_text} (serial {NEW.serial_hex})"
    assert last == [
        f"tvs-answered status=1 roles= sent={len(query.encode())} received=14",
        f"refused kind=CTLFile.tlv reason=TVS does not vouch for {reason}",
    ]
    asked = (f"{PUB}:2445", NEW.serial_hex, NEW.issuer_text)
    assert bench.secd.report.tvs[0] == TvsReport(*asked, "untrusted", (), None, 1.0)


def test_no_tvs_server_can_be_used(bench: Bench) -> None:
    """One refuses the connection, the other has a certificate of nobody's list."""
    bench.nodes[PUB].tvs_down = True
    bench.nodes[SUB].tvs_certificate = keypair("nobody")
    bench.boot()
    pin = "its certificate is no TVS record of the ITL"
    refused = f"signer {NEW.subject_text} is unknown; no TVS server can be used: {pin}"
    assert between(bench, LogEvent.SIGNER_UNKNOWN, LogEvent.REFUSED) == [
        *asking(),
        f"tvs-connect address={PUB} port=2445",
        f"tvs-not-connected address={PUB} port=2445 reason=Connection refused",
        f"tvs-connect address={SUB} port=2445",
        f"tvs-handshake-failed address={SUB} port=2445 reason={pin}",
        f"refused kind=CTLFile.tlv reason={refused}",
    ]
    assert moments(bench)[-2:] == ["cached-configuration", "booted outcome=rejected"]
    asked = (NEW.serial_hex, NEW.issuer_text, "unreachable", (), None, 1.0)
    assert bench.secd.report.tvs[:2] == [
        TvsReport(f"{PUB}:2445", *asked, "Connection refused", Reason.TVS_UNUSABLE),
        TvsReport(f"{SUB}:2445", *asked, pin, Reason.TVS_NOT_IN_ITL),
    ]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"session_id": 7}, "the server answered for session 7"),
        ({"type": MessageType.VERIFY_ANSWER}, "the server answered with VERIFY_ANSWER"),
        ({"certificate": b"?"}, "the server answered about another certificate"),
    ],
)
def test_nonsense_is_no_answer(
    bench: Bench, changed: dict[str, object], why: str
) -> None:
    def answer(query: Query) -> Answer:
        genuine = Authority.answer(bench.nodes[PUB], query)
        return replace(genuine, **changed)  # type: ignore[arg-type]

    bench.nodes[PUB].answer = answer  # type: ignore[method-assign]
    bench.boot()
    first, second, *_ = between(bench, LogEvent.TVS_CONNECT, LogEvent.TVS_ANSWERED)
    assert first == f"tvs-connect address={PUB} port=2445"
    assert second == f"tvs-no-answer address={PUB} port=2445 reason={why}"
    failed = bench.secd.report.tvs[0]
    assert (failed.status, failed.reason, failed.milliseconds) == (
        "unreachable",
        why,
        1.0,
    )
    assert bench.secd.report.files[FileKind.CTL].action is FileAction.UPDATED


def test_what_tvs_said_is_remembered(bench: Bench) -> None:
    bench.nodes = nodes_of(MIXED)
    bench.nodes[PUB].configuration_signer = REGENERATED.callmanager_pub
    bench.nodes[PUB].know(REGENERATED.callmanager_pub, Role.TFTP)
    bench.boot()
    bench.boot()
    assert between(bench, LogEvent.SIGNER_UNKNOWN, LogEvent.CONFIGURATION_VERIFIED) == [
        asking(FileKind.CONFIGURATION)[0],
        f"tvs-cache-hit serial={NEW.serial_hex}",
        f"configuration-verified name={CONFIGURATION} by=TVS",
    ]


@pytest.mark.parametrize(
    ("kind", "rule"),
    [(FileKind.CTL, 7), (FileKind.ITL, 7), (FileKind.CONFIGURATION, 9)],
)
def test_nobody_can_be_asked(bench: Bench, kind: FileKind, rule: int) -> None:
    """The phone holds no configuration: it knows of no TVS server."""
    bench.lose("configuration")
    bench.boot()
    reason = (
        f"signer {NEW.subject_text} is unknown; "
        "no accepted configuration names a TVS server"
    )
    entries = moments(bench)
    refused = entries.index(f"refused kind={kind} reason={reason}")
    assert entries[refused - 3 : refused] == [*asking(kind), "tvs-unavailable"]
    report = bench.secd.report.files[kind]
    assert (report.action, report.rule, report.reason) == (
        FileAction.REJECTED,
        rule,
        reason,
    )


def test_files_that_are_not_there_and_servers_that_are_silent() -> None:
    nodes = {PUB: Authority()}
    bench = phone(nodes, servers=(PUB, SUB))
    bench.boot()
    assert moments(bench)[1:5] == [
        f"fetch name={CTL} server={PUB}",
        f"not-found name={CTL}",
        f"fetch name=CTLFile.tlv server={PUB}",
        "not-found name=CTLFile.tlv",
    ]
    nodes[PUB].silent = True
    bench.boot()
    assert moments(bench)[1:4] == [
        f"fetch name={CTL} server={PUB}",
        f"fetch name={CTL} server={SUB}",
        f"download-failed name={CTL} reason=no answer",
    ]
    files = bench.secd.report.files
    assert [(file.action, file.rule, file.reason) for file in files.values()] == [
        (FileAction.FAILED, 1, "no answer"),
        *[(FileAction.FAILED, 1, "no TFTP server answers")] * 2,
    ]
    assert {file.code for file in files.values()} == {Reason.NO_SERVER}
    assert moments(bench)[-1] == f"booted outcome={Outcome.UNREACHABLE}"


def test_a_server_that_the_ctl_does_not_name() -> None:
    bench = phone(nodes_of(MIXED))
    bench.boot()
    bench.nodes = {ELSEWHERE: nodes_of(MIXED)[PUB]}
    bench.identity = phone({}, servers=(ELSEWHERE,)).identity
    bench.boot()
    reason = "the CTL does not name this TFTP server"
    assert between(bench, LogEvent.TFTP_NOT_AUTHORISED, LogEvent.REFUSED) == [
        f"tftp-not-authorised server={ELSEWHERE}",
        f"refused kind=configuration reason={reason}",
    ]
    report = bench.secd.report.files[FileKind.CONFIGURATION]
    assert (report.rule, report.reason) == (10, reason)


def test_a_list_that_the_flash_has_lost() -> None:
    bench = phone(nodes_of(MIXED))
    bench.contents = FlashContents(b"damaged", None, None)
    bench.boot()
    assert moments(bench)[:2] == [
        f"power-on model=7975 device={DEVICE}",
        "unreadable-list kind=CTL",
    ]


def test_security_without_a_ctl_is_told_from_security_with_one() -> None:
    for lab, outcome in ((Lab(), Outcome.DEGRADED), (MIXED, Outcome.OK)):
        nodes = nodes_of(lab)
        for node in nodes.values():
            node.configuration = replace(configuration(), security_mode=2)
        assert phone(nodes).boot().report.outcome is outcome
