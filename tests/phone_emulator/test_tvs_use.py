"""How phones use TVS (REFERENCE 4.2): order, failover, finality, cache, flush."""

from dataclasses import replace

import pytest

from tests.rigs.cluster import DEVICE, NOW, PUB, SUB, Lab, configuration, keypair
from tests.rigs.phone_bench import Bench, nodes_of, phone
from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.secd.events import PhoneBehaviour, TvsAnswered
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.protocol.codes import Role
from tokenless.protocol.phones.configuration import TvsMember
from tokenless.protocol.phones.models import LogForm
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason

MIXED = Lab(mixed=True)
REGENERATED = MIXED.regenerate_callmanager()


def bench_with(*members: TvsMember, habits: PhoneBehaviour | None = None) -> Bench:
    """Return a phone whose accepted configuration names these TVS servers."""
    nodes = nodes_of(MIXED)
    for node in nodes.values():
        node.configuration = configuration(*members)
    bench = phone(nodes, habits=habits)
    bench.boot()
    bench.nodes = nodes_of(REGENERATED)
    for node in bench.nodes.values():
        node.configuration = configuration(*members)
    return bench


def asked(bench: Bench) -> list[tuple[str, str]]:
    return [(query.server, query.status) for query in bench.secd.report.tvs]


def test_members_are_asked_by_priority() -> None:
    bench = bench_with(TvsMember(SUB, 2445, 1), TvsMember(PUB, 2445, 0))
    bench.boot()
    assert asked(bench) == [(f"{PUB}:2445", "trusted")]


def test_the_next_member_is_asked_when_one_is_unreachable() -> None:
    bench = bench_with()
    bench.nodes[PUB].tvs_down = True
    bench.boot()
    assert asked(bench) == [(f"{PUB}:2445", "unreachable"), (f"{SUB}:2445", "trusted")]
    assert bench.secd.report.files[FileKind.CTL].action is FileAction.UPDATED


def test_the_next_member_is_asked_when_one_has_a_new_certificate() -> None:
    """7.5: a phone cannot connect to a TVS whose certificate is not in its ITL."""
    bench = bench_with()
    bench.nodes[PUB].tvs_certificate = keypair("tvs-pub", 2)
    bench.boot()
    assert asked(bench)[1] == (f"{SUB}:2445", "trusted")


def test_a_negative_answer_is_final() -> None:
    bench = bench_with()
    bench.nodes[PUB].known.clear()
    bench.boot()
    assert asked(bench)[0] == (f"{PUB}:2445", "untrusted")
    assert bench.nodes[SUB].queries == []
    assert bench.secd.report.files[FileKind.CTL].action is FileAction.REJECTED


def test_a_negative_answer_is_not_final_where_that_is_switched_on() -> None:
    bench = bench_with(habits=PhoneBehaviour(negative_answer_is_final=False))
    bench.nodes[PUB].known.clear()
    bench.boot()
    assert asked(bench) == [(f"{PUB}:2445", "untrusted"), (f"{SUB}:2445", "trusted")]
    assert bench.secd.report.files[FileKind.CTL].action is FileAction.UPDATED


def test_all_negative_is_a_refusal() -> None:
    bench = bench_with(habits=PhoneBehaviour(negative_answer_is_final=False))
    for node in bench.nodes.values():
        node.known.clear()
    bench.boot()
    assert [status for _, status in asked(bench)[:2]] == ["untrusted", "untrusted"]
    reason = bench.secd.report.files[FileKind.CTL].reason
    assert "does not vouch" in (reason or "")


def test_sessions_count_from_1001() -> None:
    bench = bench_with()
    for node in bench.nodes.values():
        node.known.clear()
    bench.boot()
    sessions = [query.session_id for query in bench.nodes[PUB].queries]
    assert sessions == [1001, 1002, 1003]


def test_the_phone_says_its_model_and_name() -> None:
    bench = bench_with()
    bench.boot()
    assert bench.nodes[PUB].queries[0].device == f"CP-7975-{DEVICE}"


def signer_of_configurations(bench: Bench) -> None:
    """Let configurations have a signer whom only TVS knows."""
    new = keypair("cucm-pub", 7)
    bench.nodes = nodes_of(MIXED)
    bench.nodes[PUB].configuration_signer = new
    bench.nodes[PUB].know(new, Role.SAST, Role.TFTP)


def test_an_answer_is_remembered_for_its_ttl() -> None:
    bench = bench_with()
    signer_of_configurations(bench)
    bench.boot()
    bench.boot()
    assert len(bench.nodes[PUB].queries) == 1
    assert bench.secd.report.files[FileKind.CONFIGURATION].verified_by == "tvs"
    bench.now = NOW + 86_400
    bench.boot()
    assert len(bench.nodes[PUB].queries) == 2


def test_a_short_ttl_counts() -> None:
    bench = bench_with()
    signer_of_configurations(bench)
    bench.nodes[PUB].ttl = 60
    bench.boot()
    bench.now = NOW + 61
    bench.boot()
    assert len(bench.nodes[PUB].queries) == 2


def test_a_list_update_flushes_what_tvs_said() -> None:
    bench = bench_with()
    signer_of_configurations(bench)
    bench.boot()
    assert len(bench.cache.entries()) == 1
    bench.nodes[PUB].itl = replace(MIXED.itl(), timestamp=1_700_000_000)
    bench.boot()
    assert len(bench.nodes[PUB].queries) == 2


def test_negative_answers_are_not_remembered() -> None:
    bench = bench_with()
    known = bench.nodes[PUB].known.copy()
    bench.nodes[PUB].known.clear()
    bench.boot()
    bench.nodes[PUB].known = known
    bench.boot()
    assert bench.secd.report.files[FileKind.CTL].action is FileAction.UPDATED


SEEDS_FLUSH = """\
SECD: setupSocketToTvsProxy: Connected to TVS proxy server
SECD: tvsReqFlushTvsCertCache: Sent Request to TVS proxy, len: 3708
SECD: clpTvsInit: Client message received on TVS proxy socket
SECD: processTvsClntReq: Success reading the client TVS request, len : 3708
SECD: processTvsClntReq: TVS Certificate cache flush request received
SECD: tvsFlushCertCache: Completed TVS Certificate cache flush request"""


def test_the_flush_is_logged_in_the_seeds_lines() -> None:
    bench = bench_with()
    bench.boot()
    lines = list(lines_of(bench.secd.log, LogForm.SECD, 8074))
    texts = "\n".join(line.partition(" SECD: ")[2] for line in lines)
    assert SEEDS_FLUSH.replace("SECD: ", "") in texts
    answered = bench.events.index(
        next(event for event in bench.events if isinstance(event, TvsAnswered))
    )
    assert answered >= 0
    where_verified = texts.index("-Authentication Response received, status : 0")
    assert where_verified < texts.index("tvsFlushCertCache")


@pytest.mark.parametrize("lost", ["configuration"])
def test_without_an_accepted_configuration_there_is_no_tvs_list(lost: str) -> None:
    bench = bench_with()
    bench.lose(lost)
    bench.boot()
    assert asked(bench) == []
    file = bench.secd.report.files[FileKind.CTL]
    assert (file.action, file.code, file.rule) == (
        FileAction.REJECTED,
        Reason.NO_TVS_CONFIGURED,
        7,
    )


@pytest.mark.parametrize(
    ("is_down", "code"), [(True, Reason.TVS_UNUSABLE), (False, Reason.TVS_NOT_IN_ITL)]
)
def test_the_last_member_tells_why_none_can_be_used(
    is_down: bool, code: Reason
) -> None:
    bench = bench_with()
    bench.nodes[PUB].tvs_down = True
    bench.nodes[SUB].tvs_down = is_down
    bench.nodes[SUB].tvs_certificate = keypair("tvs-sub1", 2)
    bench.boot()
    file = bench.secd.report.files[FileKind.CTL]
    assert (file.action, file.code) == (FileAction.REJECTED, code)
    assert "is unknown; no TVS server can be used: " in (file.reason or "")
