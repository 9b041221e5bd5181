"""The dashboard shows what the program counts, and nothing that it does not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import tokenless.services.node.runtime  # noqa: F401  # rooms register what they count
from tokenless.services.metrics import REGISTRY

CONFIGS = Path(__file__).parents[3] / "configs"
DASHBOARD = CONFIGS / "grafana/tokenless.json"
ALERTS = CONFIGS / "prometheus/alerts.yml"
LISTED = (
    "tftp_transfers_total",
    "tftp_bytes_total",
    "tftp_retransmits_total",
    "tvs_answers_trusted_total",
    "tvs_refusals_total",
    "tvs_cache_entries",
    "cache_age_seconds",
    "database_reachable",
    "records_written",
    "schema_known",
    "certificate_days_to_expiry",
    "shown_certificate_days_to_expiry",
    "registered_phones",
    "sccp_refused_total",
    "capf_refused_total",
    "http_refused_total",
)


def expressions() -> Iterator[str]:
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def known() -> set[str]:
    """Return the names of all series: a counter's ends in `_total`."""
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in REGISTRY.collect()
    }


def series_of(text: str) -> set[str]:
    return set(re.findall(r"tokenless_\w+", text))


def test_every_metric_of_the_dashboard_exists() -> None:
    shown = series_of(" ".join(expressions()))
    assert shown
    assert shown <= known()


def test_every_metric_of_the_alerts_exists() -> None:
    text = ALERTS.read_text()
    assert series_of(text) <= known()
    names = re.findall(r"- alert: (\w+)", text)
    assert len(set(names)) == len(names)
    for key in ("summary", "description", "severity", "expr"):
        assert len(re.findall(rf"\b{key}:", text)) == len(names), key


def test_what_operators_need_is_shown() -> None:
    shown = " ".join(expressions())
    watched = ALERTS.read_text()
    assert [name for name in LISTED if f"tokenless_{name}" not in shown] == []
    assert {f"tokenless_{name}" for name in LISTED[-4:]} <= set(series_of(watched))


def test_panels_do_not_lie_over_each_other() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        own = {
            (place["x"] + x, place["y"] + y)
            for x in range(place["w"])
            for y in range(place["h"])
        }
        assert not cells & own
        cells |= own
