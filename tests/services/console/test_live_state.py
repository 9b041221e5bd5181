"""What open pages hear of by themselves."""

from typing import Any

import pytest
import trio

from tests.rigs.console_rig import add_users, console_of
from tokenless.services.cluster.cluster import Cluster

NEW = {"name": "Cisco Tftp", "state": "STARTED", "activated": True}


async def test_pages_hear_of_a_restart_between_two_looks(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen the service stopped; but its Start Time is another one."""
    started = [5.0]

    def status(*_: object, **__: object) -> dict[str, Any]:
        return {"services": [{**NEW, "started_at": started[0]}]}

    monkeypatch.setattr("tokenless.services.console.live.request", status)
    add_users(lab)
    numbers = []
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        with trio.fail_after(60):
            async with alice.client.stream("GET", "/live") as stream:
                async for line in stream.aiter_lines():
                    _, is_data, number = line.partition("data: ")
                    numbers += [number] if is_data else []
                    if number == "1":
                        started[0] = 6.0
                    elif number == "2":
                        await alice.post("/sign-out")
                        started[0] = 7.0
    assert numbers == ["0", "1", "2"]


async def test_a_server_of_an_earlier_version_is_shown_by_what_it_says(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade a console may be started before the servers are."""
    service = {"name": "Cisco Tftp", "state": "STARTED", "listens": ["here:69"]}

    def status(*_: object, **__: object) -> dict[str, Any]:
        return {"services": [service]}

    for module in ("live", "nodes"):
        monkeypatch.setattr(f"tokenless.services.console.{module}.request", status)
    add_users(lab)
    numbers = []
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        with trio.fail_after(60):
            async with alice.client.stream("GET", "/live") as stream:
                async for line in stream.aiter_lines():
                    _, is_data, number = line.partition("data: ")
                    numbers += [number] if is_data else []
                    if number == "1":
                        await alice.post("/sign-out")
                        service["state"] = "STOPPED"
        alice = await console.signed_in("alice")
        page = (await alice.get("/ccmservice/control-center")).text
    assert numbers == ["0", "1"]
    cells = page.partition("<td>Cisco Tftp</td>")[2].partition("<td>here:69</td>")[0]
    assert cells.endswith("<td>-</td><td>-</td><td>-</td>")
