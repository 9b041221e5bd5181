"""Metrics and health of `tokenless serve`, as Prometheus and a container ask."""

import json
import re
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.system.serving import (
    PUBLISHER,
    SUBSCRIBER,
    Served,
    admin,
    serving,
    tokenless,
)


def get(served: Served, path: str) -> tuple[int, str]:
    (port,) = [each["port"] for each in served.ready if each["service"] == "metrics"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_name_no_phone_and_health_names_the_services(tmp_path: Path) -> None:
    with serving(tmp_path, "--metrics", "0") as served:
        flash = ("--flash", "phone", "--tftp", served.address(PUBLISHER))
        booted = tokenless(
            tmp_path, "phone", "boot", "--device", "SEP001122334455", *flash, "--json"
        )
        assert json.loads(booted.stdout)["outcome"] == "ok"
        _, text = get(served, "/metrics")
        assert re.search(
            rf'tokenless_tftp_transfers_total{{node="{PUBLISHER}",.*}} [1-9]', text
        )
        for node in (PUBLISHER, SUBSCRIBER):
            assert f'tokenless_tvs_cache_entries{{cache="DB",node="{node}"}} ' in text
            assert f'expiry{{node="{node}",store="CallManager"}} ' in text
        assert "001122334455" not in text

        status, health = get(served, "/health")
        assert status == 200
        nodes = {each["node"]: each for each in json.loads(health)["nodes"]}
        assert set(nodes) == {PUBLISHER, SUBSCRIBER}
        assert nodes[PUBLISHER]["services"]["Cisco Tftp"] == "STARTED"
        assert get(served, "/nothing")[0] == 404


def test_a_stopped_service_is_degraded(tmp_path: Path) -> None:
    with serving(tmp_path, "--metrics", "0") as served:
        assert tokenless(tmp_path, "health").returncode == 0
        admin(tmp_path, "utils service stop Cisco Tftp")
        _, health = get(served, "/health")
        assert json.loads(health)["verdict"] == "degraded"
        done = tokenless(tmp_path, "health", "--node", PUBLISHER, "--json")
        (node,) = json.loads(done.stdout)["nodes"]
        assert (done.returncode, node["services"]["Cisco Tftp"]) == (0, "STOPPED")


def test_health_says_since_when_caches_are_stale(tmp_path: Path) -> None:
    with serving(tmp_path, "--metrics", "0", "--node", PUBLISHER) as served:
        with closing(sqlite3.connect(tmp_path / "data/cluster.db")) as database:
            database.execute("ALTER TABLE cluster RENAME TO away")
            database.commit()
        health: dict[str, Any] = {"verdict": "ok"}
        while health["verdict"] == "ok":
            health = json.loads(get(served, "/health")[1])
        assert health["verdict"] == "degraded"
        (node,) = health["nodes"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", node["stale_since"])
        assert node["reason"]
        assert (
            'database_reachable{node="cucm-1051-a-pub"} 0.0'
            in get(served, "/metrics")[1]
        )


def test_nobody_is_well_when_nothing_is_served(tmp_path: Path) -> None:
    done = tokenless(tmp_path, "health")
    assert done.returncode == 3
    assert "correct --data" in done.stderr
    with serving(tmp_path) as served:
        served.process.kill()
        served.process.wait()
        done = tokenless(tmp_path, "health")
        assert done.returncode == 1
        assert "tokenless serve" in done.stderr


def test_a_metrics_address_that_is_none(tmp_path: Path) -> None:
    for text in ("x", "1.2.3.4:", "127.0.0.1:70000"):
        done = tokenless(tmp_path, "serve", "--metrics", text)
        assert done.returncode == 2
        assert "--metrics" in done.stderr
