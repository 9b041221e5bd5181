"""Refusals: all are counted, few are said. Totals, as Prometheus reads them."""

from prometheus_client import CollectorRegistry, generate_latest

from tests.rigs.tvs_rig import capturing_log
from tokenless.services.logs import LogLevel
from tokenless.services.tvs.counters import Refusal, TvsCollector, TvsCounters
from tokenless.services.tvs.refusals import Refusals


def test_a_reason_is_said_at_once_and_then_once_in_a_while() -> None:
    counters = TvsCounters()
    log, capture = capturing_log(LogLevel.INFO)
    refusals = Refusals(counters, log)
    for now in range(100):
        refusals.note(Refusal.SILENT, now / 10, phone="192.0.2.1")
    refusals.note(Refusal.IDLE, 9.9, phone="192.0.2.2", why="because")
    refusals.note(Refusal.SILENT, 10.0, phone="192.0.2.3")
    assert counters.refusals["no-first-byte"] == 101
    assert counters.refusals["idle"] == 1
    assert [each["phone"] for each in capture.entries] == [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
    ]
    assert capture.entries[1]["why"] == "because"
    assert capture.entries[2]["more_since_last_line"] == 99


def test_totals_of_several_daemons_of_a_node_are_added() -> None:
    registry = CollectorRegistry()
    collector = TvsCollector(registry)
    first, second = TvsCounters(queries=3, connections_open=1), TvsCounters(queries=4)
    second.refusals["idle"] = 2
    for counters in (first, second):
        collector.watch("pub", counters)
    collector.watch("sub", TvsCounters(queries=9))
    text = generate_latest(registry).decode()
    assert 'tokenless_tvs_queries_total{node="pub"} 7.0' in text
    assert 'tokenless_tvs_queries_total{node="sub"} 9.0' in text
    assert 'tokenless_tvs_connections_open{node="pub"} 1.0' in text
    assert 'tokenless_tvs_refusals_total{node="pub",reason="idle"} 2.0' in text
    collector.forget("pub", first)
    assert 'queries_total{node="pub"} 4.0' in generate_latest(registry).decode()
