"""Prometheus metrics of the services.

The registry is ours, so that two clusters in one process (tests, rehearsals) can each
hold their own and nothing of the library's default registry is exposed. Rooms that
count something of their own add it through `counter` and `gauge`. A MAC address or a
device name is never a label: ten thousand phones would make ten thousand series.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from tokenless.services.counters import ServerCollector
from tokenless.services.shown_certificates import SHOWN
from tokenless.services.stream_server.counters import stream_series

_FORBIDDEN_LABELS: Final = frozenset({"mac", "device", "phone", "serial"})
_PREFIX: Final = "tokenless"

REGISTRY: Final = CollectorRegistry()
"""The registry of this process."""
REGISTRY.register(SHOWN)


def counter(name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
    """Make a counter `tokenless_<name>`.

    Raises:
        ValueError: When a label would name single phones, or the name is taken.
    """
    _refuse_labels_of_phones(labels)
    return Counter(name, meaning, labels, namespace=_PREFIX, registry=REGISTRY)


def collector_of(protocol: str, meanings: Mapping[IntEnum, str]) -> ServerCollector:
    """Make the metrics `tokenless_<protocol>_…` of a protocol's stream servers.

    Args:
        protocol: Its name in their descriptions: `SCCP`.
        meanings: The counts of its guest, by cell.
    """
    counts = {each.name.lower(): (int(each), text) for each, text in meanings.items()}
    prefix = f"{_PREFIX}_{protocol.lower()}"
    return ServerCollector(prefix, stream_series(protocol, counts), REGISTRY)


def gauge(name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
    """Make a gauge `tokenless_<name>`.

    Raises:
        ValueError: When a label would name single phones, or the name is taken.
    """
    _refuse_labels_of_phones(labels)
    return Gauge(name, meaning, labels, namespace=_PREFIX, registry=REGISTRY)


def exposition() -> str:
    """Return everything counted, in the text form that Prometheus reads."""
    return generate_latest(REGISTRY).decode()


def _refuse_labels_of_phones(labels: Sequence[str]) -> None:
    if forbidden := _FORBIDDEN_LABELS & set(labels):
        raise ValueError(
            f"labels {sorted(forbidden)} would make a series for every phone"
        )


SERVICE_RUNNING: Final = gauge(
    "service_running", "1 while the service runs", ["node", "service"]
)
SERVICE_STARTS: Final = counter(
    "service_starts",
    "Starts of a service, by hand or by supervision",
    ["node", "service"],
)
SERVICE_FAILURES: Final = counter(
    "service_failures", "Ends of a service by an error", ["node", "service"]
)
REVISION: Final = gauge(
    "revision", "The database revision that a node has applied", ["node"]
)
DATABASE_REACHABLE: Final = gauge(
    "database_reachable",
    "1 when the node's last query of the database succeeded",
    ["node"],
)
CACHE_AGE: Final = gauge(
    "cache_age_seconds",
    "Seconds since the node's caches were known to agree with the database",
    ["node"],
)
RECORDS_WRITTEN: Final = gauge(
    "records_written",
    "0 while the database does not take what a node reports about itself",
    ["node", "record"],
)
SCHEMA_KNOWN: Final = gauge(
    "schema_known",
    "0 when the database's schema is newer than the node's program",
    ["node"],
)
CACHE_ENTRIES: Final = gauge(
    "tvs_cache_entries", "Certificates that TVS can answer for", ["node", "cache"]
)
CTL_INSTALLS: Final = counter(
    "ctl_installs", "CTL files installed in a node's folder", ["node"]
)
CONTROL_REQUESTS: Final = counter(
    "control_requests", "Requests over the control socket", ["node", "outcome"]
)
