"""`tokenless file show`, `lint` and `diff`: what they print and refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs import defects, minting
from tests.rigs.lists import client_form, tokenless
from tests.rigs.shown_texts import parse_shown_list

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("folder")


def test_show_is_the_text_of_show_ctl(run: Run) -> None:
    status, out, err = run("show", "CTLFile.tlv")
    shown = parse_shown_list(out)
    assert status == 0
    assert (shown.length, shown.md5, shown.verified) == (4947, tokenless().md5, True)
    assert "single-sast" not in err
    assert err.startswith("warning: the list has only one SAST key")


def test_show_json_has_the_contracts_fields(run: Run) -> None:
    status, out, err = run("show", "CTLFile.tlv", "--json")
    shown = json.loads(out)
    assert (status, err) == (0, "")
    expected = {
        "kind": "trust-list",
        "length": 4947,
        "version": "1.2",
        "header_length": 336,
        "digest": "sha1",
        "signature_length": 128,
        "filename": "CTLFile.tlv",
        "timestamp": "2015-03-06T18:45:13Z",
        "signature": "valid",
        "md5": tokenless().md5,
        "sha1": tokenless().sha1,
        "signer_serial": minting.server().certificate.serial_hex,
        "signer_name": minting.server().certificate.subject_text,
        "issuer_name": minting.server().certificate.issuer_text,
    }
    assert {key: shown[key] for key in expected} == expected
    first = {
        "number": 1,
        "length": 1156,
        "dns_name": "cucm-1051-a-pub",
        "function": "SAST",
        "function_code": 0,
        "public_key_length": 140,
        "signature_length": 128,
        "certificate_length": 694,
        "certificate_sha1": minting.server().certificate.sha1,
        "ip_address": "10.48.47.155",
        "signed_this_file": True,
    }
    assert {key: shown["records"][0][key] for key in first} == first
    assert [r["signed_this_file"] for r in shown["records"]] == [True] + [False] * 3


def test_show_json_has_null_for_what_is_not_there(run: Run, folder: Path) -> None:
    path = folder / "non-secure.tlv"
    path.write_bytes(client_form(secure=False).data)
    emptied = json.loads(run("show", path, "--json")[1])["records"][1]
    for key in ("subject_name", "issuer_name", "serial_number", "certificate_sha1"):
        assert emptied[key] is None
    assert emptied["length"] == 33


def test_show_json_of_a_signed_file(run: Run, folder: Path) -> None:
    (folder / "a.xml").write_text("<x/>")
    assert run("sign", "a.xml", "--cert", "pub.pem", "--key", "pub.key")[0] == 0
    shown = json.loads(run("show", "a.xml.sgn", "--json")[1])
    assert shown["kind"] == "signed-file"
    assert shown["payload_length"] == 4
    assert shown["signature"] == "unverifiable"
    assert "records" not in shown


def test_show_table(run: Run) -> None:
    status, out, _ = run("show", "CTLFile.tlv", "--table")
    assert status == 0
    assert "holds under the list's own record" in out
    assert "expired 2020-03-07" in out
    assert run("show", "CTLFile.tlv", "--table", "--json")[0] == 2


def test_diff_of_a_ctl_and_an_itl(run: Run) -> None:
    words = ("--cert", "pub.pem", "--key", "pub.key", "--record", "SAST=pub.pem")
    assert run("build", "ITLFile.tlv", "--filename", "ITLFile.tlv", *words)[0] == 0
    status, out, err = run("diff", "CTLFile.tlv", "ITLFile.tlv")
    assert (status, out) == (1, "")
    assert "lists of two kinds: CTL and ITL" in err
    assert "--beside" in err


def test_diff(run: Run, folder: Path) -> None:
    status, out, _ = run("diff", "CTLFile.tlv", "CTLFile.tlv")
    assert status == 0
    assert "the new one is the same" in out
    status, out, _ = run("diff", "CTLFile.tlv", "new.tlv", "--json")
    assert status == 0
    assert json.loads(out)["outcome"] == "installs-with-tvs"
    (folder / "forged.tlv").write_bytes(defects.impostors_list().data)
    status, out, err = run("diff", "CTLFile.tlv", "forged.tlv")
    assert status == 1
    assert out.startswith("A phone with the old list refuses")
    assert "phones with CTLFile.tlv refuse forged.tlv" in err


def test_lint_json_is_one_object_a_line(run: Run) -> None:
    status, out, _ = run("lint", "CTLFile.tlv", "--json")
    codes = [json.loads(line)["code"] for line in out.splitlines()]
    assert status == 0
    assert codes == ["single-sast"] + ["expired"] * 4


def test_missing_files_and_wrong_usage(run: Run) -> None:
    status, _, err = run("show", "nowhere.tlv")
    assert status == 3, "nothing could be read, so nothing can be told"
    assert err == (
        "tokenless: FILE nowhere.tlv cannot be read: No such file or directory; "
        "name a file that you may read\n"
    )
    assert run("show")[0] == 2
    assert run("juggle", "CTLFile.tlv")[0] == 2


def test_an_endless_file_ends(run: Run) -> None:
    if Path("/dev/zero").exists():
        status, _, err = run("show", "/dev/zero")
        assert status == 1
        assert "over 134217728 bytes" in err


def test_a_signed_file_as_table_and_where_a_list_is_needed(
    run: Run, folder: Path
) -> None:
    (folder / "a.xml").write_text("<x/>")
    key = ["--cert", "pub.pem", "--key", "pub.key"]
    assert run("sign", "a.xml", "--timestamp", "1425667513", *key)[0] == 0
    status, out, err = run("show", "a.xml.sgn", "--table")
    assert (status, err) == (0, "")
    assert "4 bytes" in out
    assert "2015-03-06 18:45:13 UTC" in out
    status, out, err = run("show", "a.xml.sgn")
    assert (status, err) == (0, "")
    assert out.startswith("The checksum value of the signed file:")
    for words in (["lint", "a.xml.sgn"], ["diff", "CTLFile.tlv", "a.xml.sgn"]):
        status, _, err = run(*words)
        assert status == 1
        assert "name a CTLFile.tlv or an ITLFile.tlv" in err
