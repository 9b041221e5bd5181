"""Lists that contradict each other: no trace in either, but one of them was changed."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.phone_emulator.rehearsal.importing.lists import (
    CAPF,
    CM,
    TVS,
    ctl,
    itl,
    record,
)
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import read_cluster
from tokenless.protocol.codes import TrustStore

FIELD = Path(__file__).parents[1] / "field"
OWN = "CN=CAPF-0a1b2c3d"
"""The common name of CAPF, which stands in one record of each list."""


def swapped(text: str, pattern: str, first: int, second: int) -> str:
    """Let two lines change places: no length in the list tells it."""
    found = list(re.finditer(pattern, text, re.MULTILINE))
    one, other = found[first], found[second]
    return (
        f"{text[: one.start()]}{other[0]}{text[one.end() : other.start()]}{one[0]}"
        f"{text[other.end() :]}"
    )


def imported(folder: Path, changed: str, text: str) -> tuple[int, str, str]:
    (folder / "changed.txt").write_text(text)
    kinds = {"ctl": "--ctl", "itl-pub": "--itl", "itl-sub1": "--itl"}
    words = ["rehearse", "import"]
    for name, option in kinds.items():
        file = folder / "changed.txt" if name == changed else FIELD / f"{name}.txt"
        words += [option, str(file)]
    return run_cli(*words)


@pytest.mark.parametrize(
    ("changed", "pattern", "lines", "said"),
    [
        ("ctl", r"^6 +SERIALNUMBER.*$", (2, 3), "the serial number"),
        ("ctl", r"^9 +CERTIFICATE.*\n.*$", (2, 3), "the subject"),
        ("itl-pub", r"^9 +CERTIFICATE.*\n.*$", (2, 3), "the subject"),
        ("itl-sub1", r"^4 +FUNCTION.*$", (3, 4), "the role"),
        ("ctl", r"^4 +FUNCTION.*$", (2, 3), "the role"),
    ],
)
def test_one_certificate_of_which_lists_say_different_things(
    tmp_path: Path, changed: str, pattern: str, lines: tuple[int, int], said: str
) -> None:
    text = swapped((FIELD / f"{changed}.txt").read_text(), pattern, *lines)
    status, out, err = imported(tmp_path, changed, text)
    assert (status, out) == (1, "")
    assert "say different things of one certificate" in err
    assert f"{said} is " in err
    assert "changed.txt" in err
    assert "`file get tftp`" in err


def test_a_letter_that_differs_from_the_same_certificate_elsewhere(
    tmp_path: Path,
) -> None:
    text = (FIELD / "itl-pub.txt").read_text().replace(OWN, OWN.replace("0a", "0e"))
    status, out, err = imported(tmp_path, "itl-pub", text)
    assert (status, out) == (1, "")
    assert "CN=CAPF-0e1b2c3d" in err
    assert "CN=CAPF-0a1b2c3d" in err


def test_nodes_whose_names_changed_places() -> None:
    """Each record has the certificate that is called after the other's node."""
    shared = record(TVS, "a", name="b.example")
    crossing = record(TVS, "b", name="a.example")
    assert read_cluster([itl("a", shared, record(TVS, "b"))]).nodes
    with pytest.raises(PhoneError) as found:
        read_cluster([itl("a", shared, crossing)])
    assert str(found.value) == (
        "itl-a: b has the certificate of a (CN=a.example), and the other way round"
    )


def test_lists_of_two_clusters_are_refused() -> None:
    ours = ctl(record(CM, "pub"), record(CAPF, "pub"))
    capf = record(CAPF, "munich", name="CAPF-2")
    theirs = itl("berlin", record(CM, "berlin"), capf)
    with pytest.raises(PhoneError) as found:
        read_cluster([ours, theirs])
    assert str(found.value) == (
        "ctl and itl-berlin have no node and no certificate in common: pub; berlin, "
        "munich"
    )
    assert "of one cluster" in (found.value.hint or "")


def test_lists_that_are_joined_by_a_third_are_of_one_cluster() -> None:
    first, second = itl("a"), itl("c")
    joining = itl("b", record(CM, "b"), record(CAPF, "A.example"), record(CM, "c"))
    cluster = read_cluster([first, second, joining])
    assert sorted(node.name for node in cluster.nodes) == ["A", "a", "b", "c"]


@pytest.mark.parametrize("unit", [CM, TVS, CAPF])
def test_lists_that_have_a_nodes_certificate_in_common_are_of_one_cluster(
    unit: TrustStore,
) -> None:
    """A certificate of several nodes stands there by the name of any of them."""
    one, other = (
        itl(node, record(CM, node), record(unit, node, "1", name="pub-ms.example"))
        for node in ("pub", "sub")
    )
    assert len(read_cluster([one, other]).nodes) == 2
    stranger = itl("berlin", record(CM, "berlin"), record(unit, "berlin", "2"))
    with pytest.raises(PhoneError, match="no node and no certificate in common"):
        read_cluster([one, other, stranger])


def test_what_a_text_does_not_tell_contradicts_no_file() -> None:
    """It has no key's length of 3072 bits or of a curve, and blanks of its own."""
    subject = "CN=CAPF-1;O=Example"
    kept = record(CAPF, certificate_sha1="a" * 40, key_bits=3072, subject=subject)
    file = replace(itl("pub", record(CM, "pub"), kept), length=5000)
    for shown in (subject, "O=Example,CN=CAPF-1", "cn=CAPF-1;o=Example "):
        told = replace(kept, key_bits=None, subject=shown, issuer=shown)
        assert read_cluster([file, itl("sub", record(CM, "sub"), told)]).nodes
    for other in ({"key_bits": 2048}, {"subject": "CN=CAPF-7;O=Example"}):
        said = itl("sub", record(CM, "sub"), replace(kept, **other))
        with pytest.raises(PhoneError, match="say different things"):
            read_cluster([file, said])


def test_addresses_in_the_place_of_names_tell_no_other_cluster() -> None:
    client = ctl(record(CM, "10.1.1.1", name="shared.example"))
    assert read_cluster([client, itl("pub")]).nodes


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1250", "cp850"])
def test_letters_of_an_unknown_encoding_are_a_guess(
    tmp_path: Path, encoding: str
) -> None:
    """`ó` of a DOS window is `¢` in Windows-1252: as many bytes, so it adds up."""
    text = (FIELD / "ctl.txt").read_text().replace("O=Example", "O=Exóple")
    (tmp_path / "ctl.txt").write_text(text, encoding)
    status, out, err = run_cli("rehearse", "import", "--ctl", f"{tmp_path}/ctl.txt")
    assert status == 0, err
    is_known = encoding.startswith("utf")
    assert ("letters outside of ASCII are a guess: CN=" in err) is not is_known
    assert ("The same certificate and node names" in out) is is_known


def test_letters_that_another_list_has_in_utf_8_are_no_guess(tmp_path: Path) -> None:
    words = ["rehearse", "import"]
    for name, kind, encoding in (
        ("ctl", "ctl", "cp1252"),
        ("itl-pub", "itl", "utf-8"),
        ("itl-sub1", "itl", "utf-8"),
    ):
        text = (FIELD / f"{name}.txt").read_text().replace("O=Example", "O=Exóple")
        (tmp_path / f"{name}.txt").write_text(text, encoding)
        words += [f"--{kind}", f"{tmp_path}/{name}.txt"]
    status, _, err = run_cli(*words)
    assert status == 0, err
    assert "letters outside of ASCII" not in err
