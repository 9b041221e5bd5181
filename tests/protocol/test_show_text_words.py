"""What is said of a damaged `show` text: where, what, and how far reading came."""

import pytest

from tests.rigs.lists import tokenless
from tests.rigs.shown_texts import parse_shown_list
from tokenless.protocol.show_output.faults import Progress, ShowFault, ShowTextError
from tokenless.protocol.show_output.lines import show_missing, show_trust_list
from tokenless.protocol.show_output.parse import parse_shown_lists

TEXT = show_trust_list(tokenless(), modified="Fri Mar 06 19:45:13 CET 2015")
CAPF = "CN=CAPF-e41e7d87;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL"
MOVED = "CN=CAPF-e41e7d87;O=Cisco;OU=TAC;L=Krakow;ST=Malopolska;C=PL"
OTHER_CAPF = CAPF.replace("7d87", "7d78")
AGAIN = "paste all that the command prints, or save the file with `file get tftp`"
NAMES = "; other names that were written in need the lengths of the old ones"
NOTHING = "(0 of 4947 bytes of the CTL were read: 0 whole records)"
TWO = "(2648 of 4947 bytes of the CTL were read: the header and 2 whole records)"
ALL = "(4947 of 4947 bytes of the CTL were read: the header and 4 whole records)"


def refused(text: str) -> ShowTextError:
    with pytest.raises(ShowTextError) as found:
        parse_shown_lists(text)
    return found.value


@pytest.mark.parametrize(
    ("old", "new", "fault", "words"),
    [
        (
            "SIGNERID        2       149",
            "SIGNERID 3 149",
            ShowFault.STRANGE_VALUE,
            f"line 16: SIGNERID has the value '3149', which cannot be {NOTHING}",
        ),
        (
            "SIGNERID        2       149",
            "SIGNERID 2 149000",
            ShowFault.STRANGE_VALUE,
            f"line 16: SIGNERID has the value '2149000', which cannot be {NOTHING}",
        ),
        (
            "3       SIGNERID        2       149\n",
            "\n",
            ShowFault.ROW_MISSING,
            f"line 1: SIGNERID is missing {NOTHING}",
        ),
        (
            "SIGNERID        2       149\n",
            "SIGNERID 2 149\n3 SIGNERID 2 149\n",
            ShowFault.TWICE,
            f"line 17: SIGNERID comes twice {NOTHING}",
        ),
        (
            "7       SIGNATUREINFO   2       15\n",
            "",
            ShowFault.ROW_MISSING,
            f"line 16: SIGNATUREINFO is missing {ALL}",
        ),
        (
            "7       SIGNATUREINFO   2       15\n",
            "7 SIGNATUREINFO 2 16\n",
            ShowFault.NESTED_LENGTH,
            "line 20: SIGNATUREINFO contains 16 bytes, its rows add up to 15 " + ALL,
        ),
        (
            "9       SIGNATUREALGOINFO       2       8\n",
            "9 SIGNATUREALGOINFO 2 9\n",
            ShowFault.NESTED_LENGTH,
            "line 22: SIGNATUREALGOINFO contains 9 bytes, its rows add up to 8 " + ALL,
        ),
        (
            "8       DIGESTALGORTITHM        1",
            "8 DIGESTALGORTITHM 2",
            ShowFault.STRANGE_TEXT,
            f"line 21: '2' is not part of what the command prints {NOTHING}",
        ),
        (
            "SIGNATURE       128\n46  42",
            "SIGNATURE       128\nxy 46  42",
            ShowFault.STRANGE_TEXT,
            (
                "line 26: 'xy 46  42  4  61  c1  b1  e6  99' is not part of what the "
                f"command prints {NOTHING}"
            ),
        ),
        (
            "14      FILENAME        12",
            "14      FILENAME",
            ShowFault.NO_LENGTH,
            f"line 42: FILENAME has no LENGTH: '' {NOTHING}",
        ),
        (
            "2       CAPF\n",
            "3       CAPF\n",
            ShowFault.STRANGE_VALUE,
            f"line 85: FUNCTION has the value '3CAPF', which cannot be {TWO}",
        ),
        (
            "2       CAPF\n",
            "2\n",
            ShowFault.STRANGE_VALUE,
            f"line 85: FUNCTION has the value '2', which cannot be {TWO}",
        ),
        (
            "2       CAPF\n",
            "2       CCM\n",
            ShowFault.ROLE_CUT,
            "line 85: FUNCTION is 'CCM', which no node writes: the rest may be missing "
            + TWO,
        ),
        (
            "2       CAPF\n",
            "2       CAPX\n",
            ShowFault.STRANGE_VALUE,
            f"line 85: FUNCTION has the value 'CAPX', which cannot be {TWO}",
        ),
        (
            "1       RECORDLENGTH    2       1138\n",
            "",
            ShowFault.ROW_MISSING,
            f"line 78: RECORDLENGTH is missing {TWO}",
        ),
        (
            "16      7B:FD:EA",
            "16      7B:EA",
            ShowFault.VALUE_LENGTH,
            "line 87: SERIALNUMBER has a LENGTH of 16, its value has 15 bytes " + TWO,
        ),
        (
            "16      7B:FD:EA",
            "16      7X:FD:EA",
            ShowFault.VALUE_LENGTH,
            f"line 87: SERIALNUMBER has a LENGTH of 16, its value has 0 bytes {TWO}",
        ),
        (
            "680     FD 27 68",
            "680     FX 27 68",
            ShowFault.STRANGE_VALUE,
            (
                "line 90: CERTIFICATE has the value "
                f"'680FX2768477910443D94734F264A58B40305C86', which cannot be {TWO}"
            ),
        ),
        (
            "IPADDRESS       4\n\n        CTL Record #:4",
            "IPADDRESS       5\n\n        CTL Record #:4",
            ShowFault.STRANGE_TEXT,
            f"line 92: '5' is not part of what the command prints {TWO}",
        ),
        (
            "60      CN=CAPF",
            "60      CN=C?PF",
            ShowFault.LETTERS_LOST,
            (
                "line 84: SUBJECTNAME is 'CN=C?PF-e41e7d87;OU=TAC;O=Cisco;L=Krakow': "
                f"letters outside of ASCII may have become question marks {TWO}"
            ),
        ),
        (
            "60      CN=CAPF",
            "60      CN=CAPPF",
            ShowFault.VALUE_LENGTH,
            "line 84: SUBJECTNAME has a LENGTH of 60, its value has 61 bytes " + TWO,
        ),
        (
            f"3       SUBJECTNAME     60      {CAPF}",
            f"3       SUBJECTNAME     60      {MOVED}",
            ShowFault.PARTS_MOVED,
            (
                f"line 78: ISSUERNAME is {CAPF[:40]!r}, the letters of {MOVED[:40]!r} "
                f"in another order: lines may have been moved {ALL}"
            ),
        ),
        (
            f"5       ISSUERNAME      60      {CAPF}",
            f"5       ISSUERNAME      60      {OTHER_CAPF}",
            ShowFault.PARTS_MOVED,
            (
                f"line 78: ISSUERNAME is {OTHER_CAPF[:40]!r}, the letters of "
                f"{CAPF[:40]!r} in another order: lines may have been moved {ALL}"
            ),
        ),
        (
            "7       PUBLICKEY       140\n",
            "7       PUBLICKEY       141\n",
            ShowFault.RECORD_LENGTH,
            "line 45: RECORDLENGTH is 1156, the record's rows add up to 1157 " + ALL,
        ),
        (
            "140\n8       SIGNATURE       128\n",
            "141\n8       SIGNATURE       127\n",
            ShowFault.SAME_CERTIFICATE,
            (
                "line 62: records 1 and 2 have the same certificate, and not the same "
                f"names, serial number and lengths {ALL}"
            ),
        ),
        (
            "Length of CTL file: 4947",
            "Length of CTL file: 4946",
            ShowFault.FILE_LENGTH,
            "line 110: the file has 4946 bytes, its header and records add up to 4947 "
            + ALL.replace("of 4947", "of 4946"),
        ),
        (
            "336 (BYTES)",
            "332 (BYTES)",
            ShowFault.HEADER_LENGTH,
            "line 1: HeaderLength is 332, the header's rows add up to 336 "
            + ALL.replace("(4947", "(4943"),
        ),
        (
            "CTL Record #:2",
            "CTL Record #:12",
            ShowFault.NUMBERS,
            (
                "line 62: record 12 stands where record 2 must be (1492 of 4947 bytes "
                "of the CTL were read: the header and 1 whole record)"
            ),
        ),
        (
            "Parse CTL File",
            "Error parsing the CTL File",
            ShowFault.NODE_CANNOT_PARSE,
            f"line 8: the node itself could not parse its file {NOTHING}",
        ),
        (
            "The CTL file was verified successfully.",
            "The CTL file was",
            ShowFault.END_MISSING,
            (
                "line 110: the closing sentence of the list is missing: the text ends "
                f"early {ALL}"
            ),
        ),
    ],
)
def test_a_damaged_list_is_refused_in_these_words(
    old: str, new: str, fault: ShowFault, words: str
) -> None:
    assert old in TEXT
    error = refused(TEXT.replace(old, new, 1))
    assert (str(error), error.fault) == (words, fault)
    is_length = fault is ShowFault.VALUE_LENGTH
    assert error.hint == (AGAIN + NAMES if is_length else AGAIN)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("The checksum value of the CTL", "The checksum value of the ITL", 1),
        ("The CTL File was last", "The ITL File was last", 6),
        ("Parse CTL File", "Parse ITL File", 8),
        ("CTL Record #:2", "ITL Record #:2", 62),
        ("used to sign the CTL file", "used to sign the ITL file", 60),
        ("The CTL file was verified", "The ITL file was verified", 110),
    ],
)
def test_a_sentence_of_the_other_list_is_refused(old: str, new: str, line: int) -> None:
    """Two lists of one log, and what stood between them is lost."""
    assert old in TEXT
    error = refused(TEXT.replace(old, new, 1))
    assert (error.fault, error.line) == (ShowFault.STRANGE_TEXT, line)
    assert "ITL" in str(error) or line == 1


def test_a_missing_file_is_of_the_list_that_was_asked_for() -> None:
    text = show_missing("CTL")
    assert parse_shown_list(text).kind == "CTL"
    error = refused(text.replace("CTL File not found", "ITL File not found"))
    assert error.fault is ShowFault.STRANGE_TEXT
    assert str(error).startswith("line 2: 'ITL File not found. Please run CTLClient")


def test_only_a_sast_says_that_it_signed() -> None:
    old = "10      IPADDRESS       4\n\n        CTL Record #:3"
    said = "This etoken was used to sign the CTL file."
    error = refused(TEXT.replace(old, old.replace("4\n", f"4\n{said}\n"), 1))
    assert (error.fault, error.line, error.found) == (ShowFault.STRANGE_TEXT, 77, said)


def test_a_role_may_be_a_number_and_another_tools_word() -> None:
    shown = parse_shown_list(TEXT.replace("2       CAPF\n", "2       4\n"))
    assert [each.role for each in shown.records] == [0, 2, 4, 2]
    token = TEXT.replace("System Administrator Security Token", "Security Token")
    assert [each.role for each in parse_shown_list(token).records] == [0, 2, 4, 2]


def test_an_address_may_be_printed_and_has_four_bytes_or_sixteen() -> None:
    text = TEXT.replace("IPADDRESS       4\nThis", "IPADDRESS 4 10.1.2.3\nThis")
    first, second, *_ = parse_shown_list(text).records
    assert (first.ip_address, first.lengths["IPADDRESS"]) == ("10.1.2.3", 4)
    assert (second.ip_address, second.lengths["IPADDRESS"]) == (None, 4)
    wide = text.replace("1156", "1168", 1).replace("4 10.1.2.3", "16")
    wide = wide.replace("4947", "4959")
    (first, *_) = parse_shown_list(wide).records
    assert (first.ip_address, first.lengths["IPADDRESS"]) == (None, 16)


def test_nodes_whose_names_have_the_same_letters_are_two() -> None:
    """`pub12` and `pub21` differ in the CN only: that is no moved line."""
    head, records = TEXT.split("CTL Record #:1")
    other = records.replace("CN=cucm-1051-a-pub", "CN=cucm-1501-a-pub")
    shown = parse_shown_list(f"{head}CTL Record #:1{other}")
    assert shown.signer_name == "CN=cucm-1051-a-pub" + CAPF[16:]
    assert shown.records[0].subject_name == "CN=cucm-1501-a-pub" + CAPF[16:]


def test_progress_is_said_in_words() -> None:
    assert Progress("CTL", 1, 336, 1492, 4947).words == (
        "1492 of 4947 bytes of the CTL were read: the header and 1 whole record"
    )
    assert Progress("ITL", 0, 0, 0, 9).words == (
        "0 of 9 bytes of the ITL were read: 0 whole records"
    )


def test_a_text_without_a_list_says_what_is_missing() -> None:
    for text, fault, words in (
        ("up\n", ShowFault.NOT_A_LIST, "this is not what `show ctl` or `show itl`"),
        (
            "a\n\nThe CTL File was last modified\n",
            ShowFault.END_MISSING,
            "line 3: the closing sentence",
        ),
        (
            "a\n\nBYTEPOS TAG  LENGTH\n",
            ShowFault.BEGINNING_MISSING,
            "line 3: 'BYTEPOS TAG  LENGTH' is a part of a list whose beginning is",
        ),
    ):
        error = refused(text)
        assert error.fault is fault
        assert words in str(error)


def test_a_part_of_a_list_before_between_or_behind_others_is_refused() -> None:
    piece = "CTL Record #:9\n"
    lines = TEXT.count("\n") + 1
    for text, line in (
        (f"{piece}{TEXT}", 1),
        (f"{TEXT}\n{piece}", lines + 1),
        (f"{TEXT}\n{piece}{TEXT}", lines + 1),
    ):
        error = refused(text)
        assert (error.fault, error.line) == (ShowFault.BEGINNING_MISSING, line)
        assert error.found == "CTL Record #:9"


def test_so_many_lists_are_one_log() -> None:
    none = show_missing("CTL") + "\n"
    assert len(parse_shown_lists(none * 64)) == 64
    error = refused(none * 65)
    assert str(error) == "line 193: a list after 64 others comes twice"
