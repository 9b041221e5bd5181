"""The certificates that running servers show, which the database may have renewed."""

from prometheus_client import CollectorRegistry

from tests.rigs.clock import Clock
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes.certificates import own_certificate, trust
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.shown_certificates import ShownCollector

DAY_S = 86400


def days(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value(
        "tokenless_shown_certificate_days_to_expiry", {"node": "pub", "server": "TVS"}
    )


def test_it_is_below_zero_after_the_end_and_gone_with_the_server(
    lab: Cluster, clock: Clock
) -> None:
    registry = CollectorRegistry()
    collector = ShownCollector(lab.clock)
    registry.register(collector)
    own = own_certificate(lab, lab.publisher, TrustStore.TVS)
    left_s = own.not_after.timestamp() - clock.now
    with collector.showing("pub", "TVS", [own.der]):
        assert days(registry) == left_s / DAY_S
        clock.now += left_s + DAY_S
        assert days(registry) == -1
    assert days(registry) is None


def test_of_two_with_one_name_the_next_one_to_expire_counts(lab: Cluster) -> None:
    registry = CollectorRegistry()
    collector = ShownCollector(lab.clock)
    registry.register(collector)
    own = own_certificate(lab, lab.publisher, TrustStore.TVS)
    authority = next(
        each.certificate
        for each in trust(lab)
        if each.certificate.not_after != own.not_after
    )
    with collector.showing("pub", "TVS", [own.der]):
        first = days(registry)
        with collector.showing("pub", "TVS", [authority.der]) as other:
            both = days(registry)
            other.change([b"not a certificate"])
            assert days(registry) == first
    assert first is not None
    assert both is not None
    assert both <= first
