"""Addresses of both families, wildcards, ports that run out or refuse."""

import socket

import pytest

from tests.rigs.tftp_rig import BOTH, FILES, Rig, no_descriptors_left, rig, settings
from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.settings import Ports


def test_descriptors_that_run_out_leave_the_single_port() -> None:
    with rig() as server:
        client = server.client()
        with no_descriptors_left():
            assert server.fetch(client, "large") == FILES["large"]
            assert server.counters[Count.SHARED_PORT] == 1
        assert server.fetch(client, "large") == FILES["large"]
        assert server.counters[Count.SHARED_PORT] == 1
        assert server.counters.ended(TransferOutcome.COMPLETE) == 2


def _loopback_v6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


V6 = pytest.mark.skipif(not _loopback_v6(), reason="no IPv6 on this machine")


@V6
@BOTH
def test_ipv6(ports: Ports) -> None:
    with rig(settings(ports), address="::1") as server:
        assert server.fetch(server.client(), "large") == FILES["large"]
        assert str(server.log[0]["client"]).startswith("[::1]:")


def _asked_at(server: Rig, host: str, own: str) -> tuple[bytes, tuple[str, int]]:
    client = server.client(own)
    client.server = (host, server.address[1])
    client.ask("small")
    server.turn()
    return client.one()


@BOTH
def test_a_wildcard_answers_from_the_address_that_was_asked(ports: Ports) -> None:
    with rig(settings(ports), address="0.0.0.0") as server:  # noqa: S104 (the point)
        for host in ("127.0.47.155", "127.0.47.156", "127.0.0.1"):
            data, source = _asked_at(server, host, "127.0.0.1")
            assert (data[4:], source[0]) == (b"list", host)


@V6
@BOTH
def test_a_wildcard_of_both_families(ports: Ports) -> None:
    with rig(settings(ports), address="::") as server:
        server.address = ("127.0.0.1", server.address[1])
        data, source = _asked_at(server, "127.0.47.155", "127.0.0.1")
        assert (data[4:], source[0]) == (b"list", "127.0.47.155")
        server.address = ("::1", server.address[1])
        data, source = _asked_at(server, "::1", "::1")
        assert (data[4:], source[0]) == (b"list", "::1")
