"""Lists that contradict each other, to the word; lists that do not are told as such."""

from dataclasses import replace
from typing import Any

import pytest

from tests.phone_emulator.rehearsal.importing.lists import (
    CAPF,
    CM,
    RECOVERY,
    TVS,
    ctl,
    itl,
    record,
)
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.cluster.agreement import (
    check_agreement,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.codes import Role, TrustStore

SHA1 = "ab" * 20
AGAIN = "paste the lists again, or save the files with `file get tftp`"
CHANGED = f"lines or letters of a paste were moved or changed: {AGAIN}"
MOVED = f"lines of a paste were moved: {AGAIN}"
ONE_CLUSTER = (
    "give the lists of one cluster only, and leave out one that is older than the "
    "names that its nodes have now"
)
SHOWN = record(CM, certificate_sha1=SHA1)
"""One certificate, of which a test lets another record say something else."""
CROSSED = (record(TVS, "a", name="b.example"), record(CM, "b", name="a.example"))


def refused(*lists: ImportedList) -> tuple[str, str | None]:
    with pytest.raises(PhoneError) as found:
        check_agreement(lists)
    return str(found.value), found.value.hint


def file_of(held: ImportedList) -> ImportedList:
    return replace(held, length=4000, source=f"{held.source}.tlv")


def of_one_certificate(what: str) -> tuple[str, str]:
    said = "different things of one certificate"
    return f"ctl and itl-pub say {said} (SHA-1 {SHA1}): the {what}", CHANGED


def apart(sources: str, nodes: str) -> tuple[str, str]:
    said = f"{sources} have no node and no certificate in common: {nodes}"
    return said, ONE_CLUSTER


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (
            {"subject": "CN=sub;O=Example"},
            "subject is 'CN=pub;O=Example' and 'CN=sub;O=Example'",
        ),
        ({"issuer": "CN=Lab CA"}, "issuer is 'CN=pub;O=Example' and 'CN=Lab CA'"),
        ({"issuer": "CN=\x1b[2J"}, "issuer is 'CN=pub;O=Example' and 'CN=\\\\1B[2J'"),
        ({"serial": "6A"}, "serial number is 'CallManager-pub' and '6A'"),
        ({"key_bits": 4096}, "key's length is '2048' and '4096'"),
        ({"role": Role.TVS}, "role is 'CCM+TFTP' and 'TVS'"),
        ({"role": Role.CAPF}, "role is 'CCM+TFTP' and 'CAPF'"),
    ],
)
def test_each_value_of_a_certificate_is_the_same_in_all_lists(
    changed: dict[str, Any], what: str
) -> None:
    other = replace(SHOWN, **changed)
    lists = ctl(SHOWN), itl("pub", record(CM), other)
    assert refused(*lists) == of_one_certificate(what)


def test_the_first_difference_is_told() -> None:
    other = replace(SHOWN, subject="CN=a", issuer="CN=b", serial="1", key_bits=1024)
    what = "subject is 'CN=pub;O=Example' and 'CN=a'"
    assert refused(ctl(SHOWN), itl("pub", other)) == of_one_certificate(what)


@pytest.mark.parametrize("role", [Role.CALLMANAGER, Role.TFTP, Role.SAST, 99])
def test_the_certificate_of_callmanager_has_several_roles(role: int) -> None:
    other = replace(SHOWN, role=role)
    check_agreement([ctl(SHOWN), itl("pub", other)])
    check_agreement([ctl(other), itl("pub", SHOWN)])


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [(Role.TVS, Role.CAPF, "'TVS' and 'CAPF'"), (Role.CAPF, Role.TFTP, "'CAPF' and")],
)
def test_two_units_have_no_certificate_in_common(
    one: Role, other: Role, named: str
) -> None:
    lists = ctl(replace(SHOWN, role=one)), itl("pub", replace(SHOWN, role=other))
    assert f"the role is {named}" in refused(*lists)[0]
    for role in (one, other):
        same = replace(SHOWN, role=role)
        check_agreement([ctl(same), itl("pub", record(CM), same)])


def test_a_length_of_a_key_that_one_list_does_not_tell_is_no_difference() -> None:
    untold = replace(SHOWN, key_bits=None)
    for one, other in ((SHOWN, untold), (untold, SHOWN), (untold, untold)):
        check_agreement([ctl(one), itl("pub", other)])


def test_names_are_compared_as_names() -> None:
    same = "o=example, cn=PUB"
    check_agreement([ctl(SHOWN), itl("pub", replace(SHOWN, subject=same, issuer=same))])


def test_a_file_has_a_letter_as_it_is_and_a_text_its_escape() -> None:
    names: dict[str, Any] = {"subject": "CN=pub;O=a\x07b", "issuer": "CN=CA\u2028"}
    escaped: dict[str, Any] = {
        "subject": "CN=pub;O=a\\07b",
        "issuer": "CN=CA\\E2\\80\\A8",
    }
    written = file_of(ctl(replace(SHOWN, **names)))
    check_agreement([written, itl("pub", replace(SHOWN, **escaped))])


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        # The first 120 characters, as long as the difference is one of them.
        (0, ("CN=1" + "y" * 116, "CN=2" + "y" * 116)),
        (116, ("CN=" + "x" * 116 + "1", "CN=" + "x" * 116 + "2")),
        # Behind them: 40 characters before it, and what fits after it.
        (117, ("…" + "x" * 40 + "1" + "y" * 78, "…" + "x" * 40 + "2" + "y" * 78)),
        (300, ("…" + "x" * 40 + "1" + "y" * 78, "…" + "x" * 40 + "2" + "y" * 78)),
    ],
)
def test_of_long_names_that_part_is_shown_that_differs(
    before: int, shown: tuple[str, str]
) -> None:
    """Names that were cut before their difference looked the same in the message."""
    one, other = (f"CN={'x' * before}{each}{'y' * 200}" for each in "12")
    lists = ctl(replace(SHOWN, subject=one)), itl("pub", replace(SHOWN, subject=other))
    what = f"subject is {shown[0]!r} and {shown[1]!r}"
    assert refused(*lists) == of_one_certificate(what)


def test_of_a_long_name_and_its_beginning_the_end_is_shown() -> None:
    one = f"CN={'x' * 200}"
    lists = (
        ctl(replace(SHOWN, subject=one)),
        itl("pub", replace(SHOWN, subject=one[:-1])),
    )
    what = f"subject is '…{'x' * 41}' and '…{'x' * 40}'"
    assert refused(*lists) == of_one_certificate(what)


def test_what_a_file_says_stands_first_whatever_the_order() -> None:
    text = ctl(replace(SHOWN, serial="1"))
    file = file_of(itl("pub", replace(SHOWN, serial="2")))
    for lists in ((text, file), (file, text)):
        said, _ = refused(*lists)
        assert said.startswith("itl-pub.tlv and ctl say different things of one ")
        assert said.endswith(": the serial number is '2' and '1'")


def test_files_are_not_compared_with_each_other() -> None:
    """Their values were read of certificates; roles are the cluster's own matter."""
    check_agreement(
        [file_of(ctl(SHOWN)), file_of(itl("pub", replace(SHOWN, role=Role.CAPF)))]
    )


def test_each_list_is_compared_with_the_first_that_has_the_certificate() -> None:
    other = replace(SHOWN, serial="1")
    said, _ = refused(ctl(SHOWN), itl("pub", SHOWN), itl("sub", record(CM), other))
    assert said.startswith("ctl and itl-sub say different things of one certificate")


def test_one_list_may_contradict_itself() -> None:
    """Records without a certificate do not; those behind them are looked at."""
    empty = [replace(SHOWN, certificate_sha1="", serial=each) for each in "12"]
    check_agreement([ctl(*empty)])
    said, hint = refused(ctl(*empty, SHOWN, replace(SHOWN, serial="3")))
    assert said == (
        f"ctl says different things of one certificate (SHA-1 {SHA1}): "
        "the serial number is 'CallManager-pub' and '3'"
    )
    assert hint == CHANGED


def test_two_records_with_each_others_node_were_moved() -> None:
    assert refused(itl("a", *CROSSED)) == (
        "itl-a: b has the certificate of a (CN=a.example), and the other way round",
        MOVED,
    )
    # A file has its signature: the cluster wrote it so.
    check_agreement([written := file_of(itl("a", *CROSSED))])
    with pytest.raises(PhoneError, match="the other way round"):
        check_agreement([written, itl("b", *CROSSED)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A.one.example", "B.one.example"), ("b.two.example", "a.two.example")),
        (("a", "b"), ("B", "A")),
        (("a.one.example", "B"), ("b", "A.two.example")),
    ],
)
def test_nodes_are_compared_without_case_and_domain(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    records = [record(TVS, node, name=name) for node, name in (one, other)]
    said, hint = refused(itl("a", record(CM, "a"), *records))
    assert said.startswith(f"itl-a: {other[0]} has the certificate of {one[0]} (CN=")
    assert hint == MOVED


EC_OF_A = record(CM, "b", name="a-EC.example", is_ec=True)
EC_OF_B = record(CM, "a", name="b-EC.example", is_ec=True)


@pytest.mark.parametrize(
    ("records", "host"),
    [
        ((EC_OF_B, EC_OF_A), "a-EC"),
        ((CROSSED[0], EC_OF_A), "a-EC"),
        ((CROSSED[0], record(RECOVERY, "b", name="ITLRECOVERY_a.example")), "ITLRECOV"),
    ],
)
def test_a_certificate_is_a_nodes_whatever_stands_beside_its_name(
    records: tuple[ImportedRecord, ...], host: str
) -> None:
    said, hint = refused(itl("a", record(CM, "a"), *records))
    assert said.startswith(f"itl-a: b has the certificate of a (CN={host}")
    assert hint == MOVED


def test_what_stands_between_two_moved_records_changes_nothing() -> None:
    between = (
        record(TVS, "c", name="c.example"),
        record(TVS, "", name="a"),
        record(TVS, "c", name="d.example"),
    )
    said, _ = refused(itl("a", CROSSED[0], *between, CROSSED[1]))
    assert said.startswith("itl-a: b has the certificate of a ")


_NEXT = (("a.x", "b.example"), ("b.x", "c.example"), ("c.x", "A.example"))
RING = tuple(record(TVS, node, name=name) for node, name in _NEXT)
IN_A_RING = "a.x has the certificate of b.x (CN=b.example), b.x that of c.x, and so on"


@pytest.mark.parametrize(
    "records",
    [
        RING,
        RING[::-1],
        (record(TVS, "d", name="a"), record(TVS, "e", name="d"), *RING),
        (record(TVS, "b.x", name="f"), *RING, record(TVS, "f", name="g")),
        (record(TVS, "d", name="e"), record(TVS, "e", name="f"), *RING),
    ],
)
def test_records_that_have_each_the_next_ones_node_were_moved(
    records: tuple[ImportedRecord, ...],
) -> None:
    said, _ = refused(itl("a", record(CM, "a"), *records))
    assert {name for name in "abcdefg" if f"{name}.x" in said} == set("abc")


def test_a_ring_is_told_from_its_first_record_on() -> None:
    longer = record(TVS, "c.x", name="d.x"), record(TVS, "d.x", name="a.x")
    for ring in (RING, (*RING[:2], *longer)):
        assert refused(itl("a", *ring)) == (f"itl-a: {IN_A_RING} round to a.x", MOVED)
    check_agreement([file_of(itl("a", *RING))])
    for rest in (RING[1:], RING[:-1], RING[::2]):
        check_agreement([itl("a", *rest, record(TVS, "d", name="a"))])


@pytest.mark.parametrize(
    "records",
    [
        [record(TVS, "a", name="b"), record(TVS, "b", name="c")],
        [record(TVS, "a", name="b"), record(TVS, "c", name="a")],
        [record(TVS, "a", name="b"), record(TVS, "a", name="b")],
        [record(TVS, "a", name="a"), record(TVS, "b", name="b")],
        # A host may be called so, and one certificate of all nodes is nobody's.
        [record(TVS, "a-EC", name="a-EC"), record(CM, "a", name="a-EC", is_ec=True)],
        [record(TVS, "a", name="b-EC"), record(TVS, "b", name="a-EC")],
        [record(CM, each, name="a-EC-ms", is_ec=True) for each in "ab"],
        # No node is named: an empty name is nobody's, and crosses with nobody.
        [record(TVS, "", name="b"), record(TVS, "b", subject="O=Example")],
        [record(TVS, "b", subject="O=Example"), record(TVS, "", name="b")],
    ],
)
def test_one_certificate_of_another_node_is_no_paste_that_was_moved(
    records: list[ImportedRecord],
) -> None:
    check_agreement([itl("a", record(CM, "a"), *records)])


def test_names_of_nodes_that_cannot_be_printed_are_escaped() -> None:
    one = record(TVS, "a.\x1b[2J", name="b")
    other = record(CM, "b.\x07", name=f"a.\x9b{'m' * 200}")
    assert refused(itl("a", one, other))[0] == (
        "itl-a: b.\\07 has the certificate of a.\\1B[2J "
        f"(CN=a.\\C2\\9B{'m' * 112}), and the other way round"
    )


def test_three_clusters_are_told_as_the_first_two() -> None:
    lists = itl("Pub.one.example"), itl("berlin"), itl("paris")
    said = apart("itl-Pub.one.example and itl-berlin", "pub; berlin")
    assert refused(*lists) == said


def test_lists_are_grouped_by_the_last_one() -> None:
    """A group is told as its first list, behind those that stand alone."""
    first, alone = itl("a"), itl("x")
    joining = itl("b", record(CM, "b"), record(TVS, "A.example"))
    said = refused(first, alone, joining)
    assert said == apart("itl-x and itl-a", "x; a, b")
    check_agreement([first, itl("b"), joining, itl("b")])


def test_two_groups_are_joined_by_a_third_list() -> None:
    lists = itl("a"), itl("b"), itl("x"), itl("c", record(CM, "b"), record(TVS, "a"))
    assert refused(*lists) == apart("itl-x and itl-a", "x; a, b")
    check_agreement([lists[0], lists[1], lists[3]])


def test_a_certificate_joins_lists_of_other_names() -> None:
    """Joined lists have the certificates of all of them: a fourth meets them by any."""
    one = itl("a", record(CM, "a", "A"), record(TVS, "a", "1"))
    two = itl("b", record(CM, "b", "B"), record(TVS, "b", "1", name="a"))
    for third in (record(CM, "c", "A", name="a"), record(CM, "c", "B", name="b")):
        check_agreement([one, two, itl("c", third)])
    other = itl("d", record(CM, "d", "A", issuer="CN=another CA"))
    assert refused(one, two, other) == apart("itl-a and itl-d", "a, b; d")


def test_certificates_of_no_node_join_nothing() -> None:
    """A token, or the SAST of another cluster, stands in lists of several."""
    recovery = record(RECOVERY, "pub", "7")
    lists = (itl(each, record(CM, each), recovery) for each in ("a", "b"))
    assert refused(*lists) == apart("itl-a and itl-b", "a; b")


def test_emptied_records_join_nothing() -> None:
    lists = (
        itl(each, record(CM, each), record(TVS, each, serial="", issuer=""))
        for each in ("a", "b")
    )
    emptied = [
        replace(held, entries=(held.entries[0], replace(held.entries[1], serial="")))
        for held in lists
    ]
    assert refused(*emptied) == apart("itl-a and itl-b", "a; b")


@pytest.mark.parametrize("unit", [CM, TVS, CAPF])
@pytest.mark.parametrize("place", ["10.1.1.1", ""])
def test_a_list_that_names_only_some_of_its_nodes_is_of_any_cluster(
    place: str, unit: TrustStore
) -> None:
    some = ctl(record(CM, "x"), record(unit, place, "9"))
    check_agreement([some, itl("a")])
    check_agreement([itl("a"), some])


def test_a_list_without_names_joins_by_certificates_and_does_not_stand_for_them() -> (
    None
):
    """What is told as the source has the names that are told beside it."""
    shared = (record(TVS, "a", "1"), record(TVS, "10.1.1.1", "1", name="a"))
    unnamed = ctl(shared[1])
    lists = unnamed, itl("a", record(CM, "a"), shared[0]), itl("x")
    assert refused(*lists) == apart("itl-a and itl-x", "a; x")
    bridge = itl("c", record(CM, "c", "1", issuer=shared[0].issuer))
    check_agreement([lists[1], unnamed, bridge])


def test_tokens_without_a_node_leave_names_as_they_are() -> None:
    token = record(RECOVERY, "", "T")
    assert refused(ctl(record(CM, "a"), token), itl("b")) == apart(
        "ctl and itl-b", "a; b"
    )


def test_names_of_many_nodes_are_told_in_order_and_counted() -> None:
    many = ctl(*(record(CM, f"n{number}") for number in range(9, -1, -1)))
    said, _ = refused(many, itl("b", record(TVS, "A"), record(CM, "b")))
    assert said.endswith(": n0, n1, n2, n3, n4, n5, n6, n7 and 2 more; a, b")
