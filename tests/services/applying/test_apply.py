"""`tokenless apply`: what differs, what stays, and that a second look finds nothing.

In SQLite and on PostgreSQL: the lines are the same.
"""

import json
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.rigs import minting
from tests.rigs.warm_start import run_warm
from tokenless.services.applying.difference import find_difference
from tokenless.services.applying.file import ConfigFile
from tokenless.services.applying.steps import Difference
from tokenless.services.changes.devices import find_device
from tokenless.services.cli.cluster.apply import _apply
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError

LAB = (Path(__file__).parents[3] / "configs/lab.toml").read_text()
PHONE = "SEP001122334455"
MORE = f"""
[[callmanager_groups]]
name = "Other"
members = ["cucm-1051-a-sub1"]

[[date_time_groups]]
name = "Oslo"
time_zone = "W. Europe"

[[device_pools]]
name = "DP-Oslo"
callmanager_group = "Other"
date_time_group = "Oslo"
model = "8861"

[[devices]]
name = "{PHONE}"
device_pool = "DP-Oslo"
model = "8861"
security_mode = 3

[parameters]
tls_ciphers = "strongest-rsa"
capf_operation_expires_in = 20

[[trust_stores]]
name = "Phone-SAST-trust"
certificates = ["old.pem"]
"""


def write(folder: Path, text: str) -> ConfigFile:
    return ConfigFile.read(write_text(folder, text))


def write_text(folder: Path, text: str) -> Path:
    path = folder / "cluster.toml"
    path.write_text(text)
    (folder / "old.pem").write_bytes(minting.server().certificate_pem)
    return path


def bring(cluster: Cluster, file: ConfigFile, *, prunes: bool = False) -> list[str]:
    """Apply a file; return the lines of the difference, and see that none is left."""
    found = find_difference(cluster, file, prunes=prunes)
    for step in found.steps:
        step.do(cluster, by="test")
    assert find_difference(cluster, file, prunes=prunes).steps == ()
    return [str(step) for step in found.steps]


def test_a_new_cluster_is_as_its_file_says(either: Cluster, tmp_path: Path) -> None:
    assert bring(either, write(tmp_path, LAB)) == []


def test_what_is_added_changed_left_alone_and_removed(
    either: Cluster, tmp_path: Path
) -> None:
    added = bring(either, write(tmp_path, LAB + MORE))
    assert added[:-1] == [
        "~ parameter TLSCiphers: all-rsa → strongest-rsa",
        "~ parameter CAPFOperationExpiresIn: 10 → 20",
        "+ group Other: cucm-1051-a-sub1",
        "+ pool DP-Oslo: Other, 8861",
        f"+ device {PHONE}: 8861, DP-Oslo, Encrypted",
    ]
    assert added[-1].startswith("+ trust store Phone-SAST-trust: ")
    assert find_device(either, PHONE).transport.name == "TLS"
    moved = (
        MORE.replace('model = "8861"\nsecurity_mode = 3', "")  # left open: stays
        .replace('["cucm-1051-a-sub1"]', '["cucm-1051-a-sub1", "cucm-1051-a-pub"]')
        .replace('device_pool = "DP-Oslo"', 'device_pool = "Default"')
        .replace('time_zone = "W. Europe"', 'time_zone = "UTC"')
    )
    both = "cucm-1051-a-sub1, cucm-1051-a-pub"
    assert bring(either, write(tmp_path, LAB + moved)) == [
        f"~ group Other: cucm-1051-a-sub1 → {both}",
        "~ pool DP-Oslo: W. Europe D/M/Y → UTC D/M/Y",
        f"~ device {PHONE}: DP-Oslo → Default",
    ]
    assert find_device(either, PHONE).security_mode.name == "ENCRYPTED"
    bare = write(tmp_path, LAB)
    kept = find_difference(either, bare)
    assert (kept.steps, len(kept.kept)) == ((), 3)
    assert bring(either, bare, prunes=True) == [
        f"- device {PHONE}: 8861",
        "- pool DP-Oslo: Other",
        "- group Other",
    ]


def test_nodes_and_roles_that_differ(either: Cluster, tmp_path: Path) -> None:
    nodes = LAB.replace(
        'address = "127.0.47.156"', 'address = "127.0.47.156"\nroles = ["callmanager"]'
    ).replace(
        "[[callmanager_groups]]",
        '[[nodes]]\nname = "sub2"\naddress = "127.0.47.157"\n\n[[callmanager_groups]]',
        1,
    )
    found = find_difference(either, write(tmp_path, nodes))
    assert list(map(str, found.steps)) == [
        "+ node sub2: 127.0.47.157, roles callmanager, tftp",
        "~ node cucm-1051-a-sub1: deactivate tftp",
    ]
    found.steps[-1].do(either, by="test")
    assert not either.node("cucm-1051-a-sub1").serves_tftp


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("127.0.47.156", "127.0.47.200", "has the address 127.0.47.156, not"),
        ('"cucm-1051-a-pub"', '"pub"', "pub would be another publisher"),
        ("Phone-SAST-trust", "CallManager", "a node's own certificate"),
        ("old.pem", "missing.pem", r"missing\.pem: No such file"),
        ("old.pem", "/dev/zero", "over 262144 bytes"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(
    lab: Cluster, tmp_path: Path, old: str, new: str, said: str
) -> None:
    before = lab.store.revision()
    text = (LAB + MORE).replace(old, new)
    with pytest.raises(ServiceError, match=said):
        find_difference(lab, write(tmp_path, text))
    assert lab.store.revision() == before


def test_the_default_pool_is_not_pruned(lab: Cluster, tmp_path: Path) -> None:
    bare = write(tmp_path, LAB.partition("[[device_pools]]")[0])
    assert find_difference(lab, bare).kept == ("pool Default",)
    with pytest.raises(ServiceError, match="Default is the default one"):
        find_difference(lab, bare, prunes=True)
    other = LAB.replace('name = "Default"', 'name = "Other"')
    assert bring(lab, write(tmp_path, other), prunes=True) == [
        "+ pool Other: Lab-CMG, 7975",
        "- pool Default: Lab-CMG",
    ]


def run(
    data: Path, folder: Path, *words: str, typed: str = ""
) -> CompletedProcess[str]:
    places = ["--data", str(data), "--config", str(folder / "cluster.toml")]
    return run_warm(["apply", *places, *words], input=typed)


def test_the_command_asks_and_a_dry_run_is_exit_status_1(
    either: Cluster, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    write(tmp_path, LAB + MORE)
    where: tuple[str, ...] = ()
    if either.data.name == "shared":
        where = ("--database-url", request.getfixturevalue("url"))
    revision = either.store.revision()
    dry = run(either.data, tmp_path, *where, "--dry-run", "--json")
    assert dry.returncode == 1
    told = json.loads(dry.stdout)
    assert (len(told["changes"]), told["applied"]) == (6, False)
    declined = run(either.data, tmp_path, *where, typed="no\n")
    assert declined.returncode == 1
    assert "nothing was changed" in declined.stderr
    assert either.store.revision() == revision
    done = run(either.data, tmp_path, *where, "--yes")
    assert done.returncode == 0
    assert "6 changes made" in done.stderr
    assert "as the file says" in run(either.data, tmp_path, *where).stdout
    assert run(either.data, tmp_path, *where, "--dry-run").returncode == 0


def test_ctrl_c_says_how_many_changes_were_made(
    lab: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *rest = find_difference(lab, write(tmp_path, LAB + MORE)).steps

    def stop(_: Cluster, *, by: str) -> None:
        raise KeyboardInterrupt(by)

    steps = (first, replace(second, do=stop), *rest)
    with pytest.raises(KeyboardInterrupt):
        _apply(lab, Difference(steps, ()))
    said = capsys.readouterr().err
    assert f"interrupted after 1 of 6 changes: {first}" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[nodes", "Expected ']]'"),
        (LAB + '[parameters]\ntls_ciphers = "x"\n', "tls_ciphers"),
        (LAB.replace("127.0.47.156", "127.0.47.200"), "has the address 127.0.47.156"),
        (LAB + MORE.replace("old.pem", "missing.pem"), "missing.pem: No such file"),
        (None, "No such file"),
    ],
    ids=["syntax", "value", "address", "certificate", "no file"],
)
def test_a_dry_run_that_could_not_compare_is_exit_status_3(
    lab: Cluster, tmp_path: Path, text: str | None, said: str
) -> None:
    if text is not None:
        write_text(tmp_path, text)
    dry = run(lab.data, tmp_path, "--dry-run")
    assert (dry.returncode, dry.stdout) == (3, "")
    assert said in dry.stderr
    assert dry.stderr.count("\n") == 1
    # Without --dry-run only what cannot be read is told apart from a refusal.
    status = 3 if text is None else 1
    assert run(lab.data, tmp_path, "--yes").returncode == status


def test_a_dry_run_without_its_database_is_exit_status_3(
    lab: Cluster, tmp_path: Path
) -> None:
    write(tmp_path, LAB)
    assert run(tmp_path / "nowhere", tmp_path, "--dry-run").returncode == 3
    (lab.data / "cluster.db").write_bytes(b"not a database" * 100)
    dry = run(lab.data, tmp_path, "--dry-run")
    assert dry.returncode == 3
    assert "internal error" not in dry.stderr
    away = "postgresql+psycopg://tokenless@127.0.0.1:1/x"
    dry = run(lab.data, tmp_path, "--dry-run", "--database-url", away)
    assert dry.returncode == 3
