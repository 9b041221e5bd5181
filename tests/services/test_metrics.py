"""Metrics: our own registry, without a series for each phone."""

import pytest
from prometheus_client import REGISTRY as DEFAULT_REGISTRY

from tokenless.services.metrics import (
    REGISTRY,
    SERVICE_STARTS,
    counter,
    exposition,
    gauge,
)


def test_what_is_counted_is_exposed() -> None:
    SERVICE_STARTS.labels("lab-pub", "Cisco Tftp").inc()
    assert (
        'tokenless_service_starts_total{node="lab-pub",service="Cisco Tftp"}'
        in exposition()
    )


def test_the_librarys_registry_stays_out_of_it() -> None:
    assert REGISTRY is not DEFAULT_REGISTRY
    assert "python_info" not in exposition()


@pytest.mark.parametrize("label", ["mac", "device", "phone", "serial"])
def test_no_series_for_each_phone(label: str) -> None:
    with pytest.raises(ValueError, match="series for every phone"):
        counter("x", "X", ["node", label])
    with pytest.raises(ValueError, match="series for every phone"):
        gauge("x", "X", [label])
