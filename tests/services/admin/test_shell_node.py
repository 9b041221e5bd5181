"""What the shell asks of the process that serves its node."""

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB
from tests.services.admin.lines import MIXED, PUBLISHER, SUBSCRIBER, done, refusal
from tokenless.services.admin import session
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import Status
from tokenless.services.node.serve import serve_nodes


@pytest.fixture
async def served(lab: Cluster, nursery: trio.Nursery) -> Cluster:
    """Serve the publisher alone, on free ports."""
    lab.take_settings(load_config(LAB, FREE_PORTS))
    await nursery.start(serve_nodes, lab, [PUBLISHER])
    return lab


async def typed(shell: AdminShell, line: str) -> str:
    return done(await trio.to_thread.run_sync(shell.run, line))


async def test_services_stop_start_and_restart(served: Cluster) -> None:
    shell = AdminShell(served, PUBLISHER, assume_yes=True)
    listed = (await typed(shell, "utils service list")).splitlines()
    assert listed[0] == "Requesting service status, please wait..."
    assert {line.partition("[")[0] for line in listed[1:]} == {
        "Cisco CallManager",
        "Cisco Certificate Authority Proxy Function",
        "Cisco Tftp",
        "Cisco Trust Verification Service",
    }
    assert await typed(shell, "utils service stop cisco tftp") == (
        "Service Manager is running\nCisco Tftp[STOPPING]\nCisco Tftp[STOPPED]\n"
    )
    assert "Cisco Tftp[STOPPED]" in await typed(shell, "utils service list")
    assert await typed(shell, "utils service start Cisco Tftp") == (
        "Service Manager is running\nCisco Tftp[STARTING]\nCisco Tftp[STARTED]\n"
    )
    assert await typed(shell, "utils service restart Cisco Tftp") == (
        "Service Manager is running\nCisco Tftp[STOPPING]\nCisco Tftp[STARTING]\n"
        "Cisco Tftp[STARTED]\n"
    )


async def test_services_are_activated_and_deactivated(served: Cluster) -> None:
    shell = AdminShell(served, PUBLISHER, assume_yes=True)
    said = await typed(shell, "utils service deactivate Cisco Tftp")
    assert "Cisco Tftp[STOPPED]" in said
    assert "utils ctl update CTLFile" in said
    assert not served.publisher.serves_tftp
    running = f'running{{node="{PUBLISHER}",service="Cisco Tftp"}}'
    assert running not in await typed(shell, "show metrics")
    node = served.publisher
    status = await trio.to_thread.run_sync(
        request, node.name, node.control_socket, Status()
    )
    assert status["health"]["verdict"] == "ok"  # it is as the administrator wants it
    assert "Cisco Tftp" not in status["health"]["services"]
    result = await trio.to_thread.run_sync(shell.run, "utils service start Cisco Tftp")
    assert "is not activated on" in refusal(result)
    said = await typed(shell, "utils service activate Cisco Tftp")
    assert "Cisco Tftp[STARTED]" in said
    assert f"{running} 1.0" in await typed(shell, "show metrics")
    assert served.publisher.serves_tftp


async def test_what_tvs_answers_for_and_what_is_counted(served: Cluster) -> None:
    shell = AdminShell(served, PUBLISHER, assume_yes=True)
    cache = await typed(shell, "show tvs cache")
    assert cache.splitlines()[0].split() == ["Cache", "Roles", "Unique", "Key"]
    assert {row.split()[0] for row in cache.splitlines()[2:-2]} == {"DB"}
    assert cache.splitlines()[-1] == "11 certificates"
    assert await typed(shell, MIXED)
    rows = (await typed(shell, "show tvs cache")).splitlines()[2:-2]
    assert {row.split()[0] for row in rows} == {"DB", "CTL"}
    metrics = await typed(shell, "show metrics")
    assert f'tokenless_revision{{node="{PUBLISHER}"}}' in metrics


async def test_who_is_down_takes_the_file_later(served: Cluster) -> None:
    shell = AdminShell(served, PUBLISHER, assume_yes=True)
    text = await typed(shell, MIXED)
    assert f"node {SUBSCRIBER} is down; it gets the new file when it starts" in text
    assert served.publisher.ctl_file.exists()
    assert not served.node(SUBSCRIBER).ctl_file.exists()


def test_a_node_that_does_not_answer_is_not_called_down(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its service may go on, although it has been deactivated."""

    def ask(*_: object) -> None:
        raise ServiceError(f"node {PUBLISHER} did not answer within 30 s", hint="")

    monkeypatch.setattr(session, "ask", ask)
    shell = AdminShell(lab, PUBLISHER, assume_yes=True)
    said = refusal(shell.run("utils service deactivate Cisco Tftp"))
    assert "did not answer" in said
