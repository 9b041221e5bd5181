"""SIGHUP: what is taken at once, what waits, what changes nothing."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.rigs.node_rig import LAB
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes.certificates import own_certificate, regenerate
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.node.serve import Serving, reload
from tokenless.services.store.access.failures import DatabaseAwayError

Log = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the configuration that is served, with free ports."""
    path = tmp_path / "cluster.toml"
    text = LAB.read_text().replace("port = 6969", "port = 0")
    for port in (2445, 2000, 2443, 5060, 5061):
        text = text.replace(f"port = {port}", "port = 0")
    path.write_text(text)
    return path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def contexts(served: Serving) -> Any:  # noqa: ANN401
    server = served.runtimes[0]._tvs._server
    assert server is not None
    return server._server._contexts


async def test_what_has_not_changed_is_let_alone(
    cluster: Cluster, served: Serving, path: Path, capsys: Log
) -> None:
    before = contexts(served)
    await reload(cluster, served, path)
    assert contexts(served) is before
    log = "".join(capsys.readouterr())
    assert "reloaded" in log
    assert "these settings apply after" not in log


async def test_some_settings_are_taken_and_others_wait(
    cluster: Cluster, served: Serving, path: Path, capsys: Log
) -> None:
    edit(path, 'reload = "restart"', 'reload = "automatic"\nworkers = 2')
    edit(path, "# [metrics]", "[metrics]\nport = 0\n#")
    await reload(cluster, served, path)
    assert cluster.config.tftp.reload == "automatic"
    log = "".join(capsys.readouterr())
    waiting = next(line for line in log.splitlines() if "apply after a restart" in line)
    assert "tftp.workers" in waiting
    assert "tftp.reload" not in waiting


async def test_tls_settings_are_taken_at_once_by_every_service(
    cluster: Cluster, served: Serving, path: Path, capsys: Log
) -> None:
    """The log does not say of what is in force that it needs a restart."""
    edit(path, 'tls_minimum = "1.0"', 'tls_minimum = "1.2"')
    edit(path, "\n[tvs]\n", '\n[capf]\ntls_minimum = "1.2"\n[tvs]\n')
    edit(path, "[callmanager]", '[callmanager]\nciphers = "AES128-SHA"\n#')
    assert await reload(cluster, served, path) == []
    log = "".join(capsys.readouterr())
    assert "apply after a restart" not in log
    runtime = served.runtimes[0]
    assert runtime._tvs._server is not None
    assert runtime._capf._server is not None
    assert runtime._callmanager.server is not None
    streams = {
        "tvs": runtime._tvs._server._server,
        "capf": runtime._capf._server._server,
        "callmanager": runtime._callmanager.server._sccp,
    }
    ports = {name: each._settings.ports[-1].tls for name, each in streams.items()}
    minima = {name: None if tls is None else tls.minimum for name, tls in ports.items()}
    assert minima == dict.fromkeys(streams, "1.2")
    assert ports["callmanager"] is not None
    assert ports["callmanager"].ciphers == "AES128-SHA"


async def test_what_waits_for_a_restart_has_no_effect_before(
    cluster: Cluster, served: Serving, path: Path, capsys: Log
) -> None:
    """Phones keep the interval that they were told; nobody may listen elsewhere."""
    runtime = served.runtimes[0]
    server = runtime._callmanager.server
    assert server is not None
    before = runtime.listening, server._sccp._settings, server._sip_place("TLS")
    more = '[listen]\naddress = "127.0.0.77"\n[advertise]\nsips = 5999\n'
    edit(path, "\n[tvs]\n", f'\n{more}[tvs]\ncallmanager_trust = "sast"\n')
    callmanager = "[callmanager]\nkeepalive_s = 1\nsecondary_keepalive_s = 1\n#"
    edit(path, "[callmanager]", callmanager)
    entries = runtime._trust.entries()
    assert await reload(cluster, served, path) == []
    log = "".join(capsys.readouterr())
    waiting = next(line for line in log.splitlines() if "apply after a restart" in line)
    for name in ("callmanager.keepalive_s", "listen.address", "tvs.callmanager_trust"):
        assert name in waiting
    after = runtime.listening, server._sccp._settings, server._sip_place("TLS")
    assert after == before
    await runtime._trust.refill_db_cache()
    assert runtime._trust.entries() == entries


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('name = "lab"', 'name = "other"'), "describes another cluster"),
        (('reload = "restart"', 'reload = "never"'), "tftp.reload"),
    ],
)
async def test_a_configuration_that_cannot_be_used_changes_nothing(
    cluster: Cluster,
    served: Serving,
    path: Path,
    capsys: Log,
    *,
    change: tuple[str, str],
    reason: str,
) -> None:
    before = cluster.config
    edit(path, *change)
    assert await reload(cluster, served, path) == ["configuration"]
    assert cluster.config is before
    log = "".join(capsys.readouterr())
    assert "configuration not reloaded" in log
    assert reason in log


def new_certificate(cluster: Cluster) -> None:
    regenerate(cluster, cluster.publisher, TrustStore.TVS, by="test")


async def test_a_new_certificate_is_shown(cluster: Cluster, served: Serving) -> None:
    before = contexts(served)
    await trio.to_thread.run_sync(new_certificate, cluster)
    await reload(cluster, served, None)
    assert contexts(served) is not before


async def test_a_certificate_without_its_key_is_not_shown(
    cluster: Cluster, served: Serving, capsys: Log
) -> None:
    before = contexts(served)
    await trio.to_thread.run_sync(new_certificate, cluster)
    for key in cluster.publisher.keys_folder.glob("*"):
        key.unlink()
    await reload(cluster, served, None)
    assert contexts(served) is before
    assert "not reloaded" in "".join(capsys.readouterr())


def lose_key(cluster: Cluster, store: TrustStore, *, is_unreadable: bool) -> None:
    """Give the publisher a certificate whose key cannot be read."""
    regenerate(cluster, cluster.publisher, store, by="test")
    own = own_certificate(cluster, cluster.publisher, store)
    key = cluster.publisher.keys.path(store, own)
    key.unlink()
    if is_unreadable:
        key.mkdir()


@pytest.mark.parametrize("is_unreadable", [False, True])
async def test_services_after_one_that_cannot_be_reloaded_are_reloaded(
    cluster: Cluster, served: Serving, capsys: Log, *, is_unreadable: bool
) -> None:
    """TFTP and CallManager show one certificate, TVS another."""
    before, name = contexts(served), cluster.publisher.name
    await trio.to_thread.run_sync(new_certificate, cluster)
    lose = partial(
        lose_key, cluster, TrustStore.CALLMANAGER, is_unreadable=is_unreadable
    )
    await trio.to_thread.run_sync(lose)
    failed = await reload(cluster, served, None)
    assert failed == [f"Cisco Tftp of {name}", f"Cisco CallManager of {name}"]
    assert contexts(served) is not before
    log = "".join(capsys.readouterr())
    for service in ("Cisco Tftp", "Cisco CallManager"):
        assert re.search(rf"error +\] not reloaded .*{service}", log)
    assert re.search(r"error +\] reloaded in part", log)
    assert not re.search(r"info +\] reloaded", log)


async def test_a_database_that_is_away_ends_nothing(
    cluster: Cluster, served: Serving, path: Path, capsys: Log
) -> None:
    """SIGHUP comes at any time; the pages are told to reload as the nodes are."""

    def away() -> None:
        raise DatabaseAwayError("the database is away", hint="wait")

    async def pages() -> None:
        await trio.to_thread.run_sync(new_certificate, cluster)

    before = contexts(served)
    cluster.store.before_transactions(away)
    failed = await reload(cluster, served, path, {"pub": pages})
    assert contexts(served) is before
    servers = [
        f"{service} of {runtime.node.name}"
        for runtime in served.runtimes
        for service in runtime._services
    ]
    assert failed == [*servers, "console of pub"]
    assert "".join(capsys.readouterr()).count("not reloaded") == len(failed)
    cluster.store.before_transactions(lambda: None)
    assert await reload(cluster, served, path, {"pub": pages}) == []
    assert "not reloaded" not in "".join(capsys.readouterr())
