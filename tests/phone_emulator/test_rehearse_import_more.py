"""`rehearse import` with a configuration, an export of phones, and odd lists."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.rigs.cluster import PUB, SUB, Lab, keypair, record
from tests.rigs.run_cli import run_cli
from tests.rigs.shown_texts import made_up, text_of
from tests.rigs.third_party import certutils_list
from tokenless.phone_emulator.rehearsal.importing.sources.models import real_model
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.script import Script, sizes
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.codes import Role
from tokenless.protocol.files.record import Record, RecordTag, compose_record
from tokenless.protocol.files.signed_file import sign_file
from tokenless.protocol.files.trust_list_build import emptied_record
from tokenless.protocol.phones.configuration import (
    CallManagerMember,
    PhoneConfig,
    TvsMember,
)
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.services.config import load_config

MIXED = replace(Lab(), mixed=True)
HOSTILE = "O=\x1b[31mred\nstuck = true;"


@pytest.fixture
def lists(tmp_path: Path) -> list[str]:
    ctl, itl = tmp_path / "CTLFile.tlv", tmp_path / "ITLFile.tlv"
    ctl.write_bytes(MIXED.ctl().sign("CTLFile.tlv"))
    itl.write_bytes(MIXED.itl().sign("ITLFile.tlv"))
    return ["--ctl", str(ctl), "--itl", str(itl)]


def imported(tmp_path: Path, *words: str) -> tuple[dict[str, Any], Script]:
    output = tmp_path / "ours.toml"
    status, out, err = run_cli(
        "rehearse", "import", "--json", *words, "--output", str(output)
    )
    assert status == 0, err
    script = load_script(output)
    load_config(None, script.cluster)
    found: dict[str, Any] = json.loads(out)
    return found, script


def refused(*words: str) -> str:
    status, out, err = run_cli("rehearse", "import", *words)
    assert (status, out) == (1, "")
    return err


def topics(found: dict[str, Any]) -> set[str]:
    return {each["topic"] for each in found["approximations"]}


def configuration(path: Path, *members: str, tvs: tuple[str, ...] = (SUB, PUB)) -> str:
    config = PhoneConfig(
        callmanager_group="CMG-A",
        callmanagers=tuple(
            CallManagerMember(address, address, number)
            for number, address in enumerate(members)
        ),
        tvs=tuple(TvsMember(address, 2445, n) for n, address in enumerate(tvs)),
    )
    path.write_bytes(config.encode())
    return str(path)


def test_a_configuration_gives_the_group_and_its_order(
    tmp_path: Path, lists: list[str]
) -> None:
    config = configuration(tmp_path / "SEP.cnf.xml", SUB, PUB)
    found, script = imported(tmp_path, *lists, "--config", config)
    group = {"name": "CMG-A", "members": ["cucm-sub1", "cucm-pub"]}
    assert found["callmanager_group"] == group
    assert script.cluster["callmanager_groups"] == [group]
    assert not {"callmanager-group", "tvs-members"} & topics(found)


def test_a_signed_configuration_does_too(tmp_path: Path, lists: list[str]) -> None:
    plain = tmp_path / "SEP.cnf.xml"
    configuration(plain, SUB, PUB)
    signed = tmp_path / "SEP.cnf.xml.sgn"
    signer = MIXED.callmanager_pub.signer
    file = sign_file("SEP.cnf.xml.sgn", plain.read_bytes(), signer, timestamp=1)
    signed.write_bytes(file.data)
    found, _ = imported(tmp_path, *lists, "--config", str(signed))
    assert found["callmanager_group"]["members"] == ["cucm-sub1", "cucm-pub"]


def test_other_tvs_servers_than_the_groups_are_said(
    tmp_path: Path, lists: list[str]
) -> None:
    config = configuration(tmp_path / "SEP.cnf.xml", SUB, PUB, tvs=(PUB, "10.9.9.9"))
    found, _ = imported(tmp_path, *lists, "--config", config)
    (said,) = [a for a in found["approximations"] if a["topic"] == "tvs-members"]
    assert "there they ask cucm-pub, 10.9.9.9" in said["what"]


def test_a_configuration_of_another_cluster_is_refused(
    tmp_path: Path, lists: list[str]
) -> None:
    config = configuration(tmp_path / "SEP.cnf.xml", PUB, "10.9.9.9")
    err = refused(*lists, "--config", config)
    assert "CallManager 10.9.9.9 is not a node of the lists" in err
    assert "nodes are cucm-pub, cucm-sub1" in err


def test_what_is_no_configuration_is_refused(tmp_path: Path, lists: list[str]) -> None:
    path = tmp_path / "SEP.cnf.xml"
    path.write_text("<device/>")
    assert "names no CallManager" in refused(*lists, "--config", str(path))
    path.write_text("<html>")
    assert "is not a phone's configuration" in refused(*lists, "--config", str(path))


BAT = """\
Device Name,Description,Device Pool,Phone Load Name,Device Type,Authentication String
SEP0011AA220001,Lobby,DP-Oslo,,Cisco 7975,12345678
SEP0011AA220002,"Room 4, east",DP-Oslo,sip8845_65.14-2-1,Cisco 8845,
SEP0011AA220005,'Room 5',DP-Oslo,,Cisco 8845,
CSFJDOE,,DP-Soft,,Cisco Unified Client Services Framework,
ATA0011AA220003,Fax,DP-Oslo,,Cisco ATA 191,
CTI1,,DP-Oslo,,CTI Port,
"""
RIS = """\
Name,Model,Protocol,Status,Node,ActiveLoadID,IP
SEP0011AA220001,437,SCCP,UnRegistered,ucm-sub1,SCCP75.9-3-1SR4-1S,192.0.2.11
SEP0011AA220001,437,SCCP,Registered,ucm-pub,SCCP75.9-3-1SR4-1S,192.0.2.11
SEP0011AA220002,36224,SIP,UnRegistered,ucm-sub1,sip8845_65.14-2-1,192.0.2.12
"""
SOFT = "Unified-Client-Services-Framework"
COUNTS = "model;device pool;count\n8861;HQ;3\nCisco 8851;HQ;4\n7821;Branch office;2\n"


@pytest.mark.parametrize(
    ("table", "groups"),
    [
        (BAT, {"DP-Oslo-7975": 1, "DP-Oslo-8845": 2, f"DP-Soft-{SOFT}": 1}),
        (RIS, {"phones-7975": 1, "phones-8845": 1}),
        (COUNTS, {"HQ-8861": 3, "HQ-8851": 4, "Branch-office-7821": 2}),
        ("\ufeff" + BAT.replace("\n", "\r\n"), {"DP-Oslo-7975": 1, "DP-Oslo-8845": 2}),
    ],
    ids=["BAT", "RIS", "counts", "BOM"],
)
def test_an_export_of_phones_gives_the_groups(
    tmp_path: Path, lists: list[str], table: str, groups: dict[str, int]
) -> None:
    path = tmp_path / "phones.csv"
    path.write_text(table)
    found, script = imported(tmp_path, *lists, "--phones", str(path))
    counts = {group.name: group.count for group in script.groups}
    assert groups.items() <= counts.items()
    assert {group.played for group in script.groups} <= PHONE_MODELS.keys()
    assert found["phones"] == sum(filter(None, counts.values()))
    assert {"stand-in-models", "device-pools"} <= topics(found)
    text = (tmp_path / "ours.toml").read_text()
    assert "like = " not in text, "every model of these plays itself"
    assert "12345678" not in text
    assert "Lobby" not in text


def test_phones_that_cannot_be_played_are_counted(
    tmp_path: Path, lists: list[str]
) -> None:
    path = tmp_path / "phones.csv"
    path.write_text(BAT)
    found, _ = imported(tmp_path, *lists, "--phones", str(path))
    said = [a["what"] for a in found["approximations"] if a["topic"].startswith("ph")]
    assert said == ["left out: 1 ATA 191", "left out: 1 CTI Port"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "has no column for the model"),
        ("Device Class,Name,IP\nPhone,SEP1,1\n", "has no column for the model"),
        ("model,count\n8861,many\n", "line 2: 'many' is not a number of phones"),
        ("model,count\n8861,0\n", "line 2: '0' is not a number of phones"),
        ("name,model\nSEP1\n", "line 2: the row has no model"),
        ('model,pool\n8861,"P\n8861,Q\n7975,R\n', "line 2: unexpected end of data"),
        ('name,model,count\n"a\nb",8861,1\nc,8861,x\n', "line 4: 'x' is not"),
        ("name,model\nSEP1,8861\nSEP1,7975\n", "another model in line 2"),
        ("name,model\nATA1,Cisco ATA 191\n", "1 ATA 191 (nothing is known"),
        ("model,count\n8861,100000\n7975,9\n", "give at most 100000 phones"),
        ("model\n", "has no phones"),
    ],
)
def test_what_is_no_export_of_phones_is_refused(
    tmp_path: Path, lists: list[str], table: str, words: str
) -> None:
    path = tmp_path / "phones.csv"
    path.write_text(table)
    assert words in refused(*lists, "--phones", str(path))


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("Cisco 8845", "8845"),
        ("36224", "8845"),
        ("7975", "7975"),
        ("437", "7975"),
        ("7", "7960"),
        ("Cisco Dual Mode for iPhone", "Dual Mode for iPhone"),
        ("Cisco 7841", "7841"),
        ("Cisco 7937", None),
        ("H.323 Phone", None),
    ],
)
def test_the_model_that_stands_in(text: str, like: str | None) -> None:
    assert real_model(text).like == like


def test_a_file_that_was_edited_is_not_overwritten(
    tmp_path: Path, lists: list[str]
) -> None:
    output = tmp_path / "ours.toml"
    imported(tmp_path, *lists)
    imported(tmp_path, *lists, "--models", "8861")
    assert "8861-at-cucm-pub" in output.read_text()
    edited = output.read_text() + "# mine\n"
    output.write_text(edited)
    err = refused(*lists, "--output", str(output))
    assert "was edited, or was not written by tokenless" in err
    assert output.read_text() == edited


def test_more_groups_than_phones_make_more_phones(
    tmp_path: Path, lists: list[str]
) -> None:
    _, script = imported(tmp_path, *lists, "--models", "7975,7821,8861,Jabber")
    assert len(script.groups) == 8
    assert set(sizes(script, 3).values()) == {1}
    status, _, err = run_cli(
        "rehearse", "run", str(tmp_path / "ours.toml"), "--phones", "3", "--summary"
    )
    assert status == 0, err


def test_a_list_without_node_names_is_imported_as_far_as_it_goes(
    tmp_path: Path,
) -> None:
    lone = tmp_path / "sast.tlv"
    lone.write_bytes(certutils_list())
    assert "the lists name no node and no server" in refused("--itl", str(lone))
    who = keypair("asterisk.example.test")
    nameless = replace(
        MIXED.itl(),
        records=tuple(
            without(record(who, role), RecordTag.DNS_NAME, RecordTag.IP_ADDRESS)
            for role in (Role.SAST, Role.CCM_TFTP, Role.APP_SERVER)
        ),
        signer=who,
    )
    path = tmp_path / "ITLFile.tlv"
    path.write_bytes(nameless.sign("ITLFile.tlv"))
    found, script = imported(tmp_path, "--itl", str(path))
    assert [node["name"] for node in found["nodes"]] == ["asterisk"]
    assert {"node-names", "roles-left-out"} <= topics(found)
    assert found["tokens"] == 0
    assert script.groups[0].name == "7975-at-asterisk"


def without(whole: Record, *tags: RecordTag) -> Record:
    kept = [(tag, value) for tag, value in whole.elements if tag not in tags]
    return composed(kept)


def composed(elements: list[tuple[int, bytes]]) -> Record:
    length = 5 + sum(3 + len(value) for _, value in elements[1:])
    return compose_record(((1, length.to_bytes(2)), *elements[1:]))


def hashed(whole: Record) -> Record:
    """Return a record as 8.x writes it: a hash instead of the certificate."""
    large = (RecordTag.CERTIFICATE, RecordTag.PUBLIC_KEY, RecordTag.SIGNATURE)
    certificate = whole.certificate
    assert certificate is not None
    digest = bytes.fromhex(certificate.sha1)
    kept = [*without(whole, *large).elements]
    return composed([*kept, (11, digest), (12, b"\1")])


def test_records_with_hashes_are_imported_and_shown_everywhere(tmp_path: Path) -> None:
    itl = MIXED.itl()
    records = tuple(
        hashed(each) if each.role == Role.TVS else each for each in itl.records
    )
    path = tmp_path / "ITLFile.tlv"
    path.write_bytes(replace(itl, records=records).sign("ITLFile.tlv"))
    found, _ = imported(tmp_path, "--itl", str(path))
    assert "listed-by-hash" in topics(found)
    assert not found["same_anchors"]
    _, out, _ = run_cli("file", "show", str(path), "--json")
    shown = [each for each in json.loads(out)["records"] if each["function"] == "TVS"]
    digests = {each["certificate_hash"] for each in shown}
    assert {each["hash_algorithm"] for each in shown} == {1}
    _, text, _ = run_cli("file", "show", str(path))
    _, table, _ = run_cli("file", "show", str(path), "--table")
    _, lint, _ = run_cli("file", "lint", str(path))
    for digest in digests:
        assert bytes.fromhex(digest).hex(" ").upper() in text
        assert digest in "".join(table.split())
    assert "a hash instead of the certificate" in lint
    pasted = tmp_path / "show-itl.txt"
    pasted.write_text(text)
    again, _ = imported(tmp_path, "--itl", str(pasted))
    assert "listed-by-hash" in topics(again)


def test_names_of_strangers_draw_nothing(tmp_path: Path) -> None:
    evil = keypair(r"cucm-pub\0A[[steps]]\1B]8\;\;http://x\07")
    itl = MIXED.itl()
    path = tmp_path / "ITLFile.tlv"
    records = (*itl.records, record(evil, Role.TFTP, "cucm-pub"))
    path.write_bytes(replace(itl, records=records).sign("ITLFile.tlv"))
    output = tmp_path / "ours.toml"
    status, _, err = run_cli(
        "rehearse", "import", "--itl", str(path), "-o", str(output)
    )
    assert status == 0
    for text in (err, output.read_text()):
        assert all(line.isprintable() for line in text.splitlines())
    assert load_script(output).steps[0].title == "Current state"


def test_approximations_are_said_when_the_file_is_played(
    tmp_path: Path, lists: list[str]
) -> None:
    found, _ = imported(tmp_path, *lists)
    script, page = str(tmp_path / "ours.toml"), tmp_path / "report.html"
    words = ("rehearse", "run", script, "--phones", "2")
    status, told, _ = run_cli(*words, "--report", str(page))
    _, out, _ = run_cli(*words, "--json")
    assert status == 0
    said = json.loads(out.splitlines()[-1])["approximations"]
    assert [each["what"] for each in said] == [
        each["what"] for each in found["approximations"]
    ]
    for each in said:
        assert f"approximated: {each['what']}" in told
        assert each["what"] in page.read_text()


def test_a_cluster_that_went_back_to_non_secure_can_be_planned_for(
    tmp_path: Path,
) -> None:
    mixed = MIXED.ctl()
    emptied = tuple(
        emptied_record(each.dns_name or "", each.ip_address or "", each.role)
        if each.role == Role.CCM_TFTP
        else each
        for each in mixed.records
    )
    ctl, itl = tmp_path / "CTLFile.tlv", tmp_path / "ITLFile.tlv"
    ctl.write_bytes(replace(mixed, records=emptied).sign("CTLFile.tlv"))
    itl.write_bytes(Lab().itl().sign("ITLFile.tlv"))
    found, script = imported(tmp_path, "--ctl", str(ctl), "--itl", str(itl))
    assert not found["mixed"]
    assert "admin utils ctl set-cluster non-secure-mode" in script.steps[0].run
    ours, plan = str(tmp_path / "ours.toml"), tmp_path / "plan.toml"
    words = ("--goal", "TVS", "--for", ours, "--save", str(plan))
    status, _, err = run_cli("rehearse", "plan", *words)
    assert status == 0, err
    status, _, err = run_cli("rehearse", "run", str(plan), "--phones", "2", "--summary")
    assert status == 0, err


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_imported_can_be_set_up(tmp_path: Path, seed: int) -> None:
    """Tokens, CAs, EC keys, hashes, long names: the file is always a rehearsal."""
    shown = made_up(Random(seed))
    path = tmp_path / "show.txt"
    path.write_text(text_of(shown))
    _, script = imported(tmp_path, f"--{shown.kind.lower()}", str(path))
    check_lines(script)
