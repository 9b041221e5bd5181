"""Files over HTTP and HTTPS: what is answered, how, and what hostile clients get."""

import errno
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from structlog.testing import capture_logs

from tests.rigs.any_server import any_server
from tests.rigs.tvs_rig import own_certificate
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.http.counters import HttpCount
from tokenless.services.http.server import HttpServer
from tokenless.services.http.settings import HttpSettings
from tokenless.services.stream_server.counters import FIRST_GUEST_CELL
from tokenless.services.stream_server.settings import StreamLimits
from tokenless.services.tftp.files.source import Content, UnpreparedFile
from tokenless.services.tftp.files.static_files import StaticFiles

CONFIG = b"<device/>" * 500
FIRMWARE = bytes(range(256)) * 12_000
Result = TypeVar("Result")


class Files:
    """Files in memory, on a disk and to be made, and some that fail."""

    def __init__(self, folder: Path) -> None:
        self._static = StaticFiles(folder)
        self.signed: dict[str, bytes] = {}
        self.threads: set[str] = set()

    def find(self, name: str) -> Content:
        match name:
            case "SEP001122334455.cnf.xml":
                return CONFIG
            case "broken":
                raise KeyError("pool")
            case _ if name in self.signed:
                return self.signed[name]
            case _ if name.endswith(".sgn"):
                return UnpreparedFile(
                    partial(self._sign, name), partial(self._keep, name)
                )
            case _ if name.endswith(".tlv"):
                raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
            case _:
                return self._static.find(name)

    def _sign(self, name: str) -> bytes:
        self.threads.add(threading.current_thread().name)
        if name.startswith("unsignable"):
            raise OverflowError("negative")
        return b"signed:" + name.encode()

    def _keep(self, name: str, made: bytes) -> bytes:
        return self.signed.setdefault(name, made)


@dataclass
class Lab:
    """A server with its files."""

    server: HttpServer
    files: Files
    folder: Path
    settings: HttpSettings

    @property
    def http(self) -> tuple[str, int]:
        return self.server.addresses["http"]

    @property
    def https(self) -> tuple[str, int]:
        return self.server.addresses["https"]

    def count(self, count: HttpCount) -> int:
        return self.server.counters[FIRST_GUEST_CELL + count]


@pytest.fixture
async def lab(tmp_path: Path, nursery: trio.Nursery) -> Lab:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "firmware.sbn").write_bytes(FIRMWARE)
    (folder / "empty").write_bytes(b"")
    settings = HttpSettings(
        (own_certificate(tmp_path),),
        port=0,
        tls_port=0,
        limits=StreamLimits(request_s=2.0, idle_s=2.0, first_byte_s=2.0),
        node="pub",
    )
    files = Files(folder)
    server = HttpServer(files, settings)
    await nursery.start(server.serve)
    return Lab(server, files, folder, settings)


async def off(work: Callable[[], Result]) -> Result:
    """Do something in a thread, so that the server goes on."""
    return await trio.to_thread.run_sync(work)


def get(
    where: tuple[str, int],
    path: str,
    method: str = "GET",
    connection: http.client.HTTPConnection | None = None,
    **headers: str,
) -> tuple[int, bytes, dict[str, str]]:
    link = connection or http.client.HTTPConnection(*where, timeout=10)
    link.request(method, path, headers=headers)
    response = link.getresponse()
    body = response.read()
    found = response.status, body, {k.lower(): v for k, v in response.getheaders()}
    if connection is None:
        link.close()
    return found


def raw(
    where: tuple[str, int], *pieces: bytes, pause_s: float = 0.0, tls: bool = False
) -> bytes:
    with ExitStack() as stack:
        link = stack.enter_context(socket.create_connection(where, 10))
        if tls:
            link = stack.enter_context(any_server().wrap_socket(link))
        answer = b""
        with suppress(ConnectionResetError, BrokenPipeError):
            for piece in pieces:
                link.sendall(piece)
                time.sleep(pause_s)
        with suppress(ConnectionResetError):
            while data := link.recv(65_536):
                answer += data
        return answer


async def test_files_from_memory_and_disk(lab: Lab) -> None:
    status, body, headers = await off(
        partial(get, lab.http, "/SEP001122334455.cnf.xml")
    )
    assert (status, body) == (200, CONFIG)
    assert headers == {
        "content-length": str(len(CONFIG)),
        "cache-control": "no-store",
        "content-type": "*/*",
    }
    assert (await off(partial(get, lab.http, "/firmware.sbn")))[1] == FIRMWARE
    assert (await off(partial(get, lab.http, "//empty")))[:2] == (200, b"")
    assert lab.count(HttpCount.FILES) == 3
    assert lab.count(HttpCount.BYTES) == len(CONFIG) + len(FIRMWARE)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/absent.xml", 404),
        ("/CTLSEP001122334455.tlv", 503),
        ("/CTLFile.tlv", 503),
        ("/ITLFile.tlv", 404),
        ("/../../etc/passwd", 403),
        ("/%2e%2e/%2e%2e/etc/passwd", 403),
        ("/a%5c..%5cb", 403),
        ("/%2e", 404),
        ("/", 404),
        ("/broken", 500),
        ("/unsignable.sgn", 500),
    ],
)
async def test_what_is_not_served(lab: Lab, path: str, status: int) -> None:
    assert (await off(partial(get, lab.http, path)))[:2] == (status, b"")
    assert (await off(partial(get, lab.http, "/firmware.sbn")))[1] == FIRMWARE


async def test_the_status_of_a_missing_ctl_is_a_setting(lab: Lab) -> None:
    before = lab.server.addresses
    changed = replace(
        lab.settings, missing_ctl=HTTPStatus.NOT_FOUND, port=1, tls_port=1
    )
    lab.server.reload(changed)
    assert lab.server.addresses == before
    for name in ("/CTLFile.tlv", "/CTLSEP001122334455.tlv", "/absent.xml"):
        assert (await off(partial(get, lab.http, name)))[:2] == (404, b"")


async def test_limits_change_while_it_serves(lab: Lab) -> None:
    lab.server.reload(replace(lab.settings, limits=StreamLimits(idle_s=0.2)))
    assert await off(partial(raw, lab.http, b"GET /empty HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert lab.server.counters.refusals["idle"] == 1


async def test_heads_and_ranges_on_one_connection(lab: Lab) -> None:
    def ask() -> None:
        link = http.client.HTTPConnection(*lab.http, timeout=10)
        ask_one = partial(get, lab.http, "/firmware.sbn", connection=link)
        status, body, headers = ask_one(method="HEAD")
        assert (status, body) == (200, b"")
        assert headers["content-length"] == str(len(FIRMWARE))
        # RFC 9110, 14.2: ranges are of GET alone; without dates nothing is unchanged.
        assert ask_one(method="HEAD", Range="bytes=0-9")[0] == 200
        link.request("GET", "/firmware.sbn", headers=UNCHANGED)
        assert link.getresponse().read() == FIRMWARE
        status, body, headers = ask_one(Range="bytes=100-100099")
        assert (status, body) == (206, FIRMWARE[100:100_100])
        assert headers["content-range"] == f"bytes 100-100099/{len(FIRMWARE)}"
        assert ask_one(Range="bytes=-5")[:2] == (206, FIRMWARE[-5:])
        status, _, headers = ask_one(Range=f"bytes={len(FIRMWARE)}-")
        assert (status, headers["content-range"]) == (416, f"bytes */{len(FIRMWARE)}")
        assert ask_one()[:2] == (200, FIRMWARE)
        link.close()

    await off(ask)
    assert lab.server.counters[0] == 1  # one connection was accepted


async def test_the_bytes_of_a_range_are_counted(lab: Lab) -> None:
    with capture_logs() as told:
        await off(partial(get, lab.http, "/firmware.sbn", Range="bytes=1000-1009"))
    assert lab.count(HttpCount.BYTES) == 10
    assert [e["bytes"] for e in told if e["event"] == "http transfer"] == [10]


async def test_files_that_have_to_be_signed_are_signed_by_a_thread(lab: Lab) -> None:
    for _ in range(2):
        status, body, _ = await off(partial(get, lab.http, "/a.xml.sgn"))
        assert (status, body) == (200, b"signed:a.xml.sgn")
    assert lab.files.threads == {"tftp background"}


async def test_requests_sent_ahead_are_answered_in_order(lab: Lab) -> None:
    ask = b"GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
    close = b"Connection: close\r\n"
    pieces = (ask % (b"a.sgn", b"") + ask % (b"absent", b"") + ask % (b"b.sgn", close),)
    answer = await off(partial(raw, lab.http, *pieces))
    heads = [part.split(b"\r\n")[0] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert heads == [b"200 OK", b"404 Not Found", b"200 OK"]
    assert answer.endswith(b"signed:b.sgn")


async def test_over_tls_a_signed_name_gives_the_plain_file(lab: Lab) -> None:
    def ask() -> tuple[int, bytes]:
        context = any_server()
        link = http.client.HTTPSConnection(*lab.https, timeout=10, context=context)
        link.request("GET", "/firmware.sbn")
        assert link.getresponse().read() == FIRMWARE
        link.request("GET", "/SEP001122334455.cnf.xml.sgn")
        response = link.getresponse()
        found = response.status, response.read()
        link.close()
        return found

    assert await off(ask) == (200, CONFIG)


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EOPNOTSUPP])
async def test_what_a_disk_has_is_read_by_a_thread(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def preadv(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "preadv", preadv)
    assert (await off(partial(get, lab.http, "/firmware.sbn")))[1] == FIRMWARE


async def test_a_file_that_changes_meanwhile_is_not_sent_to_its_end(lab: Lab) -> None:
    path = lab.folder / "load"
    with path.open("wb") as file:
        file.truncate(40_000_000)

    def ask() -> bytes:
        with socket.create_connection(lab.http, 10) as link:
            link.sendall(b"GET /load HTTP/1.1\r\nHost: x\r\n\r\n")
            got = link.recv(1000)
            with path.open("r+b") as file:
                file.write(b"other")
            os.utime(path, ns=(1, 1))
            while data := link.recv(1_000_000):
                got += data
            return got

    answer = await off(ask)
    assert b"Content-length: 40000000" in answer
    assert len(answer.partition(b"\r\n\r\n")[2]) < 40_000_000


UNCHANGED = {"If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT"}
HOSTILE = {
    "smuggled": b"GET /f HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /g HTTP/1.1\r\nHost: x\r\n\r\n",
    "body": b"GET /f HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
    b"GET /g HTTP/1.1\r\nHost: x\r\n\r\n",
    "post": b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "two-lengths": b"GET /f HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
    b"Content-Length: 5\r\n\r\nGET /",
    "a-space-before-the-colon": b"GET /f HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a-return-within": b"GET /f HTTP/1.1\r\nHost: x\rX: Content-Length: 9\r\n\r\n",
    "a-length-of-sorts": b"GET /f HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n",
    "two-hosts": b"GET /f HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a-name-split": b"GET /f\x00.xml HTTP/1.1\r\nHost: x\r\n\r\n",
    "head": b"GET /f HTTP/1.1\r\nX: " + b"y" * 20_000,
    "line": b"GET /" + b"y" * 20_000,
}


@pytest.mark.parametrize("port", ["http", "https"])
@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_requests_get_one_refusal(lab: Lab, kind: str, port: str) -> None:
    tls = port == "https"
    where = lab.server.addresses[port]
    answer = await off(partial(raw, where, HOSTILE[kind], tls=tls))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.split(b" ")[1] in {b"400", b"405", b"431"}
    assert b"Connection: close" in answer
    assert (await off(partial(get, lab.http, "/firmware.sbn")))[1] == FIRMWARE


async def test_slow_heads_and_silent_clients_are_ended(lab: Lab) -> None:
    dribble = (bytes((byte,)) for byte in b"GET /f HTTP/1.1\r\nHost: xxxxxxxxxxxx")
    answer = await off(partial(raw, lab.http, *dribble, pause_s=0.08))
    assert answer == b""
    assert await off(partial(raw, lab.http)) == b""
    refusals = lab.server.counters.refusals
    assert refusals["request-timeout"] + refusals["no-first-byte"] == 2
