"""Nodes with roles: what runs on them, what lists say of them."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB
from tests.rigs.run_cli import run_cli
from tokenless.protocol.codes import NodeRole, Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.services.admin.shell import AdminShell
from tokenless.services.changes import security
from tokenless.services.changes.membership import (
    activate,
    add_node,
    deactivate,
    remove_node,
)
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.errors import ServiceError, SettingError
from tokenless.services.metrics import exposition
from tokenless.services.monitoring.health import Verdict
from tokenless.services.node.control.announce import announce
from tokenless.services.node.serve import Serving, serve_nodes
from tokenless.services.publishing.phone_files import NodeFiles
from tokenless.services.store.trust_lists import newest_ctl

NODES: list[dict[str, Any]] = [
    {"name": "pub", "address": "127.0.61.1", "publisher": True, "roles": ["capf"]},
    {"name": "tftp1", "address": "127.0.61.2", "roles": ["tftp"]},
    {"name": "both", "address": "127.0.61.3"},
    {"name": "calls", "address": "127.0.61.4", "roles": ["callmanager"]},
]
TABLES: dict[str, Any] = {
    **FREE_PORTS,
    "nodes": NODES,
    "callmanager_groups": [
        {"name": "First", "members": ["calls", "both"]},
        {"name": "Second", "members": ["both"]},
    ],
    "date_time_groups": [
        {"name": "Oslo", "time_zone": "W. Europe", "date_template": "D.M.Y"}
    ],
    "device_pools": [
        {"name": "Default", "callmanager_group": "First", "default": True},
        {
            "name": "DP-Oslo",
            "callmanager_group": "Second",
            "date_time_group": "Oslo",
            "model": "8861",
        },
    ],
    "devices": [{"name": "SEP001122334455", "device_pool": "DP-Oslo"}],
}


def configured(**tables: object) -> ClusterConfig:
    return load_config(LAB, {**TABLES, **tables})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster.open(tmp_path / "data", configured())
    yield cluster
    cluster.close()


@pytest.fixture
async def served(cluster: Cluster, nursery: trio.Nursery) -> Serving:
    serving: Serving = await nursery.start(serve_nodes, cluster)
    return serving


async def test_only_nodes_with_callmanager_are_linked(served: Serving) -> None:
    assert served.listening
    links = set(re.findall(r'link_up{node="(\w+)",peer="(\w+)"}', exposition()))
    assert links == {("calls", "both"), ("both", "calls")}


async def test_services_follow_roles(cluster: Cluster, served: Serving) -> None:
    there = {
        node.name: {each.service for each in served.listening if each.node == node.name}
        for node in cluster.nodes
    }
    calls = {"sccp", "sccps", "sip", "sips", "link"}
    files = {"tftp", "http", "https"}
    assert there == {
        "pub": {"tvs", "capf"},
        "tftp1": {"tvs", *files},
        "both": {"tvs", *files, *calls},
        "calls": {"tvs", *calls},
    }


async def test_only_nodes_with_tftp_have_an_itl(
    cluster: Cluster, served: Serving
) -> None:
    assert served.listening
    have = [node.name for node in cluster.nodes if node.itl_file.exists()]
    assert have == ["tftp1", "both"]
    for node in cluster.nodes:
        if node.serves_tftp:
            itl = TrustList.decode(node.itl_file.read_bytes())
            tvs = [each.dns_name for each in itl.records if each.role == Role.TVS]
            assert tvs == ["pub", "tftp1", "both", "calls"]


async def test_what_is_not_activated_is_not_restarted(
    cluster: Cluster, served: Serving
) -> None:
    assert served.listening

    def restart() -> str:
        shell = AdminShell(cluster, "calls", assume_yes=True)
        return shell.run("utils service restart Cisco Tftp").error or ""

    assert "not activated on calls" in await trio.to_thread.run_sync(restart)


async def test_a_reset_itl_goes_to_nodes_with_tftp(
    cluster: Cluster, served: Serving
) -> None:
    assert served.listening
    run = functools.partial(
        AdminShell(cluster, "pub", assume_yes=True).run, "utils itl reset localkey"
    )
    result = await trio.to_thread.run_sync(run)
    assert result.error is None
    assert "Number of Active TFTP servers in the cluster : 2" in result.text
    assert "\ncalls\n" not in result.text


def functions(cluster: Cluster) -> dict[str, int]:
    with cluster.store.read() as connection:
        stored = newest_ctl(connection)
    assert stored is not None
    servers = {Role.TFTP, Role.CALLMANAGER, Role.CCM_TFTP}
    return {
        record.dns_name or "": record.role
        for record in TrustList.decode(stored.content).records
        if record.role in servers
    }


def test_the_ctls_functions_follow_roles(cluster: Cluster) -> None:
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    expected = {
        "tftp1": Role.TFTP,
        "both": Role.CCM_TFTP,
        "calls": Role.CALLMANAGER,
    }
    assert functions(cluster) == expected
    security.set_cluster_mode(cluster, SecurityMode.NON_SECURE, by="test")
    assert functions(cluster) == expected, "emptied records keep their functions"


def test_a_shared_certificate_does_what_all_its_nodes_do(tmp_path: Path) -> None:
    tables = {
        "cluster": {"version": "14"},
        "certificates": {"multi_server": ["CallManager"]},
    }
    cluster = Cluster.open(tmp_path / "data", configured(**tables))
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    assert functions(cluster) == {"pub": Role.CCM_TFTP}
    cluster.close()


def config_of(files: NodeFiles, device: str) -> PhoneConfig:
    found = files.find(f"{device}.cnf.xml")
    assert isinstance(found, bytes)
    return PhoneConfig.decode(found)


def test_without_capf_no_list_has_it(tmp_path: Path) -> None:
    nodes = [{**NODES[0], "roles": []}, *NODES[1:]]
    cluster = Cluster.open(tmp_path / "data", configured(nodes=nodes))
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    with cluster.store.read() as connection:
        stored = newest_ctl(connection)
    assert stored is not None
    roles = {each.role for each in TrustList.decode(stored.content).records}
    assert Role.CAPF not in roles
    files = NodeFiles(cluster, cluster.node("both"))
    assert config_of(files, "SEP001122334455").capf == ()
    cluster.close()


def test_phones_have_the_group_and_the_clock_of_their_pool(cluster: Cluster) -> None:
    files = NodeFiles(cluster, cluster.node("both"))
    config = config_of(files, "SEP001122334455")
    usual = config_of(files, "SEP0011223344AA")
    assert [each.name for each in config.callmanagers] == ["both"]
    assert (config.time_zone, config.date_template) == ("W. Europe", "D.M.Y")
    assert [each.name for each in usual.callmanagers] == ["calls", "both"]
    assert (usual.time_zone, usual.date_template) == ("UTC", "D/M/Y")


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"nodes": [*NODES[:3], {**NODES[3], "roles": ["capf"]}]}, "CAPF serves"),
        ({"nodes": [*NODES[:3], {**NODES[3], "roles": ["dhcp"]}]}, "dhcp"),
        ({"nodes": [NODES[0], NODES[3]]}, "no node has the role tftp"),
        ({"nodes": [NODES[0], NODES[1]]}, "no node has the role callmanager"),
        (
            {"callmanager_groups": [{"name": "First", "members": ["tftp1"]}]},
            "does not process calls",
        ),
        ({"date_time_groups": []}, "there is no group 'Oslo'"),
        ({"date_time_groups": [*TABLES["date_time_groups"] * 2]}, "2 entries"),
    ],
)
def test_what_contradicts_itself_is_refused(
    tables: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        configured(**tables)


def test_a_node_joins_with_a_role(cluster: Cluster) -> None:
    roles = frozenset({NodeRole.TFTP})
    node = add_node(cluster, "late", "127.0.61.9", roles=roles, by="test")
    assert node.roles == roles
    status, out, _ = run_cli(
        *("node", "add", "--data", str(cluster.data), "--role", "callmanager"),
        *("--json", "later", "127.0.61.10"),
    )
    assert status == 0
    assert '"roles": ["callmanager"]' in out


def test_the_last_node_with_tftp_stays(cluster: Cluster) -> None:
    remove_node(cluster, cluster.node("tftp1"), by="test")
    with pytest.raises(ServiceError, match="only node that serves TFTP"):
        remove_node(cluster, cluster.node("both"), by="test")


async def test_a_node_follows_what_is_activated_whoever_says_so(
    cluster: Cluster, served: Serving
) -> None:
    """As `apply` does: rows are changed, nodes are told, nobody orders a stop."""
    node = cluster.node("both")
    listening = served.listening
    deactivate(cluster, node, NodeRole.TFTP, by="test")
    await trio.to_thread.run_sync(announce, cluster)
    gone = {(each.node, each.service) for each in listening} - {
        (each.node, each.service) for each in served.listening
    }
    assert gone == {("both", "tftp"), ("both", "http"), ("both", "https")}
    assert served.health().verdict is Verdict.OK

    activate(cluster, node, NodeRole.TFTP, by="test")
    await trio.to_thread.run_sync(announce, cluster)
    assert served.listening == listening
    assert served.health().verdict is Verdict.OK


async def test_what_is_activated_and_cannot_start_leaves_the_node_running(
    cluster: Cluster, served: Serving
) -> None:
    node = cluster.node("both")
    deactivate(cluster, node, NodeRole.TFTP, by="test")
    await trio.to_thread.run_sync(announce, cluster)
    itl = node.tftp_folder / "ITLFile.tlv"
    itl.unlink()
    itl.mkdir()
    activate(cluster, node, NodeRole.TFTP, by="test")
    told = await trio.to_thread.run_sync(announce, cluster)
    assert [each.explain() for each in told] == [None] * 4
    assert ("both", "tftp") not in {(e.node, e.service) for e in served.listening}
    assert served.health().verdict is Verdict.DEGRADED
