"""Counters of servers: plain integers in memory that processes can share.

A server adds to a cell of its row, which costs nothing; Prometheus's collector reads
the rows on request. Each worker process has a row of its own, so no locks and no
messages are needed; reading adds the rows up.
"""

import mmap
import os
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_CELL_BYTES: Final = 8


class SharedCounters:
    """Rows of counts, one row for each worker."""

    def __init__(
        self, cells: int, rows: int = 1, *, descriptor: int | None = None
    ) -> None:
        """Take memory.

        Args:
            cells: How many counts a row has.
            rows: How many workers may count.
            descriptor: The memory of another process; None takes new memory.
        """
        length = rows * cells * _CELL_BYTES
        if descriptor is None and rows > 1:
            descriptor = os.memfd_create("tokenless-counters")
            weakref.finalize(self, os.close, descriptor)
            os.ftruncate(descriptor, length)
        self.descriptor: Final = descriptor
        """Another process maps the memory from this descriptor; None with one row."""
        memory = mmap.mmap(-1 if descriptor is None else descriptor, length)
        table = memoryview(memory).cast("Q")
        self._rows = [table[n * cells : (n + 1) * cells] for n in range(rows)]

    @property
    def rows(self) -> range:
        """The numbers of all rows."""
        return range(len(self._rows))

    def row(self, number: int = 0) -> memoryview:
        """Return the cells of one worker."""
        return self._rows[number]

    def __getitem__(self, cell: int) -> int:
        return sum(row[cell] for row in self._rows)


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of a server, without its prefix."""

    name: str
    meaning: str
    cells: Mapping[str, int]
    """The cell for each value of the label; without a label, for the empty text."""
    label: str = ""
    is_gauge: bool = False


class ServerCollector(Collector):
    """The counts of every server of one kind in this process, by node."""

    def __init__(
        self, prefix: str, series: tuple[Series, ...], registry: CollectorRegistry
    ) -> None:
        self._prefix = prefix
        self._series = series
        self._running: dict[str, list[SharedCounters]] = {}
        registry.register(self)

    def watch(self, node: str, counters: SharedCounters) -> None:
        """Export a server's counts from now on."""
        self._running.setdefault(node, []).append(counters)

    def follow(self, node: str, counters: SharedCounters) -> None:
        """Export a server's counts from now on, in the place of earlier ones."""
        self._running[node] = [counters]

    def forget(self, node: str, counters: SharedCounters) -> None:
        """Export them no more."""
        running = self._running.get(node, [])
        running[:] = [each for each in running if each is not counters]

    def collect(self) -> Iterator[Metric]:
        """Yield one metric a series, with the node as label. No label names a phone."""
        for series in self._series:
            family = GaugeMetricFamily if series.is_gauge else CounterMetricFamily
            labels = ["node", series.label] if series.label else ["node"]
            metric = family(
                f"{self._prefix}_{series.name}", series.meaning, labels=labels
            )
            for node, running in self._running.items():
                for value, cell in series.cells.items():
                    metric.add_metric(
                        [node, value] if series.label else [node],
                        sum(counters[cell] for counters in running),
                    )
            yield metric
