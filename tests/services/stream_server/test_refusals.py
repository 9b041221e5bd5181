"""Refusals: all are counted, few are said. Totals, as Prometheus reads them."""

from prometheus_client import CollectorRegistry, generate_latest

from tests.rigs.tvs_rig import capturing_log
from tokenless.services.counters import ServerCollector
from tokenless.services.logs import LogLevel
from tokenless.services.stream_server.connections.log import Refusals
from tokenless.services.stream_server.counters import (
    FIRST_GUEST_CELL,
    REFUSAL_CELLS,
    Refusal,
    StreamCount,
    StreamCounters,
)
from tokenless.services.tvs.counters import TVS_SERIES, TvsCount


def test_a_reason_is_said_at_once_and_then_once_in_a_while() -> None:
    counters = StreamCounters(0)
    log, capture = capturing_log(LogLevel.INFO)
    refusals = Refusals("TVS", counters.row(), log)
    for now in range(100):
        refusals.note(Refusal.SILENT, now / 10, client="192.0.2.1")
    refusals.note(Refusal.IDLE, 9.9, client="192.0.2.2", why="because")
    refusals.note(Refusal.SILENT, 10.0, client="192.0.2.3")
    assert counters.refusals["no-first-byte"] == 101
    assert counters.refusals["idle"] == 1
    assert [each["client"] for each in capture.entries] == [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
    ]
    assert capture.entries[1]["why"] == "because"
    assert capture.entries[2]["more_since_last_line"] == 99


def counted(**counts: int) -> StreamCounters:
    counters = StreamCounters(len(TvsCount))
    for name, count in counts.items():
        counters.row()[FIRST_GUEST_CELL + TvsCount[name.upper()]] = count
    return counters


def test_totals_of_several_daemons_of_a_node_are_added() -> None:
    registry = CollectorRegistry()
    collector = ServerCollector("tokenless_tvs", TVS_SERIES, registry)
    first, second = counted(queries=3), counted(queries=4)
    first.row()[StreamCount.CONNECTIONS_OPEN] = 1
    second.row()[REFUSAL_CELLS[Refusal.IDLE]] = 2
    for counters in (first, second):
        collector.watch("pub", counters)
    collector.watch("sub", counted(queries=9))
    text = generate_latest(registry).decode()
    assert 'tokenless_tvs_queries_total{node="pub"} 7.0' in text
    assert 'tokenless_tvs_queries_total{node="sub"} 9.0' in text
    assert 'tokenless_tvs_connections_open{node="pub"} 1.0' in text
    assert 'tokenless_tvs_refusals_total{node="pub",reason="idle"} 2.0' in text
    collector.forget("pub", first)
    assert 'queries_total{node="pub"} 4.0' in generate_latest(registry).decode()


def test_workers_count_in_rows_that_are_read_together() -> None:
    counters = StreamCounters(len(TvsCount), workers=2)
    assert counters.descriptor is not None
    elsewhere = StreamCounters(len(TvsCount), workers=2, descriptor=counters.descriptor)
    for row in (0, 3):
        elsewhere.row(row)[StreamCount.CONNECTIONS_ACCEPTED] += 2
    assert counters[StreamCount.CONNECTIONS_ACCEPTED] == 4
