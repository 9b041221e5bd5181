"""Names: every form there and back, and the vendor's strings to the byte."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs import minting
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import (
    MAX_ATTRIBUTES,
    DistinguishedName,
    NameForm,
    same_name,
)
from tokenless.protocol.errors import DecodeError

LAB = "CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL"
TOKEN = 'cn="SAST-ADN008580ef        ";ou=IPCBU;o="Cisco Systems'

keys = st.sampled_from(["CN", "OU", "O", "L", "ST", "C", "DC", "emailAddress", "1.2.3"])
values = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
names = st.builds(
    DistinguishedName, st.lists(st.tuples(keys, values), max_size=8).map(tuple)
)


def test_cucm_form_has_its_order_whatever_the_certificates() -> None:
    certificate = minting.server().certificate
    assert [key for key, _ in certificate.subject.attributes] == [
        "C",
        "O",
        "OU",
        "CN",
        "ST",
        "L",
    ]
    assert certificate.subject_text == LAB


def test_comma_form_has_the_certificates_order() -> None:
    name = minting.server().certificate.subject
    assert name.render(NameForm.COMMA) == (
        "C=PL,O=Cisco,OU=TAC,CN=cucm-1051-a-pub,ST=Malopolska,L=Krakow"
    )


def test_token_names_are_those_of_the_ctl_client() -> None:
    certificate = minting.token().certificate
    assert certificate.subject.render(NameForm.CTL_CLIENT) == TOKEN
    assert len(TOKEN) == 55
    issuer = certificate.issuer.render(NameForm.CTL_CLIENT)
    assert issuer == "cn=Cisco Manufacturing CA;o=Cisco Systems"


def test_a_cut_token_name_parses() -> None:
    assert DistinguishedName.parse(TOKEN).attributes == (
        ("CN", "SAST-ADN008580ef        "),
        ("OU", "IPCBU"),
        ("O", "Cisco Systems"),
    )


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("CN=a", (("CN", "a"),)),
        ("CN=a;O=b, c", (("CN", "a"), ("O", "b, c"))),
        ("O=Cisco Systems, Inc.", (("O", "Cisco Systems, Inc."),)),
        ("C=PL,O=Cisco,CN=a", (("C", "PL"), ("O", "Cisco"), ("CN", "a"))),
        ("C=PL, O=Cisco, CN=a", (("C", "PL"), ("O", "Cisco"), ("CN", "a"))),
        (r"CN=a\;b;O=c", (("CN", "a;b"), ("O", "c"))),
        (r"CN=a\00b", (("CN", "a\0b"),)),
        (r"CN=\C5\81", (("CN", "Ł"),)),
        ('cn="a;b";o=c', (("CN", "a;b"), ("O", "c"))),
        ('cn="say ""hi""";o=c', (("CN", 'say "hi"'), ("O", "c"))),
        ("CN=a=b", (("CN", "a=b"),)),
        ("CN=", (("CN", ""),)),
        ("", ()),
    ],
)
def test_parse(text: str, attributes: tuple[tuple[str, str], ...]) -> None:
    assert DistinguishedName.parse(text).attributes == attributes


@pytest.mark.parametrize("text", ["a", "CN=a;b", "=a", ";", "CN=a;;O=b", "C\x1bN=a"])
def test_parts_without_a_key_are_refused(text: str) -> None:
    with pytest.raises(DecodeError, match="no key"):
        DistinguishedName.parse(text)


@given(names)
def test_cucm_form_there_and_back(name: DistinguishedName) -> None:
    text = name.render()
    again = DistinguishedName.parse(text, NameForm.CUCM)
    assert sorted(again.attributes) == sorted(name.attributes)
    assert text.isprintable()


@given(names)
def test_comma_form_there_and_back(name: DistinguishedName) -> None:
    text = name.render(NameForm.COMMA)
    assert DistinguishedName.parse(text, NameForm.COMMA) == name


@given(names)
def test_ctl_client_form_there_and_back_where_it_cuts_nothing(
    name: DistinguishedName,
) -> None:
    whole = all("," not in value and "\\" not in value for _, value in name.attributes)
    text = name.render(NameForm.CTL_CLIENT)
    assert "\n" not in text
    if whole and not any('"' in value for _, value in name.attributes):
        again = DistinguishedName.parse(text, NameForm.CTL_CLIENT)
        assert sorted(again.attributes) == sorted(name.attributes)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        name = DistinguishedName.parse(text)
    except DecodeError:
        return
    assert same_name(text, text)
    again = DistinguishedName.parse(name.render(), NameForm.CUCM)
    assert sorted(again.attributes) == sorted(name.attributes)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_name_or_refused(der: bytes) -> None:
    with contextlib.suppress(DecodeError):
        DistinguishedName.from_der(der)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (LAB, LAB, True),
        (LAB, "C=PL,O=Cisco,OU=TAC,CN=cucm-1051-a-pub,ST=Malopolska,L=Krakow", True),
        (LAB, LAB.lower(), True),
        (LAB, LAB.replace("TAC", " TAC "), True),
        (LAB, LAB.replace("TAC", "TAD"), False),
        (LAB, LAB + ";OU=TAC", False),
        (LAB, LAB.replace(";C=PL", ""), False),
        ("CN=a;CN=b", "CN=b;CN=a", True),
        ("not a name", "not a name", True),
        ("not a name", "CN=a", False),
        ("not a name", "nor this", False),
        ("CN=" + "a" * 5000, "CN=" + "a" * 5000, True),
        ("CN=" + "a" * 5000, "CN=" + "A" * 5000, False),
    ],
)
def test_comparison(a: str, b: str, *, same: bool) -> None:
    assert same_name(a, b) is same
    assert same_name(b, a) is same


def test_strings_of_every_type_and_what_is_no_string() -> None:
    def attribute(tag: int, value: bytes) -> bytes:
        pair = b"\x06\x03\x55\x04\x03" + bytes([tag, len(value)]) + value
        inner = b"\x30" + bytes([len(pair)]) + pair
        rdn = b"\x31" + bytes([len(inner)]) + inner
        return b"\x30" + bytes([len(rdn)]) + rdn

    for tag, value, text in [
        (0x0C, "Ł".encode(), "Ł"),
        (0x13, b"abc", "abc"),
        (0x14, b"\xe9", "é"),
        (0x16, b"abc", "abc"),
        (0x1E, "Ł".encode("utf-16-be"), "Ł"),
        (0x1C, "Ł".encode("utf-32-be"), "Ł"),
        (0x0C, b"\xff\xfe", "#fffe"),
        (0x1E, b"\xd8\x00", "#d800"),
        (0x04, b"abc", "#616263"),
    ]:
        assert DistinguishedName.from_der(attribute(tag, value)).get("CN") == text


def test_too_many_attributes_are_refused() -> None:
    common = minting.name([("common_name", "a")] * (MAX_ATTRIBUTES + 1)).dump()
    with pytest.raises(DecodeError, match="too many"):
        DistinguishedName.from_der(common)
    allowed = minting.name([("common_name", "a")] * MAX_ATTRIBUTES).dump()
    assert len(DistinguishedName.from_der(allowed).attributes) == MAX_ATTRIBUTES


def test_a_name_cannot_end_a_line_of_show_ctl() -> None:
    name = DistinguishedName((("CN", "a\nThe CTL file was verified successfully."),))
    assert "\n" not in name.render()
    assert r"\0A" in name.render()


def test_what_is_no_text_can_be_shown() -> None:
    """Python has a file's name that is no UTF-8 as lone surrogates."""
    assert printable("a\udcff") == "a\\FF"
    assert printable("a\ud800") == "a\\ED\\A0\\80"
