"""The control socket: who may listen, what may be said, what comes back."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from tokenless.services.errors import ServiceError
from tokenless.services.node.control import server as control_server_module
from tokenless.services.node.control.client import NodeDownError, request
from tokenless.services.node.control.requests import (
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    Request,
    RestartService,
    Status,
    Sync,
    decode_answer,
    encode_request,
)
from tokenless.services.node.control.server import serve_control
from tokenless.services.node.control.unix_socket import (
    NodeServedError,
    connect,
    listen,
    serve_lock,
)

HOLD = """
import sys, time, pathlib
from tokenless.services.node.control.unix_socket import listen, serve_lock
path = pathlib.Path(sys.argv[1])
with serve_lock("lab-pub", path):
    server = listen(path)
    print("held", flush=True)
    time.sleep(60)
"""


async def answering(request: Request) -> Mapping[str, object]:
    match request:
        case Status():
            return {"pid": os.getpid()}
        case Sync(revision=revision):
            return {"revision": revision}
        case RestartService(service="Cisco Nothing"):
            raise ServiceError("no such service", hint="see utils service list")
        case _:
            raise ZeroDivisionError


@pytest.fixture
async def path(tmp_path: Path, nursery: trio.Nursery) -> Path:
    where = tmp_path / "control.sock"
    await nursery.start(serve_control, "lab-pub", where, answering)
    return where


async def ask(path: Path, what: Request) -> dict[str, object]:
    return await trio.to_thread.run_sync(lambda: request("lab-pub", path, what))


async def test_an_answer_comes_back(path: Path) -> None:
    assert await ask(path, Status()) == {"pid": os.getpid()}
    assert await ask(path, Sync(revision=7)) == {"revision": 7}


async def test_only_its_user_may_connect(path: Path) -> None:
    assert stat.S_IMODE((await trio.Path(path).stat()).st_mode) == 0o600


async def test_a_refusal_keeps_its_reason_and_hint(path: Path) -> None:
    with pytest.raises(ServiceError, match="no such service") as refused:
        await ask(path, RestartService(service="Cisco Nothing"))
    assert refused.value.hint == "see utils service list"


async def test_a_failing_request_does_not_end_the_server(path: Path) -> None:
    with pytest.raises(ServiceError, match="ZeroDivisionError"):
        await ask(path, RestartService(service="Cisco Tftp"))
    assert await ask(path, Status()) == {"pid": os.getpid()}


@pytest.mark.parametrize(
    "line",
    [
        b"{}\n",
        b"\xff\xfe\n",
        b'{"do":"format-disk"}\n',
        b'{"do":"sync","revision":"x"}\n',
        b'{"do":"sync","revision":1,"more":2}\n',
        b"[" * 4000 + b"\n",
        b"x" * (MAX_REQUEST_BYTES + 2048),
    ],
    ids=["empty", "not-text", "unknown", "type", "member", "deep", "endless"],
)
async def test_nonsense_is_refused(path: Path, line: bytes) -> None:
    def send() -> bytes:
        with connect(path, timeout_s=5) as client:
            client.sendall(line)
            return client.recv(4096)

    with pytest.raises(ServiceError):
        decode_answer(await trio.to_thread.run_sync(send))


def test_nobody_there_is_a_node_that_is_down(tmp_path: Path) -> None:
    with pytest.raises(NodeDownError, match="node lab-pub is down"):
        request("lab-pub", tmp_path / "control.sock", Status())


def test_a_path_longer_than_the_kernels_structure(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("deep" * 20)
    folder.mkdir(parents=True)
    with listen(folder / "control.sock") as server:
        assert (folder / "control.sock").is_socket()
        with connect(folder / "control.sock", timeout_s=5) as client:
            accepted, _ = server.accept()
            with accepted:
                client.sendall(b"x")
                assert accepted.recv(1) == b"x"


def test_a_live_server_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with (
        serve_lock("lab-pub", path),
        pytest.raises(NodeServedError) as refused,
        serve_lock("lab-pub", path),
    ):
        pass
    assert str(refused.value) == (
        f"node lab-pub is already served by process {os.getpid()}"
    )


def test_what_a_killed_server_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "held\n"
        with (
            pytest.raises(NodeServedError, match=f"process {killed.pid}"),
            serve_lock("lab-pub", path),
        ):
            pass
        killed.send_signal(signal.SIGKILL)
    assert path.is_socket()
    with pytest.raises(NodeDownError):
        request("lab-pub", path, Status())
    with serve_lock("lab-pub", path), listen(path) as server:
        assert server.family == socket.AF_UNIX
    assert not path.exists()


@contextmanager
def saying(path: Path, answer: bytes, *, stays: bool = True) -> Iterator[None]:
    """Accept one administrator, say something, and hang up; before him if told to."""
    with listen(path) as server:

        def answer_one() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1024)
                client.sendall(answer)
                if stays:
                    client.recv(1)

        thread = threading.Thread(target=answer_one)
        thread.start()
        yield
        thread.join()


def test_a_server_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    with (
        saying(tmp_path / "control.sock", b""),
        pytest.raises(ServiceError, match=r"did not answer within 0\.1 s") as info,
    ):
        request("lab-pub", tmp_path / "control.sock", Status(), timeout_s=0.1)
    assert not isinstance(info.value, NodeDownError)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"nonsense\n", "cannot be read"), (b"x" * (MAX_ANSWER_BYTES + 1), "too long")],
    ids=["nonsense", "endless"],
)
def test_an_answer_that_is_none(tmp_path: Path, answer: bytes, reason: str) -> None:
    path = tmp_path / "control.sock"
    with saying(path, answer), pytest.raises(ServiceError, match=reason):
        request("lab-pub", path, Status())


def test_a_server_that_dies_meanwhile_is_down(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with saying(path, b"half an ans", stays=False), pytest.raises(NodeDownError):
        request("lab-pub", path, Status())


async def test_an_administrator_who_leaves_early_disturbs_nobody(path: Path) -> None:
    def leave() -> None:
        with connect(path, timeout_s=5) as client:
            client.sendall(encode_request(Status()) * 500)

    await trio.to_thread.run_sync(leave)
    assert await ask(path, Status()) == {"pid": os.getpid()}


async def test_whoever_leaves_before_the_refusal_disturbs_nobody(path: Path) -> None:
    def leave() -> None:
        with connect(path, timeout_s=5) as client:
            client.sendall(b"x" * (MAX_REQUEST_BYTES + 1))

    await trio.to_thread.run_sync(leave)
    assert await ask(path, Status()) == {"pid": os.getpid()}


async def test_an_administrator_who_is_silent_is_sent_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server_module, "_IDLE_S", 0.05)

    def be_silent() -> bytes:
        with connect(path, timeout_s=5) as client:
            return client.recv(1)

    assert await trio.to_thread.run_sync(be_silent) == b""


def test_a_place_where_nothing_can_listen(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        listen(tmp_path / "absent" / "control.sock")
