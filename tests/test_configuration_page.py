"""docs/configuration.md says what the declaration of the settings says."""

import pytest

from tokenless.services.config.declaration import Section
from tokenless.services.config.host_sections import TvsSection
from tokenless.services.config.sections import (
    ClusterConfig,
    host_tables,
    settings_at_once,
)
from tools.configuration_page import PAGE, make_page, tables_of, texts_of


def test_the_page_is_up_to_date() -> None:
    hint = "run: python -m tools.configuration_page"
    assert PAGE.read_text() == make_page(), hint


@pytest.mark.parametrize(
    "section", dict(tables_of(ClusterConfig)).values(), ids=lambda s: s.__name__
)
def test_every_key_has_a_sentence(section: type[Section]) -> None:
    tables = {name.rpartition(".")[2] for name, _ in tables_of(section)}
    keys = set(section.__struct_fields__) - tables
    assert keys
    assert keys <= texts_of(section).keys()


def test_what_a_host_decides_and_what_is_taken_at_once() -> None:
    assert set(host_tables()) == {
        "advertise",
        "callmanager",
        "capf",
        "console",
        "database",
        "http",
        "listen",
        "metrics",
        "tftp",
        "tvs",
    }
    at_once = settings_at_once()
    assert {"tvs.idle_s", "tftp.allow", "http.connections"} <= at_once
    assert not {"tvs.port", "tvs.workers", "tftp.ports", "http.port"} & at_once
    assert {f"tvs.{name}" for name in TvsSection.__struct_fields__} - at_once
