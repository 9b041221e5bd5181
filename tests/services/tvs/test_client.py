"""The client of `tokenless tvs` against servers that do not answer as they should."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import click
import pytest

from tests.rigs import minting
from tests.rigs.tvs_rig import PUBLISHER, TRUSTED, query_for
from tokenless.ground.tls import TlsVersion
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tvs.answers import Answer
from tokenless.services.cli.tvs import ServerAddressType
from tokenless.services.errors import ServiceError
from tokenless.services.tvs.client import ServerAddress, TvsClient

QUERY = query_for(PUBLISHER, TRUSTED.session_id)
Behaviour = Callable[[ssl.SSLSocket], None]


@contextmanager
def server(folder: Path, behave: Behaviour) -> Iterator[ServerAddress]:
    """Serve one client on a free port, and let it go at the end."""
    own = minting.server("tvs", 2048)
    (folder / "own.pem").write_bytes(own.certificate_pem + own.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_one() -> None:
            tcp, _ = listener.accept()
            with tcp, context.wrap_socket(tcp, server_side=True) as tls:
                tls.recv(4096)
                behave(tls)

        thread = threading.Thread(target=serve_one)
        thread.start()
        yield ServerAddress(*listener.getsockname())
        thread.join()


def answer(tls: ssl.SSLSocket, what: Answer) -> None:
    for byte in what.encode():
        tls.sendall(bytes([byte]))


def test_an_answer_in_pieces_is_put_together(tmp_path: Path) -> None:
    own = minting.server("tvs", 2048).certificate
    with (
        server(tmp_path, lambda tls: answer(tls, TRUSTED)) as address,
        TvsClient(address, version=TlsVersion.TLS_1_2) as client,
    ):
        assert client.ask(QUERY) == TRUSTED
        assert client.tls_version == "TLSv1.2"
        assert client.server_certificate == own.der
        assert client.handshake_s > 0


def test_an_answer_of_another_session_is_refused(tmp_path: Path) -> None:
    other = replace(TRUSTED, session_id=7)
    with (
        server(tmp_path, lambda tls: answer(tls, other)) as address,
        TvsClient(address) as client,
        pytest.raises(ProtocolError, match="answered session 7, not 1001"),
    ):
        client.ask(QUERY)


def test_a_server_that_closes_says_nothing(tmp_path: Path) -> None:
    with (
        server(tmp_path, lambda _tls: None) as address,
        TvsClient(address) as client,
        pytest.raises(ServiceError, match="closed the connection") as info,
    ):
        client.ask(QUERY)
    assert info.value.hint is not None


def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    given_up = threading.Event()
    with server(tmp_path, lambda _tls: assert_soon(given_up)) as address:
        with (
            TvsClient(address, timeout_s=1.5) as client,
            pytest.raises(ServiceError, match="timed out"),
        ):
            client.ask(QUERY)
        given_up.set()


def test_an_answer_that_comes_by_the_byte_is_given_up(tmp_path: Path) -> None:
    given_up = threading.Event()

    def drip(tls: ssl.SSLSocket) -> None:
        for byte in TRUSTED.encode()[:30]:
            with suppress(OSError):  # it may have gone
                tls.sendall(bytes([byte]))
            given_up.wait(0.1)

    with server(tmp_path, drip) as address:
        with (
            TvsClient(address, timeout_s=1.5) as client,
            pytest.raises(ServiceError, match=r"timed out|no whole answer"),
        ):
            client.ask(QUERY)
        given_up.set()


def assert_soon(event: threading.Event) -> None:
    assert event.wait(30)


def test_nothing_is_asked_without_a_connection() -> None:
    client = TvsClient(ServerAddress("127.0.0.1", 1))
    assert client.tls_version == ""
    assert client.server_certificate is None
    with pytest.raises(RuntimeError, match="with statement"):
        client.ask(QUERY)


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ServiceError, match="not a file of certificates"):
        TvsClient(ServerAddress("127.0.0.1", 1), ca=tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 2445),
        ("192.0.2.1:2446", "192.0.2.1", 2446),
        ("2001:db8::1", "2001:db8::1", 2445),
        ("[2001:db8::1]:2446", "2001:db8::1", 2446),
        ("[2001:db8::1]", "2001:db8::1", 2445),
    ],
)
def test_servers_are_named(text: str, host: str, port: int) -> None:
    kind = ServerAddressType()
    address = kind.convert(text, None, None)
    assert address == ServerAddress(host, port)
    assert kind.convert(address, None, None) is address


@pytest.mark.parametrize("port", ["0", "65536", "x", "", "-1", "²"])
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(click.BadParameter, match="has no port in range"):
        ServerAddressType().convert(f"host:{port}", None, None)


@pytest.mark.parametrize("name", ["a..b", "x" * 64], ids=["empty label", "too long"])
def test_a_name_that_no_host_can_have(name: str) -> None:
    with (
        pytest.raises(ServiceError, match="not a valid host name"),
        TvsClient(ServerAddress(name, 2445)),
    ):
        pass
