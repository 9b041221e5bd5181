"""A cluster read from its lists and rebuilt: the same anchors under other keys."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.pytest_plugin.lab import LabCluster, running_lab
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import run_script
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList

NODES = ("cucm-1051-a-pub", "cucm-1051-a-sub1")
VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabCluster]:
    with mixed_lab() as cluster:
        yield cluster


@contextmanager
def mixed_lab() -> Iterator[LabCluster]:
    with running_lab() as cluster:
        cluster.admin("utils ctl set-cluster mixed-mode")
        cluster.restart_tftp()
        yield cluster


def lists(nodes: Path) -> dict[str, TrustList]:
    """Return every list of the nodes of a cluster's folder."""
    return {
        f"{node}/{name}": TrustList.decode((nodes / node / "tftp" / name).read_bytes())
        for node in NODES
        for name in ("CTLFile.tlv", "ITLFile.tlv")
    }


def anchor(record: Record) -> tuple[object, ...]:
    """Return all of a record that has nothing to do with its key."""
    sizes = [len(data or b"") for data in (record.public_key, record.certificate_der)]
    return record.role, record.dns_name, record.subject_name, record.ip_address, sizes


def play(script: Script) -> dict[str, TrustList]:
    with tempfile.TemporaryDirectory(prefix="tokenless-") as folder:
        played = run_script(script, 4, Path(folder), ProgressListener())
        assert played.first_difference is None
        return lists(Path(folder) / "cluster" / "nodes")


def imported(tmp_path: Path, *arguments: str) -> Script:
    output = tmp_path / "ours.toml"
    status, _, err = run_cli("rehearse", "import", *arguments, "--output", str(output))
    assert status == 0, err
    return load_script(output)


def test_the_lab_rebuilt_has_the_same_anchors(lab: LabCluster, tmp_path: Path) -> None:
    nodes = lab.data / "nodes"
    itls = [
        word
        for node in NODES
        for word in ("--itl", str(nodes / node / "tftp" / "ITLFile.tlv"))
    ]
    ctl = str(nodes / NODES[0] / "tftp" / "CTLFile.tlv")
    rebuilt = play(imported(tmp_path, "--ctl", ctl, *itls))
    for name, there in lists(nodes).items():
        here = rebuilt[name]
        assert list(map(anchor, here.records)) == list(map(anchor, there.records))
        assert here.signer.subject == there.signer.subject
        keys = {record.public_key for record in there.records}
        assert not keys & {record.public_key for record in here.records}


def test_pasted_text_is_enough(lab: LabCluster, tmp_path: Path) -> None:
    pasted = tmp_path / "show-ctl.txt"
    pasted.write_text(lab.admin("show ctl"))
    rebuilt = play(imported(tmp_path, "--ctl", str(pasted)))
    ctl = rebuilt[f"{NODES[0]}/CTLFile.tlv"]
    there = lists(lab.data / "nodes")[f"{NODES[0]}/CTLFile.tlv"]
    assert [(r.role, r.dns_name) for r in ctl.records] == [
        (r.role, r.dns_name) for r in there.records
    ]


def fetch(servers: str, *words: str) -> tuple[int, str, str]:
    return run_cli("rehearse", "import", "--json", "--tftp", servers, *words)


def test_a_running_cluster_is_fetched(lab: LabCluster) -> None:
    servers = [f"{each.address}:{each.port}" for each in lab.servers()]
    status, out, err = fetch(",".join(servers))
    assert status == 0, err
    found = json.loads(out)
    assert found["tftp_nodes"] == list(NODES)
    assert found["callmanager_group"]["members"] == list(NODES)
    assert found["mixed"]
    topics = {each["topic"] for each in found["approximations"]}
    assert not topics & {"tftp-nodes", "digest", "tvs-members"}


def test_a_server_that_is_silent_is_said_or_ends_it(lab: LabCluster) -> None:
    server = lab.servers()[0]
    known = f"{server.address}:{server.port}"
    status, out, err = fetch(f"{known},127.0.60.9:9", "--tftp-timeout", "0.05")
    assert status == 0, err
    said = [each["what"] for each in json.loads(out)["approximations"]]
    assert "nothing is known of the ITL of 127.0.60.9:9" in said
    status, out, err = fetch("127.0.60.9:9", "--tftp-timeout", "0.05")
    assert (status, out) == (3, "")
    assert "no TFTP node answered: 127.0.60.9:9; check the addresses, and" in err
    assert "6969" not in err


def test_a_planned_change_on_the_imported_cluster(
    lab: LabCluster, tmp_path: Path
) -> None:
    """A CTL that was not updated is part of what the plan starts from."""
    nodes = lab.data / "nodes"
    old_ctl = tmp_path / "CTLFile.tlv"
    old_ctl.write_bytes((nodes / NODES[0] / "tftp" / "CTLFile.tlv").read_bytes())
    lab.admin("set cert regen CallManager")
    lab.restart_tftp()
    itl = str(nodes / NODES[0] / "tftp" / "ITLFile.tlv")
    ours, plan = tmp_path / "ours.toml", tmp_path / "plan.toml"
    script = imported(tmp_path, "--ctl", str(old_ctl), "--itl", itl)
    assert "admin set cert regen CallManager" in script.steps[-1].run
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", "TVS", "--for", str(ours)),
        *("--save", str(plan), "--json"),
    )
    assert status == 0, err
    titles = [step["title"] for step in json.loads(out)["steps"]]
    assert "update the CTL" in titles
    change = load_script(plan)
    assert change.steps[: len(script.steps)] == script.steps
    assert change.cluster == script.cluster
    play(change)


def test_no_plan_for_what_the_model_does_not_know(tmp_path: Path) -> None:
    imported(tmp_path, "--ctl", str(VECTORS / "token-signed.tlv"))
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", "TVS", "--for", str(tmp_path / "ours.toml"))
    )
    assert (status, out) == (1, "")
    assert "the planner's model does not know the step 'token create T1'" in err


def test_a_token_signed_cluster_is_rebuilt_with_tokens(tmp_path: Path) -> None:
    script = imported(tmp_path, "--ctl", str(VECTORS / "token-signed.tlv"))
    rebuilt = play(script)
    ctl = rebuilt[f"{NODES[0]}/CTLFile.tlv"]
    there = TrustList.decode((VECTORS / "token-signed.tlv").read_bytes())
    assert [r.role for r in ctl.records] == [r.role for r in there.records]
    assert len(ctl.data) == len(there.data) == 5728


def test_nodes_with_different_ctls_are_refused_with_the_reason() -> None:
    with mixed_lab() as lab:
        lab.admin("set cert regen CAPF")  # an update in the same second changes no more
        lab.admin("utils ctl update CTLFile")
        lab.admin("utils service restart Cisco Tftp")  # on the publisher only
        servers = [f"{each.address}:{each.port}" for each in lab.servers()]
        status, out, err = fetch(",".join(servers))
    assert (status, out) == (1, "")
    assert "serve different CTLs: Cisco Tftp of one was not restarted" in err
