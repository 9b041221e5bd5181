"""Addresses as people write them."""

import pytest

from tokenless.phone_emulator.addresses import (
    parse_device,
    parse_phone_name,
    parse_servers,
    silence_advice,
)
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.secd.events import Server


def test_hosts_ports_and_brackets() -> None:
    assert parse_servers("127.0.0.1, [::1]:6969", default_port=69) == (
        Server("127.0.0.1", 69),
        Server("::1", 6969),
    )
    assert parse_servers("::1,[::1]") == (Server("::1", 69), Server("::1", 69))


def test_the_labs_port_is_named_only_where_it_is_missing() -> None:
    missing, given, real = parse_servers("127.0.47.155,127.0.47.156:6969,192.0.2.1")
    assert "add :6969" in silence_advice((missing, given))
    assert "6969" not in silence_advice((given, real))


@pytest.mark.parametrize(
    "text",
    ["", "[::1", "::1]", "[]:69", "[host]:69", "::1::2", "a:b:c", "[::1]x", "a b"],
)
def test_what_is_no_server_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(PhoneError, match="is not a server") as refused:
        parse_servers(text)
    assert refused.value.hint == "write HOST, HOST:PORT, or [IPv6]:PORT"


@pytest.mark.parametrize("text", ["a:", "a:0", "[::1]:", "[::1]:65536", "a:99999"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(PhoneError, match="has no port in range"):
        parse_servers(text)


@pytest.mark.parametrize(
    "name", ["a..b", "x" * 64, "\udcff"], ids=["empty label", "too long", "no UTF-8"]
)
def test_a_name_that_no_host_can_have_is_refused(name: str) -> None:
    with pytest.raises(PhoneError, match="is not known"):
        parse_servers(name)


@pytest.mark.parametrize(
    "name", ["SEP00112233445G", "sepO01122334455", "SEP0011223344Z5", "001122334455"]
)
def test_a_mistyped_mac_address_is_refused(name: str) -> None:
    with pytest.raises(PhoneError, match="is not a device name"):
        parse_device(name)


@pytest.mark.parametrize("name", ["SEP00112233445", "SEPTEMBER", "foo", "CSF"])
def test_what_no_cluster_would_call_a_phone_is_not_emulated(name: str) -> None:
    with pytest.raises(PhoneError, match="is not the name of a phone"):
        parse_phone_name(name)


@pytest.mark.parametrize(
    "name", ["SEP001122334455", "sep0011223344aF", "ATA001122334455", "CSFjdoe"]
)
def test_names_of_phones(name: str) -> None:
    assert parse_phone_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["SEP001122334455", "SEP0011223344aF", "CSFJDOE", "SEPTEMBER", "SEPTEMBERSPHONE"],
)
def test_names_that_devices_have(name: str) -> None:
    assert parse_device(name) == name
