"""The commands of docs/capf.md, as typed, beside a cluster that is served."""

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB
from tests.rigs.warm_start import run_warm
from tokenless.services.changes import security
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import RestartService
from tokenless.services.node.serve import Serving, serve_nodes

PAGE = (Path(__file__).parents[3] / "docs/capf.md").read_text()
BY_STRING, BOOT, TYPE_STRING, ENCRYPT = (
    "device set SEP001122334455 --capf install --auth string --string 471100",
    "phone boot --device SEP001122334455 --flash phone --tftp 127.0.47.155:6969",
    "phone capf --flash phone --string 471100 --tftp 127.0.47.155:6969",
    "device set SEP001122334455 --encrypted --encrypted-config --capf install",
)
SHOW = "phone show --flash phone"
Typed = Callable[[str], str]


MIXED = "admin --yes utils ctl set-cluster mixed-mode"


@pytest.mark.parametrize(
    "command", [MIXED, BY_STRING, BOOT, TYPE_STRING, SHOW, ENCRYPT]
)
def test_the_page_has_the_commands_that_are_tried(command: str) -> None:
    assert f"tokenless {command}" in PAGE


async def test_the_commands_of_the_page(
    lab: Cluster, nursery: trio.Nursery, tmp_path: Path
) -> None:
    lab.take_settings(load_config(LAB, FREE_PORTS))
    security.set_cluster_mode(lab, security.SecurityMode.MIXED, by="test")
    serving: Serving = await nursery.start(serve_nodes, lab)
    lab.record_ports(serving.ports)
    node = lab.publisher
    restart = RestartService(service="Cisco Tftp")
    await trio.to_thread.run_sync(
        lambda: request(node.name, node.control_socket, restart)
    )
    (where,) = [
        each
        for each in serving.listening
        if (each.service, each.node) == ("tftp", node.name)
    ]

    def typed(command: str) -> str:
        line = re.sub(r":6969", f":{where.port}", command)
        done = run_warm(
            shlex.split(line),
            cwd=tmp_path,
            env={**os.environ, "TOKENLESS_DATA": str(lab.data)},
        )
        return done.stdout + done.stderr

    async def type_it(command: str) -> str:
        return await trio.to_thread.run_sync(typed, command)

    assert "1 device changed" in await type_it(BY_STRING)
    assert "CAPF waits-for-string" in await type_it(BOOT)
    waiting = await type_it(SHOW)
    assert "LSC > Update   waits for the authentication string" in waiting
    assert "CAPF installed" in await type_it(TYPE_STRING)
    assert (tmp_path / "phone/lsc.pem").stat().st_mode & 0o777 == 0o600
    shown = await type_it("device show SEP001122334455")
    assert "Certificate Operation Status: Upgrade Success" in shown
    assert "1 device changed" in await type_it(ENCRYPT)
    again = await type_it(BOOT)
    assert "SEP001122334455 (7975): " in again
    installed = await type_it(SHOW)
    assert re.search(r"│ Security Mode  Encrypted +│", installed)
    assert re.search(r"│ LSC            Installed +│", installed)
    assert re.search(r"  by CAPF-[0-9a-f]{8}, (until|expired) 20", installed)
    assert "decrypted" in await type_it("phone log --flash phone")
    replayed = await type_it("phone replay phone/last-boot.jsonl")
    assert "opening-configuration" in replayed
    assert "differs" not in replayed
