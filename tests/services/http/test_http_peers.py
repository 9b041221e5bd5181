"""HTTP 6970 and HTTPS 6971 before curl, a browser, sslscan and GnuTLS' client."""

import subprocess
from pathlib import Path

import pytest
import trio

from tests.rigs.peers import require
from tests.rigs.tls_judges import gnutls_says, scan
from tests.rigs.tvs_rig import own_certificate
from tokenless.services.http.counters import HttpCount
from tokenless.services.http.server import HttpServer
from tokenless.services.http.settings import HttpSettings
from tokenless.services.stream_server.counters import FIRST_GUEST_CELL, StreamCount
from tokenless.services.tftp.files.source import ChainedSource, MemoryFiles
from tokenless.services.tftp.files.static_files import StaticFiles

CONFIG = b"<device/>" * 500
LOAD = bytes(range(256)) * 4000
# What is fetched stands in the title: its status, and a sum over its bytes.
PAGE = b"""<!DOCTYPE html><html><head><title>waits</title></head><body><script>
async function look() {
  const said = [];
  for (const name of ["load.sbn", "SEP001122334455.cnf.xml", "CTLFile.tlv"]) {
    const answer = await fetch("/" + name);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    said.push(answer.status + ":" + bytes.reduce((a, b) => a + b, 0));
  }
  document.title = said.join(" ");
}
look();
</script></body></html>"""


@pytest.fixture
async def server(tmp_path: Path, nursery: trio.Nursery) -> HttpServer:
    root = tmp_path / "root"
    root.mkdir()
    (root / "load.sbn").write_bytes(LOAD)
    memory = MemoryFiles({"SEP001122334455.cnf.xml": CONFIG, "page": PAGE})
    settings = HttpSettings((own_certificate(tmp_path),), port=0, tls_port=0)
    made = HttpServer(ChainedSource([memory, StaticFiles(root)]), settings)
    await nursery.start(made.serve)
    return made


def url(server: HttpServer, scheme: str, name: str) -> str:
    address, port = server.addresses[scheme]
    return f"{scheme}://{address}:{port}/{name}"


async def run(*command: str) -> bytes:
    """Run a program while the server goes on; return what it printed."""

    def output() -> bytes:
        done = subprocess.run(command, capture_output=True, timeout=90, check=False)
        return done.stdout

    return await trio.to_thread.run_sync(output)


async def curl(*arguments: str) -> bytes:
    return await run(require("curl"), "--silent", "--insecure", *arguments)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_curl_gets_files_over_one_connection(
    server: HttpServer, tmp_path: Path, scheme: str
) -> None:
    names = ("load.sbn", "SEP001122334455.cnf.xml", "load.sbn")
    got = [tmp_path / str(index) for index in range(len(names))]
    for_all = [
        ("-o", str(f), url(server, scheme, n)) for f, n in zip(got, names, strict=True)
    ]
    said = await curl("-w", "%{http_code} ", *(each for one in for_all for each in one))
    assert said == b"200 200 200 "
    assert [f.read_bytes() for f in got] == [LOAD, CONFIG, LOAD]
    assert server.counters[StreamCount.CONNECTIONS_ACCEPTED] == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_curl_gets_ranges_heads_and_errors(
    server: HttpServer, scheme: str
) -> None:
    load = url(server, scheme, "load.sbn")
    assert await curl("-r", "1000-4999", load) == LOAD[1000:5000]
    assert await curl("-C", str(len(LOAD) - 7), load) == LOAD[-7:]
    head = await curl("--head", load)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"\r\nContent-length: {len(LOAD)}\r\n".encode() in head
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    assert await curl(*status, url(server, scheme, "absent.xml")) == b"404"
    assert await curl(*status, url(server, scheme, "CTLFile.tlv")) == b"503"
    up = url(server, scheme, "../../../etc/passwd")
    assert await curl(*status, "--path-as-is", up) == b"403"
    assert await curl(*status, "-X", "POST", "-d", "a=b", load) == b"405"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_browser_fetches(
    server: HttpServer, tmp_path: Path, scheme: str
) -> None:
    browser = require("chromium", "chromium-browser", "google-chrome")
    page = await run(
        browser,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--ignore-certificate-errors", f"--user-data-dir={tmp_path / 'profile'}"),
        *("--virtual-time-budget=20000", "--dump-dom", url(server, scheme, "page")),
    )
    expected = f"200:{sum(LOAD)} 200:{sum(CONFIG)} 503:0"
    assert f"<title>{expected}</title>".encode() in page
    assert server.counters[FIRST_GUEST_CELL + HttpCount.FILES] == 3


async def test_sslscan_finds_nothing_broken_at_https(server: HttpServer) -> None:
    found = await scan(*server.addresses["https"])
    found.assert_nothing_is_broken()
    assert found.protocols["TLSv1.2"]


@pytest.mark.parametrize("version", ["TLS1.2", "TLS1.3"])
async def test_gnutls_fetches_over_https(server: HttpServer, version: str) -> None:
    asked = b"GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = await gnutls_says(*server.addresses["https"], version, asked)
    assert "Handshake was completed" in said
    assert f"({version}-X.509)" in said
    assert "HTTP/1.1 200 OK" in said
    assert PAGE.decode() in said.replace("\r\n", "\n")
