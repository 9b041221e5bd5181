"""Days to expiry: of the next certificate in each place, counted down by the clock."""

from prometheus_client import CollectorRegistry

from tests.rigs.clock import Clock
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.monitoring.expiry import ExpiryCollector, load_ends

DAY_S = 86400


def days(registry: CollectorRegistry, node: str, store: str) -> float:
    value = registry.get_sample_value(
        "tokenless_certificate_days_to_expiry", {"node": node, "store": store}
    )
    assert value is not None
    return value


def test_days_are_counted_down(lab: Cluster, clock: Clock) -> None:
    registry = CollectorRegistry()
    collector = ExpiryCollector(registry)
    node = lab.publisher
    collector.follow(node.name, load_ends(lab, node), lab.clock)
    before = days(registry, node.name, "TVS")
    clock.now += 10 * DAY_S
    assert before - days(registry, node.name, "TVS") == 10


def test_the_next_one_to_expire_counts(lab: Cluster) -> None:
    node = lab.publisher
    ends = load_ends(lab, node)
    own = certificates.own(lab, node)
    assert ends["CallManager"] == min(
        each.certificate.not_after for each in own if each.store == "CallManager"
    )
    assert set(ends) >= {"CallManager", "TVS", "CAPF", "ITLRecovery"}
