"""The certificates in use over REST: what is asked, believed and refused."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.rigs import minting
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.sources import certmgr
from tokenless.phone_emulator.rehearsal.importing.sources.certmgr import (
    CertmgrAccount,
    fetch_in_use,
    read_snapshot,
)

PATH = "/platformcom/api/v1/certmgr/config/snapshot/server"
ACCOUNT = CertmgrAccount("ray:größer")
TWO = minting.server().certificate, minting.server("elsewhere").certificate
CALLMANAGER, TVS = (minting.pem(each.der).decode() for each in TWO)
MOST = 8 * 1024 * 1024
EXPORT = "name a node of CUCM 14 or later, or export the certificates: --cert"


def snapshot(*identities: tuple[str, str | None]) -> bytes:
    """Return a node's answer."""
    units = [{"service": unit, "certificate": text} for unit, text in identities]
    return json.dumps({"identities": units, "trusts": []}).encode()


@dataclass
class Node:
    """A node's REST interface: one answer, and what it was asked."""

    base: str
    status: int = 200
    body: bytes = b"{}"
    promised: int | None = None
    """The length that the answer is said to have, when it does not end."""
    pieces: int = 0
    """How many bytes follow the body, one now and then."""
    instead: bytes = b""
    """What is sent in the place of an answer."""
    is_given_up: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)


@contextmanager
def serving(folder: Path, address: str = "127.0.0.1") -> Iterator[Node]:
    """Serve on a free port, with a certificate of its own for an address."""
    node = Node("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ask = self.headers.get
            node.asked.append((self.path, ask("Authorization"), ask("Accept")))
            if node.instead:
                self.wfile.write(node.instead)
                return
            self.send_response(node.status)
            self.send_header("Content-Length", str(node.promised or len(node.body)))
            self.end_headers()
            self.wfile.write(node.body)
            with suppress(OSError):
                for _ in range(node.pieces):
                    if node.is_given_up.wait(0.01):
                        break
                    self.wfile.write(b" ")
            if node.promised:
                node.is_given_up.wait()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate(folder, address))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        node.base = f"https://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield node
        finally:
            node.is_given_up.set()
            server.shutdown()
            thread.join()


def own_certificate(folder: Path, address: str) -> Path:
    """Write a certificate that is its own authority, and its key."""
    key = minting.rsa_key(2048, "tomcat")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime(2015, 3, 9, tzinfo=UTC))
        .not_valid_after(datetime(2115, 3, 9, tzinfo=UTC))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "tomcat.pem"
    identity = minting.Identity(TWO[0], key)
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + identity.key_pem)
    return path


def refused(url: str, account: CertmgrAccount = ACCOUNT) -> PhoneError:
    with pytest.raises(PhoneError) as found:
        fetch_in_use([url], account)
    return found.value


def test_one_request_a_node_and_what_is_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as node:
        node.body = snapshot(("CallManager", CALLMANAGER))
        found, said = fetch_in_use([node.base, f"{node.base}/"], ACCOUNT)
    token = base64.b64encode("ray:größer".encode()).decode()
    assert node.asked == [(PATH, f"Basic {token}", "application/json")] * 2
    assert [each.certificate for each in found] == [TWO[0]] * 2
    assert found[0].source == f"{node.base}/CallManager.pem"
    assert [each.unit_name for each in found] == ["CallManager"] * 2
    (unchecked,) = said
    assert (unchecked.topic, unchecked.what, unchecked.why) == (
        Topic.UNVERIFIED,
        "the nodes' certificates in use were read from servers that were not checked",
        "no --certmgr-ca was given: anybody between could have answered",
    )
    assert fetch_in_use([], ACCOUNT) == ([], [])


def test_an_authority_checks_the_server_and_its_name(tmp_path: Path) -> None:
    checking = CertmgrAccount("a:b", tmp_path / "tomcat.pem")
    with serving(tmp_path) as node:
        node.body = snapshot(("TVS", TVS))
        found, said = fetch_in_use([node.base], checking)
        assert [each.certificate for each in found] == [TWO[1]]
        assert said == []
        other = tmp_path / "other.pem"
        other.write_text(CALLMANAGER)
        error = refused(node.base, CertmgrAccount("a:b", other))
        assert str(error).startswith(f"{node.base} does not answer: ")
        assert "certificate verify failed" in str(error)
    with serving(tmp_path, "127.0.0.9") as node:
        error = refused(node.base, checking)
        assert "certificate is not valid for '127.0.0.1'" in str(error)
        assert node.asked == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_refused(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    error = refused("https://127.0.0.1:1", CertmgrAccount("a:b", path))
    assert str(error).startswith(f"{path}: ")
    assert error.hint == "give a PEM file with --certmgr-ca"


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "set TOKENLESS_CERTMGR_LOGIN to NAME:PASSWORD of an OS administrator; "),
        (403, "set TOKENLESS_CERTMGR_LOGIN to NAME:PASSWORD of an OS administrator; "),
        (404, "name a node of CUCM 14 or later, or use --cert"),
        (201, "name a node of CUCM 14 or later, or use --cert"),
    ],
)
def test_a_refusal_says_what_to_do(tmp_path: Path, status: int, hint: str) -> None:
    with serving(tmp_path) as node:
        node.status, node.body = status, snapshot(("TVS", TVS))
        error = refused(node.base)
    assert str(error) == f"{node.base} refuses with status {status}"
    assert error.hint is not None
    assert error.hint.startswith(hint)


def test_an_answer_of_any_size_is_not_kept(tmp_path: Path) -> None:
    small = snapshot(("TVS", TVS))
    with serving(tmp_path) as node:
        node.body = small.ljust(MOST)
        assert len(fetch_in_use([node.base], ACCOUNT)[0]) == 1
        node.body, node.promised = small.ljust(MOST + 1), 2 * MOST
        error = refused(node.base)  # what follows is not waited for
    assert str(error) == f"{node.base} sent over {MOST} bytes"
    assert error.hint == "use --cert"


def test_an_answer_that_stops_or_trickles_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as node:
        node.promised = 100
        monkeypatch.setattr(certmgr, "_TIMEOUT_S", 0.2)
        assert str(refused(node.base)).endswith(
            " does not answer: The read operation timed out"
        )
        node.promised, node.pieces = 10_000, 9_000
        monkeypatch.setattr(certmgr, "_TIMEOUT_S", 20.0)
        monkeypatch.setattr(certmgr, "_DEADLINE_S", 0.2)
        said = str(refused(node.base))
    assert said == f"{node.base} does not answer: no whole answer within 0.2 seconds"


@pytest.mark.parametrize(
    "answer",
    [b"\x1b]0;owned\x07\x1b[31m\r\n\r\n", b"HTTP" + b"a" * 60_000 + b"\r\n\r\n"],
)
def test_what_a_server_says_instead_of_http_neither_writes_nor_floods(
    tmp_path: Path, answer: bytes
) -> None:
    with serving(tmp_path) as node:
        node.instead = answer
        said = str(refused(node.base))
    assert said.startswith(f"{node.base} does not answer: ")
    assert said.isprintable()
    assert len(said) < 300


def test_who_does_not_answer_is_said(tmp_path: Path) -> None:
    with serving(tmp_path) as node:
        base = node.base
    error = refused(base)
    assert str(error).startswith(f"{base} does not answer: ")
    assert "refused" in str(error)
    assert error.hint == "check address, port and firewall"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "127.0.0.1",
        "https://",
        "https://:8443",
        "https://a:b",
        "https://[::1",
        "https://a:65536",
        "https://127.0.0.1/cmplatform",
        "https://a..b",
        f"https://{'x' * 64}.example",
        "https://a b",
        "https://a\x7fb",
        "",
    ],
)
def test_what_is_no_node_is_refused_before_anything_is_read(url: str) -> None:
    error = refused(url, CertmgrAccount("a:b", Path("/nowhere")))
    shown = url.replace("\x7f", "\\7F")
    assert str(error) == f"{shown} is not the address of a node"
    assert error.hint == "write https://NODE or https://NODE:8443"


def test_only_units_that_phones_act_on_are_read() -> None:
    both = CALLMANAGER + TVS
    data = snapshot(
        ("CallManager", both),
        ("ipsec", "damaged, and nobody's business"),
        ("tomcat", TVS),
        ("TVS", None),
        ("CAPF", ""),
        ("ITLRecovery", TVS),
        ("../TVS", TVS),
    )
    found = read_snapshot(data, "https://pub")
    assert [(each.source, each.certificate) for each in found] == [
        ("https://pub/CallManager.pem", TWO[0]),
        ("https://pub/tomcat.pem", TWO[1]),
        ("https://pub/ITLRecovery.pem", TWO[1]),
    ]
    for unit in ("CAPF", "TVS"):
        assert read_snapshot(snapshot((unit, TVS)), "https://pub")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `identities`"),
        (snapshot(("TVS", "none")), "no certificate in it, neither PEM nor DER"),
        (
            snapshot(("TVS", TVS.replace("\nMII", "\nAII", 1))),
            "has DER tag 0x00 instead of 0x30",
        ),
        (b'{"identities": [{"service": 7}]}', "Expected `str`, got `int`"),
    ],
)
def test_what_is_no_snapshot_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(PhoneError) as found:
        read_snapshot(data, "https://pub")
    said = str(found.value)
    assert said.startswith("https://pub sent no snapshot of certificates: ")
    assert why in said
    assert found.value.hint == EXPORT
