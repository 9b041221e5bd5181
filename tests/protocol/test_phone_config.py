from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.configuration import (
    CallManagerMember,
    CapfServer,
    PhoneConfig,
    TvsMember,
)
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES

LAB = PhoneConfig(
    callmanager_group="LAB-CMG",
    callmanagers=(
        CallManagerMember("lab-pub", "192.0.2.11", 0),
        CallManagerMember("lab-sub1", "192.0.2.12", 1),
    ),
    tvs=(TvsMember("192.0.2.11", 2445, 0), TvsMember("192.0.2.12", 12445, 1)),
    load="SCCP75.9-3-1SR4-1S",
    version_stamp="-6f1f3c2e-0000-4000-8000-00000000a001",
    capf=(CapfServer("192.0.2.11"),),
    urls=(("secureDirectoryURL", "https://192.0.2.11:8443/ccmcip?a=1&b=2"),),
)

# Ours, in the shape of an export (REFERENCE 5.1): xsi is used and never declared.
EXPORTED = b"""<?xml version="1.0" encoding="UTF-8"?>
<device  xsi:type="axl:XIPPhone" ctiid="94" uuid="{0}">
<devicePool><callManagerGroup><name>G</name></callManagerGroup></devicePool>
<TVS><members>
<member  priority="1"><port>2445</port><address>b</address></member>
<member  priority="0"><port>2446</port><address>a</address></member>
</members></TVS><future><thing/></future></device>"""


def test_what_is_encoded_is_decoded() -> None:
    assert PhoneConfig.decode(LAB.encode()) == LAB


def test_a_digest_password_is_of_the_first_line_and_not_shown() -> None:
    config = replace(LAB, digest_user="alice", digest_password='<&"secret')
    assert PhoneConfig.decode(config.encode()) == config
    assert "secret" not in repr(config)
    assert b"authPassword" not in LAB.encode() + config.encode_companion()
    lines = b"".join(
        b"<line><authName>%d</authName><authPassword>p</authPassword></line>" % n
        for n in range(2)
    )
    text = b"<device><sipProfile><sipLines>%b</sipLines></sipProfile></device>" % lines
    assert PhoneConfig.decode(text).digest_user == "0"


def test_an_export_is_read_and_members_come_by_priority() -> None:
    config = PhoneConfig.decode(EXPORTED)
    assert config.tvs == (TvsMember("a", 2446, 0), TvsMember("b", 2445, 1))
    assert config.callmanager_group == "G"


def test_a_default_file_may_lack_tvs() -> None:
    assert PhoneConfig.decode(b"<Default></Default>").tvs == ()


def test_more_than_five_members_are_cut() -> None:
    members = b"".join(
        b'<member priority="%d"><address>a%d</address></member>' % (n, n)
        for n in range(9)
    )
    text = b"<device><TVS><members>" + members + b"</members></TVS></device>"
    assert [m.priority for m in PhoneConfig.decode(text).tvs] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "well-formed"),
        (b"<device>", "well-formed"),
        (b"\xff\xfe\x00", "well-formed"),
        (b"<!DOCTYPE device><device/>", "document type"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><device>&b;</device>', "document type"),
        (b"<?xml version='1.0' encoding='utf-7'?><device/>", "encoding"),
        (b"<note/>", "root element"),
        (b"<device>" * 40, "too deep"),
        (b"<device>" + b"<a/>" * 20_001 + b"</device>", "too many"),
        (b"<device>" + b" " * MAX_DOWNLOAD_BYTES + b"</device>", "too large"),
        (b"<device><capfAuthMode>x</capfAuthMode></device>", "no number"),
        (b"<device><capfAuthMode>12</capfAuthMode></device>", "no number"),
        (b"<device><load/><versionStamp>" + b"v" * 5000, "well-formed"),
        (
            b"<device><versionStamp>" + b"v" * 5000 + b"</versionStamp></device>",
            "characters",
        ),
        (
            b"<device><deviceSecurityMode>70000</deviceSecurityMode></device>",
            "no number",
        ),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        PhoneConfig.decode(data)


@given(st.binary(max_size=200))
def test_garbage_can_only_be_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        PhoneConfig.decode(data)


@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(LAB.encode())
    where = data.draw(st.integers(0, len(whole) - 1))
    whole[where] = data.draw(st.integers(0, 255))
    with suppress(DecodeError):
        PhoneConfig.decode(bytes(whole))


def test_capf_servers_are_bounded_and_usable() -> None:
    """A configuration must not send a phone to thousands of servers, or to none."""
    entry = (
        "<capf><phonePort>{}</phonePort><processNodeName>{}</processNodeName></capf>"
    )
    many = "".join(entry.format(3804, f"192.0.2.{n}") for n in range(100))
    odd = entry.format(0, "192.0.2.200") + entry.format(3804, "")
    document = f"<device><capfList>{odd}{many}</capfList></device>".encode()
    found = PhoneConfig.decode(document).capf
    assert found == tuple(CapfServer(f"192.0.2.{n}") for n in range(5))
