"""A phone's web pages, and files over HTTP, over real sockets."""

import http.client
import json
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
import trio

from tests.rigs.cluster import DEVICE, Lab
from tests.rigs.live import live_node
from tests.rigs.phone_bench import nodes_of, phone
from tests.rigs.run_cli import run_cli
from tests.rigs.warm_start import WarmPopen
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.http_client import HttpClient, NotByHttpError
from tokenless.phone_emulator.phone import Phone, http_at, open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.phone_emulator.web.http_server import Page, Site, serve_site
from tokenless.phone_emulator.web.pages import PhoneSite
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.trust.anchors import FileKind

MIXED = Lab(mixed=True)
PATIENCE_S = 60.0


@pytest.fixture(params=["7975", "8861"])
def flash(request: pytest.FixtureRequest, tmp_path: Path) -> FolderFlash:
    made = FolderFlash.create(tmp_path / "flash", DEVICE, request.param)
    bench = phone(nodes_of(MIXED))
    bench.boot()
    for kind, data in (
        (FileKind.CTL, bench.contents.ctl),
        (FileKind.ITL, bench.contents.itl),
        (FileKind.CONFIGURATION, bench.contents.configuration),
    ):
        assert data
        made.replace(kind, data)
    made.append_log(["0001: NOT 22:13:20.000000 SECD: <b>bold</b>"])
    state = made.known_state()
    lines = ("10:13:20p <i>ITL installed</i>",)
    made.save_state(msgspec.structs.replace(state, status_lines=lines))
    return made


def get(site: PhoneSite, target: str) -> str:
    page = site(target)
    assert page is not None
    return page.body.decode()


@pytest.mark.parametrize(
    ("adapter", "expected"),
    [
        ("device.statistics.device", DEVICE),
        ("device.statistics.configuration", "127.0.47.155:2445"),
        ("device.statistics.port.network", "TVS queries"),
        ("device.statistics.statusmessages", "&lt;i&gt;ITL installed&lt;/i&gt;"),
        ("device.statistics.consolelog", "href="),
        ("statusmessages", "ITL installed"),
        ("device.statistics.statusmessage", "ITL installed"),
        ("device.settings.status.messages", "ITL installed"),
        ("device.statistics.consolelog&Number=0", "href="),
    ],
)
def test_pages(flash: FolderFlash, adapter: str, expected: str) -> None:
    target = f"/CGI/Java/Serviceability?adapter={adapter}"
    page = get(PhoneSite(flash), target)
    assert expected in page
    assert "<i>ITL" not in page


def test_rows_are_marked_up_as_scrapers_expect(flash: FolderFlash) -> None:
    """A label in bold, a cell of 20 pixels, the value in bold; letters count."""
    page = get(PhoneSite(flash), "/CGI/Java/Serviceability?adapter=device")
    found = re.findall(
        r"<TD><B> ?([^<]+)</B></TD>\W?<td width=20></TD>\W?<TD><B>([^<]+)</B></TD>",
        page,
    )
    assert dict(found)["Host Name"] == DEVICE
    assert dict(found)["Version"] == PHONE_MODELS[flash.known_state().model].load


class _Scraper(HTMLParser):
    """What public inventory tools do: rows of tables inside a DIV, cell by cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self._inside = {"div": 0, "tr": 0, "td": 0}

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        if tag in self._inside:
            self._inside[tag] += 1
        if tag == "td" and self._inside["div"]:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            self._inside[tag] -= 1

    def handle_data(self, data: str) -> None:
        if self.cells and self._inside["div"] and self._inside["td"]:
            self.cells[-1] += data


def test_scrapers_find_that_a_trust_list_update_failed(flash: FolderFlash) -> None:
    state = flash.known_state()
    lines = (*state.status_lines, "10:13:20p Trust List update failed")
    flash.save_state(msgspec.structs.replace(state, status_lines=lines))
    target = "/CGI/Java/Serviceability?adapter=device.statistics.statusmessages"
    page = get(PhoneSite(flash), target)
    scraper = _Scraper()
    scraper.feed(page)
    ends = [cell.strip().lower() for cell in scraper.cells]
    assert any(each.endswith("trust list update failed") for each in ends)
    assert re.search(r'<td VALIGN=top><DIV ALIGN=center>\n<TABLE BORDER="0"', page)


def test_the_network_page_has_the_lists(flash: FolderFlash) -> None:
    target = "/CGI/Java/Serviceability?adapter=device.statistics.configuration"
    page = get(PhoneSite(flash), target)
    assert "<TD><B> ITL file</B></TD>" in page
    assert "<TD><B> CTL file</B></TD>" in page


def test_the_log_of_each_form(flash: FolderFlash) -> None:
    old = flash.known_state().model == "7975"
    site = PhoneSite(flash)
    here, there = "/FS/cache/log0.log", "/FS/messages"
    if not old:
        here, there = there, here
    assert "SECD" in get(site, here)
    assert site(there) is None


def test_the_checksum_of_the_model_is_on_the_device_page(flash: FolderFlash) -> None:
    page = get(PhoneSite(flash), "/")
    ctl = flash.load().ctl
    assert ctl
    from tokenless.protocol.files.trust_list import TrustList  # noqa: PLC0415

    decoded = TrustList.decode(ctl)
    old = flash.known_state().model == "7975"
    assert (decoded.md5 if old else decoded.sha1) in page


def test_device_information_is_xml(flash: FolderFlash) -> None:
    root = ET.fromstring(  # noqa: S314 - our own
        get(PhoneSite(flash), "/DeviceInformationX")
    )
    assert root.findtext("HostName") == DEVICE


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "/FS/../phone.json", "/CGI/Java/Serviceability", "//[x"]
)
def test_what_is_not_there(flash: FolderFlash, target: str) -> None:
    assert PhoneSite(flash)(target) is None


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[Server]:
    async with trio.open_nursery() as nursery:
        serve = partial(serve_site, site, address="127.0.0.1", port=0)
        yield Server(*await nursery.start(serve))
        nursery.cancel_scope.cancel()


def hello(target: str) -> Page | None:
    return Page(b"hello " + target.encode()) if target.startswith("/hello") else None


async def say(where: Server, data: bytes) -> bytes:
    stream = await trio.open_tcp_stream(where.address, where.port)
    async with stream:
        await stream.send_all(data)
        answer = b""
        while more := await stream.receive_some(65_536):
            answer += more
    return answer


async def test_a_page_of_an_erased_flash_ends_no_server(flash: FolderFlash) -> None:
    async with serving(PhoneSite(flash)) as where:
        (flash.folder / "phone.json").unlink()
        for _ in range(2):
            answer = await say(where, b"GET / HTTP/1.1\r\nHost: phone\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /hello?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.OK),
        (b"HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.OK),
        (b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.NOT_FOUND),
        (b"POST /hello HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.METHOD_NOT_ALLOWED),
        (b"GET /hello\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"\xff\xfe\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (
            b"GET /" + b"a" * 8300 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            HTTPStatus.BAD_REQUEST,
        ),
    ],
)
async def test_requests(request_bytes: bytes, status: HTTPStatus) -> None:
    async with serving(hello) as where:
        answer = await say(where, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status.value)
    has_body = answer.endswith(b"hello /hello?x=1")
    assert has_body is request_bytes.startswith(b"GET /hello?")


def test_the_command(flash: FolderFlash) -> None:
    words = ("phone", "web", "--flash", str(flash.folder))
    child = WarmPopen(words, stdout=subprocess.PIPE)
    with child:
        assert child.stdout
        ready = json.loads(child.stdout.readline())
        connection = http.client.HTTPConnection(ready["address"], ready["port"])
        connection.request("GET", "/DeviceInformationX")
        assert DEVICE.encode() in connection.getresponse().read()
        used = run_cli(*words, "--port", str(ready["port"]))
        assert used[0] == 1
        assert "cannot listen" in used[2]
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0


FILES = {"/CTL.tlv": b"list" * 3000, "/empty": b"", "/large": bytes(10_001)}


def files(target: str) -> Page | None:
    data = FILES.get(target)
    return None if data is None else Page(data, "*/*")


async def by_http(where: Server, name: str) -> bytes:
    async with HttpClient(timeout_s=PATIENCE_S) as client:
        return await client.fetch(where, name, max_bytes=20_000)


async def test_files_over_http() -> None:
    async with serving(files) as where:
        assert await by_http(where, "CTL.tlv") == FILES["/CTL.tlv"]
        assert await by_http(where, "empty") == b""
        with pytest.raises(NotByHttpError, match="404"):
            await by_http(where, "missing")
        async with HttpClient(timeout_s=PATIENCE_S) as client:
            with pytest.raises(NotByHttpError, match="too large"):
                await client.fetch(where, "large", max_bytes=10_000)
            just = await client.fetch(where, "large", max_bytes=10_001)
        assert just == FILES["/large"], "the limit is the same by TFTP"
    with pytest.raises(NotByHttpError, match="Connection refused"):
        await by_http(where, "CTL.tlv")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"220 ready\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\nContent-Length: 1\r\n\r\nx",
        b"x" * 9000,
    ],
)
async def test_http_servers_that_make_no_sense(answer: bytes) -> None:
    async def babble(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, babble, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        where = Server("127.0.0.1", listeners[0].socket.getsockname()[1])
        with pytest.raises(NotByHttpError):
            await by_http(where, "x")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("model", "by_http"), [("8861", True), ("7960", False)])
async def test_newer_models_try_http_first(
    tmp_path: Path, model: str, *, by_http: bool
) -> None:
    asked: list[str] = []
    authority = MIXED.authority()

    def site(target: str) -> Page | None:
        asked.append(target)
        return None

    identity_folder = tmp_path / "flash"
    async with live_node(authority, tmp_path) as node, trio.open_nursery() as nursery:
        serve = partial(serve_site, site, address=node.tftp.address, port=0)
        _, port = await nursery.start(serve)
        async with open_network(http_port=http_at(port)) as network:
            identity = PhoneIdentity(
                device=DEVICE, model_name=model, servers=(node.tftp,)
            )
            flash = FolderFlash.create(identity_folder, DEVICE, model)
            report = await Phone(identity, flash).boot(network)
        nursery.cancel_scope.cancel()
    assert report.outcome == "ok"
    assert bool(asked) is by_http


@pytest.mark.parametrize("data", [None, b"<device", b"\xff"])
def test_a_phone_without_a_readable_configuration(
    flash: FolderFlash, data: bytes | None
) -> None:
    (file,) = flash.folder.glob("SEP*.cnf.xml")
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)
    page = get(PhoneSite(flash), "/CGI/Java/Serviceability?adapter=configuration")
    assert "<B> Configuration</B>" in page
    assert "<B>none</B>" in page
    assert "CallManager" not in page


async def test_a_request_that_is_cut_short_is_answered() -> None:
    async with serving(hello) as where:
        stream = await trio.open_tcp_stream(where.address, where.port)
        async with stream:
            await stream.send_all(b"GET /hel")
            await stream.send_eof()
            assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_is_gone_harms_nobody() -> None:
    def large(_: str) -> Page:
        return Page(bytes(50_000_000))

    async with serving(large) as where:
        stream = await trio.open_tcp_stream(where.address, where.port)
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await stream.receive_some(1)
        await stream.aclose()
        answer = await say(where, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Content-Length: 50000000" in answer
