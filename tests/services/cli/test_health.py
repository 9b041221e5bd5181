"""`tokenless health`: what it makes of the answers of nodes' servers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner, Result

from tokenless.services.cli.cluster.health import health
from tokenless.services.errors import ServiceError
from tokenless.services.monitoring.health import NodeHealth, ServiceState, judge
from tokenless.services.node.control.requests import Request
from tokenless.services.node.control.server import serve_control

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


def state_of(
    node: str, state: ServiceState, stale_for_s: float | None = None
) -> NodeHealth:
    return judge(
        node,
        {"Cisco Tftp": state},
        revision=7,
        stale_for_s=stale_for_s,
        reason=None if stale_for_s is None else "the database is away",
        now=NOW,
    )


async def asked(
    data: Path, nursery: trio.Nursery, answers: Mapping[str, object], *words: str
) -> Result:
    """Serve nodes that answer so, and ask them."""

    async def answer(node: str, _: Request) -> Mapping[str, object]:
        return {"health": msgspec.to_builtins(answers[node])}

    for node in answers:
        folder = data / "nodes" / node
        folder.mkdir(parents=True)
        await nursery.start(
            serve_control, node, folder / "control.sock", partial(answer, node)
        )
    return await invoked(data, *words)


async def invoked(data: Path, *words: str) -> Result:
    command = partial(CliRunner().invoke, health, ["--data", str(data), *words])
    return await trio.to_thread.run_sync(command)


async def test_who_serves_phones_is_well_enough(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    answers = {
        "pub": state_of("pub", ServiceState.STARTED),
        "sub": state_of("sub", ServiceState.STOPPED, stale_for_s=65.0),
    }
    found = await asked(tmp_path, nursery, answers)
    assert found.exit_code == 0
    assert found.output == (
        "pub: ok, revision 7; Cisco Tftp STARTED\n"
        "sub: degraded, revision 7; Cisco Tftp STOPPED; caches stale since "
        "2026-01-02T03:03:00+00:00: the database is away\n"
    )
    ready = await invoked(tmp_path, "--ready")
    assert (ready.exit_code, ready.output) == (1, found.output)
    assert str(ready.exception) == "degraded: sub; ok: pub"
    assert (await invoked(tmp_path, "--ready", "--node", "pub")).exit_code == 0


async def test_a_line_says_what_the_database_does_not_take_and_a_newer_schema(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    well = state_of("pub", ServiceState.STARTED)
    unwritten = {"registrations": "a full disk"}
    answer = msgspec.structs.replace(
        well, unwritten=unwritten, newer_schema="it has schema 0099; upgrade"
    )
    found = await asked(tmp_path, nursery, {"pub": answer})
    assert found.output == (
        "pub: ok, revision 7; Cisco Tftp STARTED; it has schema 0099; upgrade; "
        "the database does not have its registrations: a full disk\n"
    )


async def test_a_service_that_fell_is_exit_status_1(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    answers = {
        "pub": state_of("pub", ServiceState.STARTED),
        "sub": state_of("sub", ServiceState.FAILED),
    }
    found = await asked(tmp_path, nursery, answers, "--json")
    assert found.exit_code == 1
    told = msgspec.json.decode(found.output)
    assert (told["verdict"], len(told["nodes"])) == ("failing", 2)
    assert isinstance(found.exception, ServiceError)
    assert str(found.exception) == "failing: sub; ok: pub"
    assert "look at the log" in found.exception.explain()


async def test_a_node_that_is_down_does_not_hide_the_others(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    answers = {"pub": state_of("pub", ServiceState.STARTED)}
    found = await asked(tmp_path, nursery, answers, "--node", "pub", "--node", "sub")
    assert found.exit_code == 1
    assert found.output == (
        "pub: ok, revision 7; Cisco Tftp STARTED\nsub: failing: node sub is down\n"
    )
    assert str(found.exception) == "failing: sub; ok: pub"


async def test_a_node_that_was_stopped_is_named_as_not_asked(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """It has no socket any more; of a node that another host has no word is said."""
    for name in ("elsewhere", "sub"):
        (tmp_path / "nodes" / name / "keys").mkdir(parents=True)
    (tmp_path / "nodes" / "elsewhere" / "elsewhere").touch()
    answers = {"pub": state_of("pub", ServiceState.STARTED)}
    found = await asked(tmp_path, nursery, answers)
    assert (found.exit_code, found.output) == (
        0,
        "pub: ok, revision 7; Cisco Tftp STARTED\nsub: not asked: it is not served\n",
    )
    told = msgspec.json.decode((await invoked(tmp_path, "--json")).output)
    assert (told["verdict"], told["not_asked"]) == ("ok", ["sub"])
    alone = await invoked(tmp_path, "--json", "--node", "pub")
    assert msgspec.json.decode(alone.output)["not_asked"] == []


async def test_nodes_that_are_all_down_are_all_named(tmp_path: Path) -> None:
    found = await invoked(tmp_path, "--node", "pub", "--node", "sub", "--json")
    assert found.exit_code == 1
    told = msgspec.json.decode(found.output)
    assert [node["reason"] for node in told["nodes"]] == [
        "node pub is down",
        "node sub is down",
    ]
    assert str(found.exception) == "failing: pub, sub"


async def test_json_is_printed_also_where_no_node_is_served(tmp_path: Path) -> None:
    (tmp_path / "nodes" / "pub" / "keys").mkdir(parents=True)
    found = await invoked(tmp_path, "--json")
    assert found.exit_code == 1
    told = msgspec.json.decode(found.output)
    assert told == {"verdict": "failing", "nodes": [], "not_asked": ["pub"]}
    assert str(found.exception) == f"no node of {tmp_path} is being served"

    (tmp_path / "empty").mkdir()
    found = await invoked(tmp_path / "empty", "--json")
    assert (found.exit_code, found.output.count('"not_asked": []')) == (1, 1)

    found = await invoked(tmp_path, "--json", "--node", "pub")
    assert found.exit_code == 1
    told = msgspec.json.decode(found.output)
    assert [each["reason"] for each in told["nodes"]] == ["node pub is down"]
    assert str(found.exception) == "node pub is down"


async def test_one_node_alone_can_be_asked(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    answers = {
        "pub": state_of("pub", ServiceState.STARTED),
        "sub": state_of("sub", ServiceState.FAILED),
    }
    found = await asked(tmp_path, nursery, answers, "--node", "pub")
    assert (found.exit_code, found.output.count("\n")) == (0, 1)


@pytest.mark.parametrize("answer", [None, {"verdict": "splendid"}])
async def test_a_server_of_another_version(
    tmp_path: Path, nursery: trio.Nursery, answer: object
) -> None:
    found = await asked(tmp_path, nursery, {"pub": answer})
    assert found.exit_code == 1
    assert isinstance(found.exception, ServiceError)
    assert "restart its `tokenless serve`" in found.exception.explain()


@pytest.mark.parametrize("name", ["..", "../pub", "a/b", "pub/"])
async def test_a_name_that_is_no_folder(tmp_path: Path, name: str) -> None:
    found = await invoked(tmp_path, "--node", name)
    assert found.exit_code == 2
    assert f"{name!r} is not a valid node name" in found.output


async def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    found = await invoked(tmp_path / "nowhere")
    assert "nowhere does not exist" in str(found.exception)
