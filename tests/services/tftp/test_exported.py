"""Counts as Prometheus reads them."""

from prometheus_client import CollectorRegistry, generate_latest

from tests.rigs.tftp_rig import rig
from tokenless.services.counters import ServerCollector
from tokenless.services.tftp.counters import TFTP_SERIES


def test_a_nodes_counts_are_exported() -> None:
    registry = CollectorRegistry()
    collector = ServerCollector("tokenless_tftp", TFTP_SERIES, registry)
    with rig() as server:
        collector.follow("pub", server.counters)
        client = server.client()
        server.fetch(client, "large")
        client.ask("absent")
        server.turn()
        client.received()
        client.ask("large")
        server.turn()
        text = generate_latest(registry).decode()
    for line in (
        'tokenless_tftp_requests_total{node="pub"} 3.0',
        'tokenless_tftp_refused_total{node="pub"} 1.0',
        'tokenless_tftp_bytes_total{node="pub"} 4611.0',
        'tokenless_tftp_transfers_total{node="pub",outcome="complete"} 1.0',
        'tokenless_tftp_under_way{node="pub"} 1.0',
    ):
        assert line in text.splitlines()


def test_a_restarted_server_takes_the_place_of_the_one_before() -> None:
    registry = CollectorRegistry()
    collector = ServerCollector("tokenless_tftp", TFTP_SERIES, registry)
    for _ in range(2):
        with rig() as server:
            collector.follow("pub", server.counters)
            server.fetch(server.client(), "small")
    text = generate_latest(registry).decode()
    assert text.count('tokenless_tftp_requests_total{node="pub"} 1.0') == 1
