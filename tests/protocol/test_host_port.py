"""Addresses of servers, read and written."""

import pytest

from tokenless.protocol.host_port import join_host_port, split_host_port


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("pub", "pub", 69),
        ("pub:6969", "pub", 6969),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("::1", "::1", 69),
        ("[::1]", "::1", 69),
        ("[fe80::1%eth0]:70", "fe80::1%eth0", 70),
    ],
)
def test_each_form(text: str, host: str, port: int) -> None:
    assert split_host_port(text, 69) == (host, port)
    assert split_host_port(join_host_port(host, port), 1) == (host, port)


def test_brackets_are_not_doubled() -> None:
    assert join_host_port("[::1]", 8443) == "[::1]:8443"
