"""An export of phones, row by row: what is counted, what is said, what is refused."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.sources.lists import SourceLineError
from tokenless.phone_emulator.rehearsal.importing.sources.phones import (
    MAX_TABLE_BYTES,
    PhoneKind,
    PhoneTable,
    load_phones,
    phones_of,
)
from tokenless.protocol.phones.features import FEATURES

AGAIN = "is a quotation mark missing? Export it again as CSV, unedited"
WITHOUT_MODEL = "a comma is missing, or the export was edited; export it again"
COLUMNS = (
    "give BAT's Export Phones > All Details, a RIS table with Model, the output of "
    "`run sql`, or a CSV file "
    "with the columns model, device pool, count"
)
SAME_SERVERS = "device pools ask the same TFTP servers in the same order"


def counted(text: str) -> list[tuple[str, str, int]]:
    return [(kind.pool, kind.model, kind.count) for kind in phones_of(text, "a").kinds]


def refused(text: str) -> PhoneError:
    with pytest.raises(PhoneError) as found:
        phones_of(text, "a.csv")
    return found.value


def said(table: PhoneTable) -> list[tuple[Topic, str, str]]:
    return [(each.topic, each.what, each.why) for each in table.approximations]


@pytest.mark.parametrize(
    "head",
    [
        "Device Name,Device Pool,Device Type,Count",
        "name;Device_Pool;MODEL;phones",
        "Device Name (Line)\tdevice pool name\tModel Name\tQuantity",
        " Name , Device Pool Name , model , Devices ",
        "'name','devicepool','model','count'",
    ],
)
def test_columns_are_found_by_any_of_their_names(head: str) -> None:
    delimiter = next(each for each in ",;\t" if each in head)
    row = delimiter.join(["SEP1", "HQ", "Cisco 8861", "3"])
    assert counted(f"{head}\n{row}\n") == [("HQ", "8861", 3)]


def test_of_two_columns_the_first_of_its_names_counts() -> None:
    text = "name,model name,device type,model\nA,7821,8861,7975\n"
    assert counted(text) == [("", "8861", 1)]
    assert counted("name,model name,model\nA,7821,7975\n") == [("", "7975", 1)]


def test_the_delimiter_is_the_one_that_the_first_line_has_most() -> None:
    text = "model;a,b;device pool;name\n8861;x;a,b;y\n"
    assert counted(text) == [("a,b", "8861", 1)]
    assert counted("\n \n model,count\n\n8861,2\n , \n8861,3\n") == [("", "8861", 5)]
    late = "\n\nmodel;device pool\n8861;a,b,c,d\n"
    assert counted(late) == [("a,b,c,d", "8861", 1)]


def test_a_row_may_end_early_and_have_blanks() -> None:
    text = "name,device pool,model,count\nA, HQ , Cisco 8861 \nB,HQ,8861,\n"
    assert counted(f"{text}C,HQ,8861, 2 ,x\n") == [("HQ", "8861", 4)]
    assert counted("model,device pool,\n8861,\n8861,HQ,\n") == [
        ("", "8861", 1),
        ("HQ", "8861", 1),
    ]


def test_a_device_of_several_rows_is_counted_once() -> None:
    text = "name,model\nSEP1(1),8861\n sep1 (2),8861\nSEP2,7975\n,7975\n,7975\n"
    assert counted(text) == [("", "8861", 1), ("", "7975", 3)]
    assert counted("name,device pool,model\nA,HQ,8861\nA,B,8861\n") == [
        ("HQ", "8861", 1)
    ]


def test_a_device_that_is_registered_somewhere_is_registered() -> None:
    head = "name,device pool,model,status\n"
    off, on = "A,HQ,8861,UnRegistered\n", "A,Branch,8861,REGISTERED\n"
    for rows, pool, number in (
        (off + on, "Branch", 0),
        (on + off, "Branch", 0),
        (on + on.replace("Branch", "C"), "Branch", 0),
        (off + off.replace("HQ", "C"), "HQ", 1),
        (off + on.replace("A", "B") + "C,HQ,8861,\n", "HQ", 2),
    ):
        table = phones_of(head + rows, "a")
        assert (table.kinds[0].pool, table.unregistered) == (pool, number)
    assert phones_of("name,model\nA,8861\n", "a").unregistered is None
    assert phones_of("model,status,count\n8861,none,7\n", "a").unregistered == 7
    assert phones_of("model,status\n8861,\n", "a").unregistered is None


def test_kinds_are_told_with_the_model_that_plays_them() -> None:
    features = dict(FEATURES)
    old = features["7937"]
    features["7937"] = replace(old, like="7975")
    text = "device pool,model,count\nHQ,7937,3\nHQ,8861,1\nHQ,7937,2\n"
    table = phones_of(text, "a", features)
    assert table.kinds == (
        PhoneKind("HQ", "7937", 5, "7975"),
        PhoneKind("HQ", "8861", 1, "8861"),
    )
    assert said(table) == [
        (
            Topic.MODELS,
            "models that another one plays: 5 7937 as 7975",
            "the cluster's list of features says of them what the table does not",
        )
    ]
    assert table.unknown == ()


def test_guesses_are_told_the_most_phones_first() -> None:
    text = "model,count\n8845,2\nCSF,1\n8961,4\n8845,1\n8861,9\n"
    text = text.replace("CSF", "Cisco Unified Client Services Framework")
    assert said(phones_of(text, "a")) == [
        (
            Topic.MODELS,
            (
                "models of which sources do not state every feature: 4 8961 (inferred: "
                "Security By Default, LSC and MIC, issuer of the MIC, newest TLS "
                "version, EC keys; unknown: largest RSA key, form of the log), 3 8845 "
                "(inferred: issuer of the MIC), 1 Unified Client Services Framework "
                "(unknown: largest RSA key, EC keys, form of the log)"
            ),
            "what is unknown is as that of a model like it, which sources describe",
        )
    ]


def test_what_is_left_out_is_counted_by_its_reason() -> None:
    text = "model,count\nATA 191,2\nCTI Port,1\nATA 190,4\nSIP Trunk,7\n8861,1\n"
    text += "ATA 190,1\n"
    table = phones_of(text, "a")
    assert said(table) == [
        (
            Topic.PHONES,
            "left out: 5 ATA 190, 2 ATA 191",
            "nothing is known of how these models judge trust lists",
        ),
        (
            Topic.PHONES,
            "left out: 7 SIP Trunk, 1 CTI Port",
            "these check no trust lists, or are no phones",
        ),
    ]
    assert table.unknown == ("ATA 191", "ATA 190")
    error = refused(text.replace("8861", "ATA 192"))
    assert str(error) == (
        "a.csv has no phone that can be played: left out: 5 ATA 190, 2 ATA 191, 1 ATA "
        "192 (nothing is known of how these models judge trust lists); left out: 7 SIP "
        "Trunk, 1 CTI Port (these check no trust lists, or are no phones)"
    )
    assert error.hint == "name phones with --models instead"


def test_names_of_models_are_short_and_printable() -> None:
    text = f"model\n8861\n\x1b[31m{'x' * 50}\n"
    table = phones_of(text, "a")
    assert table.unknown == ("\\1B[31m" + "x" * 33,)
    assert len(table.unknown[0]) == 40


def test_groups_of_pools_are_said_to_be_alike() -> None:
    table = phones_of("device pool,model\nB,8861\nA\x07,8861\nB,7975\n", "a")
    assert [each.what for each in table.approximations_of([])] == [
        f"all 2 {SAME_SERVERS}, and 2 of them have the same CallManager group"
    ]
    (one,) = table.approximations_of(["B"])
    assert (one.topic, one.what) == (
        Topic.POOLS,
        f"all 2 {SAME_SERVERS}, and the CallManager group of A\\07 is a guess",
    )
    assert one.why == (
        "the export does not tell option 150, nor the groups of device pools; --pool "
        "tells groups"
    )
    (none,) = table.approximations_of(["B", "A\x07"])
    assert none.what == f"all 2 {SAME_SERVERS}"
    with pytest.raises(PhoneError) as found:
        list(table.approximations_of(["B", "C\x07"]))
    assert str(found.value) == "no phone of the list has the device pool C\\07"
    assert found.value.hint == "pools are A\\07, B"


def test_a_lone_pool_is_told_as_one() -> None:
    table = phones_of("device pool,model\nB,8861\n", "a")
    servers = "the order of the device pool's TFTP servers is a guess"
    for told, what in (
        ([], f"{servers}, and so is its CallManager group"),
        (["B"], servers),
    ):
        assert [each.what for each in table.approximations_of(told)] == [what]


def test_what_an_export_says_of_itself_comes_first() -> None:
    table = phones_of("device pool,model\nB,8845\n", "a")
    assert [each.topic for each in table.approximations_of(["B"])] == [
        Topic.MODELS,
        Topic.POOLS,
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason", "hint"),
    [
        (
            'name,model\n\n"SEP1\nlobby",8861\nSEP2\n',
            5,
            "the row has no model",
            WITHOUT_MODEL,
        ),
        ("name,model\nSEP1, \n", 2, "the row has no model", WITHOUT_MODEL),
        (
            "\nmodel,count\n8861,1\n8861,100001\n",
            4,
            "'100001' is not a number of phones",
            "write 1 to 100000",
        ),
        (
            "model,count\n8861,00\n",
            2,
            "'00' is not a number of phones",
            "write 1 to 100000",
        ),
        (
            f"model,count\n8861,\x07{'x' * 30}\n",
            2,
            f"'{'x' * 20}' is not a number of phones".replace("xxx", "\\\\07", 1),
            "write 1 to 100000",
        ),
        (
            "name,model\n\nA,Cisco 8861\nB,8861\n\na,7975\n",
            6,
            "this device has another model in line 3",
            "delete the row that is older",
        ),
    ],
)
def test_a_row_that_is_refused_is_found_in_its_line(
    text: str, line: int, reason: str, hint: str
) -> None:
    error = refused(text)
    assert isinstance(error, SourceLineError)
    assert (error.line, str(error)) == (line, f"a.csv, line {line}: {reason}")
    assert error.hint == hint


def test_the_case_of_a_model_does_not_matter() -> None:
    text = "name,model\nA,cti port\nA,CTI Port\nB,8861\n"
    assert counted(text) == [("", "8861", 1)]


def test_what_is_no_csv_is_refused() -> None:
    error = refused(f"model\n8861\n{'x' * 200_000}\n")
    assert isinstance(error, SourceLineError)
    assert error.line == 3
    assert str(error).startswith("a.csv, line 3: field larger than field limit")
    assert error.hint == AGAIN


def test_a_quotation_without_an_end_is_refused_where_it_begins() -> None:
    error = refused('model,count\n8861,1\n"8861,2\n7975,3\n')
    assert isinstance(error, SourceLineError)
    assert (error.line, error.hint) == (3, AGAIN)


def test_an_export_without_models_or_phones_is_refused() -> None:
    long = "x" * 31
    error = refused(f"{long},b\x07,c,d,e,f,g,h,i\n")
    assert str(error) == (
        "a.csv has no column for the model: its first line is "
        f"'{'x' * 30}, b\\\\07, c, d, e, f, g, h'"
    )
    assert error.hint == COLUMNS
    assert str(refused("\n")).endswith("its first line is ''")
    error = refused("model\n\n")
    assert (str(error), error.hint) == ("a.csv has no phones", "export at least one")


def kinds(pools: int, count: int) -> Iterator[str]:
    yield "device pool,model,count"
    for pool in range(pools):
        yield f"p{pool},8861,{count}"


def test_so_many_phones_and_groups_are_one_cluster() -> None:
    assert len(phones_of("\n".join(kinds(400, 250)), "a").kinds) == 400
    error = refused("\n".join(kinds(401, 1)))
    assert str(error) == (
        "a.csv has 401 phones in 401 groups of a device pool and a model"
    )
    assert error.hint == "give at most 100000 phones in 400 groups"
    assert "100001 phones in 2 groups" in str(
        refused("device pool,model,count\na,8861,100000\nb,8861,1\n")
    )
    rows = "\n".join(["model", *["8861"] * 200_001])
    error = refused(rows)
    assert str(error) == "a.csv has over 200000 rows"
    assert error.hint == "give one cluster's phones"
    assert "200000 phones" in str(refused(rows[: -len("8861\n")]))


def test_a_file_is_read_in_any_encoding_and_not_without_end(tmp_path: Path) -> None:
    path = tmp_path / "phones.csv"
    path.write_bytes("model,device pool\n8861,Größe\n".encode("utf-16"))
    assert load_phones(path).kinds == (PhoneKind("Größe", "8861", 1, "8861"),)
    features = {**FEATURES, "8861": replace(FEATURES["8861"], like="7975")}
    (kind,) = load_phones(path, features).kinds
    assert kind.like == "7975"
    path.write_text("name\n")
    with pytest.raises(PhoneError, match=f"{path} has no column for the model"):
        load_phones(path)
    with path.open("wb") as file:
        file.truncate(MAX_TABLE_BYTES + 1)
    with pytest.raises(PhoneError, match=f"has over {64 << 20} bytes"):
        load_phones(path)
