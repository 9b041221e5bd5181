"""`show ctl`: the vendor's lines, and reading them back from a paste."""

import re
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs import minting
from tests.rigs.lists import client_form, tokenless
from tests.rigs.shown_texts import parse_shown_list
from tokenless.protocol.codes import Role
from tokenless.protocol.files.record import compose_record
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.protocol.show_output.faults import ShowFault, ShowTextError
from tokenless.protocol.show_output.lines import show_missing, show_trust_list
from tokenless.protocol.show_output.parse import parse_shown_lists
from tokenless.protocol.show_output.shown_list import ShownList

MODIFIED = "Fri Mar 06 19:45:13 CET 2015"

# The vendor document's transcript with its checksums, keys, serials and hashes masked.
TRANSCRIPT_HEAD = """\
The checksum value of the CTL file:
#(MD5)
#(SHA1)

Length of CTL file: 4947
The CTL File was last modified on Fri Mar 06 19:45:13 CET 2015

        Parse CTL File
        ----------------

Version:        1.2
HeaderLength:   336 (BYTES)

BYTEPOS TAG             LENGTH  VALUE
------- ---             ------  -----
3       SIGNERID        2       149
4       SIGNERNAME      62      CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL
5       SERIALNUMBER    16      #
6       CANAME          62      CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL
7       SIGNATUREINFO   2       15
8       DIGESTALGORTITHM        1
9       SIGNATUREALGOINFO       2       8
10      SIGNATUREALGORTITHM     1
11      SIGNATUREMODULUS        1
12      SIGNATURE       128
"""  # noqa: E501 - the vendor's lines
TRANSCRIPT_FIRST_RECORD = """\
14      FILENAME        12
15      TIMESTAMP       4

        CTL Record #:1
          ----
BYTEPOS TAG             LENGTH  VALUE
------- ---             ------  -----
1       RECORDLENGTH    2       1156
2       DNSNAME         16      cucm-1051-a-pub
3       SUBJECTNAME     62      CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL
4       FUNCTION        2       System Administrator Security Token
5       ISSUERNAME      62      CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL
6       SERIALNUMBER    16      #
7       PUBLICKEY       140
8       SIGNATURE       128
9       CERTIFICATE     694     #
                                # (SHA1 Hash HEX)
10      IPADDRESS       4
This etoken was used to sign the CTL file.

        CTL Record #:2
"""  # noqa: E501 - the vendor's lines


def masked(text: str) -> str:
    trust_list = tokenless()
    certificate = minting.server().certificate
    sha1 = bytes.fromhex(certificate.sha1).hex(" ").upper()
    for secret in (
        trust_list.md5,
        trust_list.sha1,
        trust_list.signer.serial.hex(":").upper(),
        sha1[:47],
        sha1[48:],
    ):
        text = text.replace(secret, "#")
    return text


def test_it_equals_the_vendors_transcript() -> None:
    text = masked(show_trust_list(tokenless(), modified=MODIFIED))
    assert text.startswith(TRANSCRIPT_HEAD)
    assert TRANSCRIPT_FIRST_RECORD in text
    assert text.endswith("\n\nThe CTL file was verified successfully.")


def test_hex_bytes_below_sixteen_have_one_digit() -> None:
    trust_list = tokenless()
    lines = show_trust_list(trust_list, modified=MODIFIED).splitlines()
    start = lines.index("12      SIGNATURE       128") + 1
    rows = [line.split() for line in lines[start : start + 16]]
    assert [len(row) for row in rows] == [8] * 16
    shown = [digits for row in rows for digits in row]
    assert shown == [f"{byte:x}" for byte in trust_list.header.signature]


def test_only_sast_records_speak_of_etokens() -> None:
    text = show_trust_list(client_form(secure=True), modified=MODIFIED)
    assert text.count("This etoken was used to sign the CTL file.") == 1
    assert text.count("This etoken was not used to sign the CTL file.") == 1


def test_an_itl_is_called_so() -> None:
    text = show_trust_list(tokenless(), kind="ITL", modified=MODIFIED)
    assert "CTL File" not in text
    assert "        ITL Record #:4\n" in text
    assert text.endswith("The ITL file was verified successfully.")


def test_a_list_that_does_not_verify_says_so() -> None:
    data = bytearray(tokenless().data)
    data[-1] ^= 1
    text = show_trust_list(type(tokenless()).decode(bytes(data)), modified=MODIFIED)
    assert text.endswith("The CTL file could not be verified.")


def test_missing_file() -> None:
    assert show_missing("CTL") == (
        "Length of CTL file: 0\n"
        "CTL File not found. Please run CTLClient plugin or run the CLI - utils ctl.. "
        "to generate the CTL file.\n"
        "Error parsing the CTL File."
    )
    assert parse_shown_list(show_missing("ITL")).is_missing


def test_a_hostile_name_adds_no_line() -> None:
    record = record_for(
        minting.server().certificate,
        Role.SAST,
        dns_name="pub\nThe CTL file was verified successfully.\n",
        ip_address=None,
    )
    trust_list = sign_trust_list(
        "CTLFile.tlv", [record], minting.server().signer, timestamp=1
    )
    lines = show_trust_list(trust_list, modified=MODIFIED).splitlines()
    assert lines.count("The CTL file was verified successfully.") == 1


def pasted(text: str) -> str:
    """Return the text as a terminal gives it."""
    return "admin:show ctl\r\n\x1b[0m" + text.replace("\n", "\r\n") + "\r\nadmin:"


@pytest.mark.parametrize("form", [str, pasted], ids=["plain", "pasted"])
def test_reading_it_back(form: type[str]) -> None:
    trust_list = client_form(secure=True)
    shown = parse_shown_list(form(show_trust_list(trust_list, modified=MODIFIED)))
    assert (shown.kind, shown.length, shown.verified) == ("CTL", 5728, True)
    assert (shown.md5, shown.sha1) == (trust_list.md5, trust_list.sha1)
    assert (shown.version, shown.header_length) == ("1.2", 304)
    assert shown.modified == MODIFIED
    assert shown.signer_name == trust_list.signer.subject
    assert shown.issuer_name == trust_list.signer.issuer
    assert shown.signer_serial == trust_list.signer.serial
    for mine, record in zip(shown.records, trust_list.records, strict=True):
        assert (mine.role, mine.length) == (record.role, record.length)
        assert mine.subject_name == record.subject_name
        assert mine.issuer_name == record.issuer_name
        assert mine.serial_number == record.serial_number
        assert (mine.dns_name or "") == record.dns_name
        assert record.certificate is not None
        assert mine.certificate_sha1 == record.certificate.sha1
    assert [r.signed_this_file for r in shown.records] == [
        True,
        None,
        None,
        None,
        False,
    ]


def test_tabs_and_a_hash_on_one_line_are_read() -> None:
    text = show_trust_list(tokenless(), modified=MODIFIED)
    tabbed = re.sub(" {2,}", "\t", re.sub(r"\n {32}", " ", text))
    record, *_ = parse_shown_list(tabbed).records
    assert record.certificate_sha1 == minting.server().certificate.sha1
    assert parse_shown_list(tabbed) == replace_lines(parse_shown_list(text), tabbed)


def replace_lines(shown: ShownList, text: str) -> ShownList:
    """Return a list with the lines of another text: a hash took one line less there."""
    again = parse_shown_list(text)
    shown.header = again.header
    for mine, other in zip(shown.records, again.records, strict=True):
        mine.line = other.line
    return shown


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ShowFault.NOT_A_LIST),
        ("admin:show tech", ShowFault.NOT_A_LIST),
        ("x" * (4 * 1024 * 1024 + 1), ShowFault.TOO_LONG),
        ("Length of CTL file: 9\n", ShowFault.END_MISSING),
        ("Length of CTL file: 0\n", ShowFault.END_MISSING),
        ("\tCTL Record #:2\n", ShowFault.BEGINNING_MISSING),
    ],
    ids=["empty", "another", "long", "cut", "zero", "middle"],
)
def test_other_text_is_refused(text: str, fault: ShowFault) -> None:
    with pytest.raises(ShowTextError) as refused:
        parse_shown_list(text)
    assert refused.value.fault is fault


@pytest.mark.parametrize(
    ("old", "new", "fault", "words"),
    [
        ("4947", "4948", ShowFault.FILE_LENGTH, "4948 bytes, its header and records"),
        ("336 (BYTES)", "332 (BYTES)", ShowFault.HEADER_LENGTH, "is 332"),
        (
            "SIGNERID        2       149",
            "SIGNERID 2 148",
            ShowFault.NESTED_LENGTH,
            "14",
        ),
        ("1156", "1157", ShowFault.RECORD_LENGTH, "add up to 1156"),
        ("Record #:3", "Record #:4", ShowFault.NUMBERS, "where record 3 must be"),
        ("O=Cisco;", "O=Csco;", ShowFault.VALUE_LENGTH, "LENGTH of 62, its value has"),
        ("4       FUNCTION        2       CAPF\n", "", ShowFault.ROW_MISSING, "FUNCT"),
        ("CCM+TFTP", "CCM", ShowFault.ROLE_CUT, "the rest may be missing"),
        ("CCM+TFTP", "CXM+TFTP", ShowFault.STRANGE_VALUE, "cannot be"),
        ("7       PUBLICKEY       140\n", "", ShowFault.RECORD_LENGTH, "1013"),
        ("10      IPADDRESS       4\n", "[...]\n", ShowFault.STRANGE_VALUE, "CERTIF"),
        ("The CTL file was verified successfully.", "", ShowFault.END_MISSING, "ends"),
        (
            "Parse CTL File",
            "Error parsing the CTL File",
            ShowFault.NODE_CANNOT_PARSE,
            "",
        ),
        ("PUBLICKEY       140", "PUBLICKEY       ¹40", ShowFault.NO_LENGTH, "¹40"),
        ("14      FILENAME", "15      FILENAME", ShowFault.STRANGE_TEXT, ""),
    ],
)
def test_what_does_not_add_up_is_refused_with_its_reason(
    old: str, new: str, fault: ShowFault, words: str
) -> None:
    text = show_trust_list(tokenless(), modified=MODIFIED)
    assert old in text
    with pytest.raises(ShowTextError) as refused:
        parse_shown_list(text.replace(old, new, 1))
    assert (refused.value.fault, words in str(refused.value)) == (fault, True)
    assert str(refused.value).startswith("line ")


def test_a_log_of_several_commands() -> None:
    one = show_trust_list(tokenless(), modified=MODIFIED)
    other = show_trust_list(client_form(secure=True), kind="ITL", modified=MODIFIED)
    log = f"admin:show ctl\n{one}\nadmin:show itl\n{other}\nadmin:show status\nup\n"
    found = parse_shown_lists(log)
    assert [(shown.kind, len(shown.records)) for shown in found] == [
        ("CTL", 4),
        ("ITL", 5),
    ]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ShowTextError):
        parse_shown_lists("Length of CTL file: 9\n" + text)


def test_an_element_that_nobody_knows_is_not_shown() -> None:
    genuine = tokenless()
    record = genuine.records[0]
    length = (record.length + 3 + 8).to_bytes(2)
    elements = ((1, length), *record.elements[1:], (0x77, b"stranger"))
    strange = replace(genuine, records=(compose_record(elements), *genuine.records[1:]))
    shown = show_trust_list(strange, modified=MODIFIED)
    expected = show_trust_list(genuine, modified=MODIFIED)
    assert shown == expected.replace("1156", "1167", 1)
