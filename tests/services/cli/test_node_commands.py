"""`tokenless node`, `health`, `backup`: as typed, on one host."""

import hashlib
import io
import json
import sys
from pathlib import Path

import pytest

from tests.services.cli.answers import Tokenless, done, refused

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"


def test_a_node_joins(tokenless: Tokenless) -> None:
    added = done(tokenless("node add cucm-1051-a-sub2 127.0.47.157 --json"))
    assert added == {
        "node": "cucm-1051-a-sub2",
        "address": "127.0.47.157",
        "roles": ["callmanager", "tftp"],
    }
    listed = done(tokenless("cert list --node cucm-1051-a-sub2 --json"))
    own = [each for each in listed["certificates"] if each["node"] is not None]
    assert [each["store"] for each in own] == [
        "CallManager",
        "TVS",
        "CAPF",
        "tomcat",
        "ipsec",
    ]
    status, out, _ = tokenless("node add cucm-1051-a-sub3 127.0.47.158")
    assert (status, out) == (0, "cucm-1051-a-sub3 added\n")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("node add cucm-1051-a-sub2 127.0.47.156", f"{SUB} has the address"),
        (f"node add {SUB} 127.0.47.157", "choose another name"),
        ("node add a/b 127.0.47.157", "use letters, digits and inner hyphens"),
        (f"node export {SUB} --output o --password x", "docs/operations-database.md"),
        (f"node grant {SUB} --role sub1", "roles are PostgreSQL's"),
        ("node grant x --show --role Sub-1", "use lower-case letters"),
        ("node import file --password x", "make it with `tokenless node export`"),
        ("node import big --password x", "too large to be the file of a node"),
        ("health", "start `tokenless serve`"),
        (f"health --node {PUB}", "start it with `tokenless serve`"),
        ("restore file --data elsewhere", "truncated header; take another backup"),
    ],
)
def test_what_cannot_be_done(
    tokenless: Tokenless, tmp_path: Path, line: str, reason: str
) -> None:
    (tmp_path / "file").write_text("{}")
    (tmp_path / "big").write_bytes(bytes(4 * 1024 * 1024 + 1))
    assert reason in refused(tokenless(line))
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("verb", [f"export {SUB} --output o", "import file"])
def test_a_password_where_there_is_no_terminal(
    tokenless: Tokenless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    (tmp_path / "file").write_text("{}")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    status, _, err = tokenless(f"node {verb}")
    assert status == 2
    assert err.endswith("set TOKENLESS_PASSWORD\n")
    assert "GetPassWarning" not in err
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
    assert "PASSWORD" not in refused(tokenless(f"node {verb}"))


def test_the_sql_of_a_grant(tokenless: Tokenless) -> None:
    status, out, _ = tokenless(f"node grant {SUB} --show --role sub1")
    assert status == 0
    statements = out.strip().removesuffix(";").split(";\n")
    assert done(tokenless(f"node grant {SUB} --show --role sub1 --json")) == {
        "sql": statements
    }
    assert statements[3].startswith("GRANT SELECT ON cluster, ")


def test_a_backup_and_what_came_back(tokenless: Tokenless) -> None:
    before = done(tokenless("cert list --json"))
    made = done(tokenless("backup copy.tar --json"))
    assert (made["cluster"], made["has_database"]) == ("lab", True)
    status, out, _ = tokenless("restore copy.tar --data again")
    assert status == 0
    assert out.startswith("restored again: lab of ")
    assert done(tokenless("cert list --data again --json")) == before


def test_a_restore_says_what_decides_over_served_files(
    tokenless: Tokenless, tmp_path: Path
) -> None:
    done(tokenless("cert list --json"))
    done(tokenless("backup b --json"))
    config = tmp_path / "b" / "cluster.json"
    tables = json.loads(config.read_text())
    tables["tftp"]["static_files"] = "/\x1b[2J"
    config.write_text(json.dumps(tables))
    manifest = tmp_path / "b" / "manifest.json"
    listed = json.loads(manifest.read_text())
    entry = next(each for each in listed["files"] if each["path"] == "cluster.json")
    entry["size"] = config.stat().st_size
    entry["sha256"] = hashlib.sha256(config.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(listed))
    status, out, err = tokenless("restore b --data again")
    assert status == 0
    assert out.startswith("restored again: ")
    assert 'host setting: tftp.static_files = "/\\u001b[2J"\n' in err
    told = done(tokenless("restore b --data once-more --json"))
    assert told["host_settings"]["tftp.static_files"] == "/\x1b[2J"
