"""Ends of the certificates that running servers show, for Prometheus.

The database may have a newer one: a server shows what it loaded at its start or at the
last SIGHUP. A renewal helps clients only after that, so both are counted down: what the
database holds (`monitoring.expiry`), and this.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import DecodeError

_NAME: Final = "tokenless_shown_certificate_days_to_expiry"
_MEANING: Final = "Until the certificate expires that a running server shows"


class ShownCertificate:
    """The certificates of one server, the next one to expire first."""

    def __init__(self, node: str, server: str, ders: Iterable[bytes]) -> None:
        self.labels = node, server
        self.change(ders)

    def change(self, ders: Iterable[bytes]) -> None:
        """Note that it shows others from now on."""
        self.end = min(_ends(ders), default=None)


class ShownCollector(Collector):
    """The certificates of all servers of this process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin with no server.

        Args:
            clock: Unix seconds.
        """
        self._clock = clock
        self._shown: list[ShownCertificate] = []

    @contextmanager
    def showing(
        self, node: str, server: str, ders: Iterable[bytes]
    ) -> Iterator[ShownCertificate]:
        """Export the end of a server's certificates while the block runs."""
        shown = ShownCertificate(node, server, ders)
        self._shown.append(shown)
        try:
            yield shown
        finally:
            self._shown.remove(shown)

    def collect(self) -> Iterator[Metric]:
        """Yield the days left, with the node and the server as labels."""
        family = GaugeMetricFamily(_NAME, _MEANING, labels=["node", "server"])
        now = datetime.fromtimestamp(self._clock(), UTC)
        ends: dict[tuple[str, str], datetime] = {}
        for shown in self._shown:
            if shown.end is not None:
                ends[shown.labels] = min(shown.end, ends.get(shown.labels, shown.end))
        for labels, end in ends.items():
            family.add_metric(labels, (end - now) / timedelta(days=1))
        yield family


def _ends(ders: Iterable[bytes]) -> Iterator[datetime]:
    """Yield the ends; one that only OpenSSL can read is shown, and not counted."""
    for der in ders:
        with suppress(DecodeError):
            yield Certificate.decode(der).not_after


SHOWN: Final = ShownCollector()
"""The collector of this process; `metrics` registers it."""
