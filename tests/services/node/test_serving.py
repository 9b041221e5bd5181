"""Nodes served in this process: what is asked of them, what they refuse to begin."""

import functools
import shutil
import socket
import threading
from typing import Any

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB, Ask
from tests.rigs.tftp_rig import Where, fetch
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.tftp.packets import TftpError
from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.installation import DATABASE_FILE
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError
from tokenless.services.monitoring.health import Verdict
from tokenless.services.node.control.client import NodeDownError, request
from tokenless.services.node.control.requests import (
    RestartService,
    ShowMetrics,
    ShowTvsCache,
    StartService,
    Status,
    StopService,
    Sync,
)
from tokenless.services.node.runtime import ServiceKind
from tokenless.services.node.serve import Serving, serve_nodes
from tokenless.services.publishing.phone_files import NodeFiles
from tokenless.services.tftp.settings import TftpSettings

TFTP, TVS = "Cisco Tftp", "Cisco Trust Verification Service"


def where(serving: Serving, service: str = "tftp") -> Where:
    """Return the address of the publisher's service."""
    publisher = serving.runtimes[0].node.name
    for each in serving.listening:
        if (each.node, each.service) == (publisher, service):
            return each.address, each.port
    raise KeyError(service)


async def states(ask: Ask) -> dict[str, str]:
    services = (await ask(Status()))["services"]
    return {each["name"]: each["state"] for each in services}


async def go_mixed(cluster: Cluster, ask: Ask) -> None:
    await trio.to_thread.run_sync(
        functools.partial(
            security.set_cluster_mode, cluster, SecurityMode.MIXED, by="test"
        )
    )
    await ask(Sync(revision=cluster.store.revision()))


async def test_services_stop_start_and_restart(served: Serving, ask: Ask) -> None:
    assert set((await states(ask)).values()) == {"STARTED"}
    await ask(StopService(service=TFTP))
    assert (await states(ask))[TFTP] == "STOPPED"
    assert "tftp" not in {each.service for each in served.runtimes[0].listening}
    await ask(StartService(service=TFTP))
    await ask(RestartService(service=TVS))
    assert set((await states(ask)).values()) == {"STARTED"}
    assert served.health().verdict is Verdict.OK


async def test_what_is_not_activated_cannot_be_started(
    cluster: Cluster, nursery: trio.Nursery, ask: Ask
) -> None:
    await nursery.start(serve_nodes, cluster, (), frozenset({ServiceKind.TFTP}))
    with pytest.raises(ServiceError, match="is not activated") as info:
        await ask(StartService(service=TVS))
    assert info.value.hint == f"here are {TFTP}"


async def test_a_restart_serves_the_new_list(
    cluster: Cluster, served: Serving, ask: Ask
) -> None:
    await go_mixed(cluster, ask)
    with pytest.raises(TftpError, match="not found"):
        await fetch(where(served))
    await ask(RestartService(service=TFTP))
    assert await fetch(where(served)) == cluster.publisher.ctl_file.read_bytes()


async def test_a_node_without_its_keys_is_not_stopped(
    cluster: Cluster, served: Serving, ask: Ask
) -> None:
    for key in cluster.publisher.keys_folder.glob("*"):
        key.unlink()
    with pytest.raises(ServiceError, match="key"):
        await ask(RestartService(service=TFTP))
    assert (await states(ask))[TFTP] == "STARTED"
    assert len(await fetch(where(served), "ITLFile.tlv")) > 1000


async def test_automatic_reload_serves_a_change_at_once(
    cluster: Cluster, nursery: trio.Nursery, ask: Ask
) -> None:
    tables = {**FREE_PORTS, "tftp": {"port": 0, "reload": "automatic"}}
    cluster.take_settings(load_config(LAB, tables))
    serving: Serving = await nursery.start(serve_nodes, cluster)
    await go_mixed(cluster, ask)
    assert await fetch(where(serving)) == cluster.publisher.ctl_file.read_bytes()


async def test_a_service_that_stops_while_files_are_loaded_stays_stopped(
    served: Serving, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tftp = served.runtimes[0]._tftp
    load, begun, stopped = tftp._load, trio.Event(), threading.Event()

    def load_late() -> NodeFiles:
        trio.from_thread.run_sync(begun.set)
        assert stopped.wait(30)
        return load()

    monkeypatch.setattr(tftp, "_load", load_late)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tftp.reload)
        await begun.wait()
        await ask(StopService(service=TFTP))
        stopped.set()
    assert (await states(ask))[TFTP] == "STOPPED"


async def test_a_reset_list_is_served_until_the_restart(
    cluster: Cluster, served: Serving, ask: Ask
) -> None:
    name = "ITLFile.tlv"
    before = await fetch(where(served), name)
    await trio.to_thread.run_sync(
        functools.partial(security.reset_itl_localkey, cluster, by="test")
    )
    await ask(Sync(revision=cluster.store.revision()))
    assert await fetch(where(served), name) != before
    await ask(RestartService(service=TFTP))
    assert await fetch(where(served), name) == before


async def test_the_cache_and_the_counts_can_be_seen(served: Serving, ask: Ask) -> None:
    entries = (await ask(ShowTvsCache()))["entries"]
    assert {each["cache"] for each in entries} == {"DB"}
    text = (await ask(ShowMetrics()))["text"]
    node = served.runtimes[0].node.name
    assert f'tokenless_service_running{{node="{node}",service="{TFTP}"}} 1.0' in text


async def test_draining_waits_for_every_node(served: Serving) -> None:
    with trio.fail_after(10):
        await served.drain()
    with trio.move_on_after(0.2) as scope:
        await fetch(where(served), "ITLFile.tlv")
    assert scope.cancelled_caught


@pytest.mark.parametrize("service", ["tftp", "tvs", "legacy"])
async def test_a_port_in_use_ends_the_start_and_gives_all_back(
    cluster: Cluster, nursery: trio.Nursery, service: str
) -> None:
    kind = socket.SOCK_DGRAM if service == "tftp" else socket.SOCK_STREAM
    node = cluster.nodes[1]
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((node.address, 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        tables: dict[str, Any] = FREE_PORTS | (
            {**FREE_PORTS, "tvs": {"port": 0, "legacy": {"port": port}}}
            if service == "legacy"
            else {service: {"port": port}}
        )
        # Nor the usual ones, which a lab of somebody else on this machine has.
        tables |= {"http": {"port": 0, "tls_port": 0}, "capf": {"port": 0}}
        tables["callmanager"] = FREE_PORTS["callmanager"]
        cluster.take_settings(load_config(LAB, tables))
        refused = pytest.RaisesExc(
            ServiceError,
            match=rf"{node.address}( port |:){port}: Address already in use",
            check=lambda error: bool(error.hint),
        )
        with pytest.RaisesGroup(refused, flatten_subgroups=True):
            await serve_nodes(cluster)
    with pytest.raises(NodeDownError):
        request(node.name, node.control_socket, Status())
    cluster.take_settings(load_config(LAB, FREE_PORTS))
    assert await nursery.start(serve_nodes, cluster)


async def test_nodes_of_other_hosts_are_not_served(cluster: Cluster) -> None:
    publisher, subscriber = cluster.nodes
    subscriber.served_elsewhere_marker.touch()
    with pytest.raises(ServiceError, match=f"{subscriber.name} is not on this host"):
        await serve_nodes(cluster, [subscriber.name])
    publisher.served_elsewhere_marker.touch()
    with pytest.raises(ServiceError, match="no node of the cluster") as info:
        await serve_nodes(cluster)
    assert "tokenless node import" in str(info.value.hint)


def test_allowed_networks_are_taken() -> None:
    config = load_config(LAB, {"tftp": {"allow": ["192.0.2.0/24", "2001:db8::/32"]}})
    settings = TftpSettings.of(config.tftp)
    assert [str(each) for each in settings.allow] == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize("happened", ["deleted", "replaced"])
async def test_a_database_file_that_is_gone_is_noticed(
    cluster: Cluster, served: Serving, ask: Ask, happened: str
) -> None:
    """An open file goes on working: health said ok, and changes went nowhere."""
    (runtime, *_) = served.runtimes
    before = runtime.health.verdict
    file = cluster.data / DATABASE_FILE
    kept = file.rename(cluster.data / "kept.db")
    if happened == "replaced":
        shutil.copyfile(kept, file)
    with pytest.raises(ServiceError, match=f"was {happened} while it was in use"):
        await ask(Sync(revision=99))
    assert (before, runtime.health.verdict) == (Verdict.OK, Verdict.DEGRADED)
    assert f"was {happened}" in str(runtime.health.reason)
    with pytest.raises(ServiceError, match=f"was {happened}"):
        await go_mixed(cluster, ask)
    assert file.exists() is (happened == "replaced"), "no empty one is made"
    kept.rename(file)  # put back
    await go_mixed(cluster, ask)
    assert runtime.health.verdict is Verdict.OK


async def test_nodes_listen_elsewhere_than_phones_are_told(
    cluster: Cluster, nursery: trio.Nursery
) -> None:
    """As with published ports: in lists and configurations is what phones reach."""
    tables = {
        "tftp": {"port": 0, "ports": "single"},
        "listen": {"address": "127.0.47.99"},
        "advertise": {"tftp": 30069, "tvs": 32445, "sccp": 32000, "capf": 33804},
    }
    cluster.take_settings(load_config(LAB, {**FREE_PORTS, **tables}))
    node = cluster.publisher
    serving: Serving = await nursery.start(serve_nodes, cluster, [node.name])
    assert {each.address for each in serving.listening} == {"127.0.47.99"}
    itl = TrustList.decode(await fetch(where(serving), "ITLFile.tlv"))
    (own,) = [each for each in itl.records if each.role == Role.TFTP]
    assert own.ip_address == node.address
    config = PhoneConfig.decode(await fetch(where(serving), "SEP0011223344AA.cnf.xml"))
    assert (config.tvs[0].address, config.tvs[0].port) == (node.address, 32445)
    assert config.callmanagers[0].sccp_port == 32000
    assert (config.capf[0].address, config.capf[0].port) == (node.address, 33804)
    assert cluster.publisher.tftp_port == 30069
