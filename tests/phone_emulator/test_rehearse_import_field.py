"""Pasted texts of the field: each gives the cluster it shows, or the true reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.cluster import keypair
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

FIELD = Path(__file__).parents[1] / "field"
DRIFT = [{"unit": "CallManager", "node": "pub"}]


def imported(*words: str) -> dict[str, Any]:
    status, out, err = run_cli("rehearse", "import", "--json", *words)
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    said = [f"approximated: {a['what']} ({a['why']})" for a in found["approximations"]]
    assert [x for x in err.splitlines() if x.startswith("approx")] == said
    return found


def topics(found: dict[str, Any]) -> set[str]:
    return {each["topic"] for each in found["approximations"]}


def options(**files: str) -> list[str]:
    return [
        word
        for option, names in files.items()
        for name in names.split()
        for word in (f"--{option}", str(FIELD / f"{name}.txt"))
    ]


@pytest.mark.parametrize(
    "words",
    [
        options(ctl="ctl", itl="itl-pub itl-sub1"),
        options(ctl="mail76-ctl", itl="mail76-itl-pub mail76-itl-sub1"),
        options(ctl="ctl-flat", itl="itl-pub"),
        options(ctl="ctl-nbsp", itl="itl-pub"),
        options(ctl="ctl-quoted", itl="itl-pub"),
        options(ctl="ctl-utf16", itl="itl-pub"),
        options(ctl="ctl-older-layout", itl="itl-pub"),
        options(ctl="session-ctl-and-itl"),
        options(itl="session-ctl-and-itl"),
        options(ctl="session-ctl-and-itl", itl="session-ctl-and-itl itl-sub1"),
    ],
    ids=lambda words: "+".join(Path(word).stem for word in words[1::2]),
)
def test_two_nodes_mixed_and_a_callmanager_that_drifted(words: list[str]) -> None:
    found = imported(*words)
    assert [node["name"] for node in found["nodes"]] == ["pub", "sub1"]
    assert found["mixed"]
    assert found["regenerated_since_ctl"] == DRIFT
    has_all = "itl-sub1" in " ".join(words)
    assert not found["same_anchors"]  # text has no dates: the CTL may be the newer one
    usual = {"release", "callmanager-group", "tftp-nodes", "digest", "lists-order"}
    assert topics(found) == (usual if has_all else {*usual, "lists-not-given"})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ctl-cut", "line 61: the closing sentence of the list is missing"),
        ("ctl-elided", "line 62: '[...]' is not part of what the command prints"),
    ],
)
def test_a_list_that_is_not_whole_is_refused(name: str, reason: str) -> None:
    status, out, err = run_cli("rehearse", "import", *options(ctl=name))
    assert (status, out) == (1, "")
    assert reason in err
    read = "3758 of 7061 bytes of the CTL were read: the header and 2 whole records"
    assert read in err
    assert "paste all that the command prints" in err


def test_a_shared_certificate_of_a_ca_is_one_certificate(tmp_path: Path) -> None:
    output = tmp_path / "ms.toml"
    words = options(ctl="ms11-ctl", itl="ms11-itl-pub ms11-itl-sub")
    found = imported(*words, "--version", "11.5(1)", "--output", str(output))
    assert not {"shared-certificate", "ca-signed"} & topics(found)
    assert found["same_anchors"]
    lines = load_script(output).steps[0].run
    assert lines[0] == "cert sign CallManager"
    assert [(a.topic, a.what) for a in load_script(output).approximations] == [
        (each["topic"], each["what"]) for each in found["approximations"]
    ]


def test_ec_certificates_are_known_as_such() -> None:
    found = imported(*options(ctl="ec-ctl", itl="ec-itl-pub ec-itl-sub"))
    assert "ec-certificate" not in topics(found)  # 12.5 has that unit
    assert "itls-disagree" not in topics(found)
    assert found["regenerated_since_ctl"] == []
    words = options(itl="ec-itl-pub ec-itl-sub")
    old = imported(*words, "--version", "10.5(2)")
    (ec,) = [a for a in old["approximations"] if a["topic"] == "ec-certificate"]
    assert "CN=pub-EC.example.test, CN=sub1-EC.example.test" in ec["what"]


def test_letters_outside_of_ascii(tmp_path: Path) -> None:
    output = tmp_path / "umlaut.toml"
    imported(*options(ctl="ctl-umlaut"), "--output", str(output))
    subject = load_script(output).cluster["certificates"]["subject"]
    assert subject["locality"] == "München"


def test_logs_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    serial = "3B:81:C7:B0:F6:AF:25:93:E4:E8:9B:21:61:E7:6D:FE"
    text = (FIELD / "ctl.txt").read_text()
    other.write_text(text.replace(serial, serial.replace("3B", "3C")))
    words = (*options(ctl="ctl"), "--itl", str(other))
    status, _, err = run_cli("rehearse", "import", *words)
    assert (status, "is CTLFile.tlv, not ITLFile.tlv" in err) == (1, True)
    log = tmp_path / "log.txt"
    log.write_text(text + other.read_text())
    status, _, err = run_cli("rehearse", "import", "--ctl", str(log))
    assert status == 1
    assert "are different CTLFile.tlv files; a cluster has one CTL" in err
    assert "(line 2)" in err
    log.write_text(text + text)
    assert imported("--ctl", str(log))["mixed"]


def test_a_new_multi_server_certificate_changes_all_its_nodes(tmp_path: Path) -> None:
    words = options(ctl="ms11-ctl", itl="ms11-itl-pub ms11-itl-sub")
    path = tmp_path / "CallManager.pem"
    path.write_bytes(keypair("pub-ms.example.test", 7).certificate_pem)
    found = imported(*words, "--cert", str(path))
    assert found["regenerated_since_lists"] == [
        {"unit": "CallManager", "node": "pub"},
        {"unit": "CallManager", "node": "sub1"},
    ]
    path.write_bytes(keypair("other-ms.example.test", 7).certificate_pem)
    found = imported(*words, "--cert", str(path))
    assert found["regenerated_since_lists"] == []
    (said,) = [
        a for a in found["approximations"] if a["topic"] == "certificate-left-out"
    ]
    assert said["what"] == "CallManager.pem was left out"
    assert "'other-ms.example.test' is none of the nodes" in said["why"]


RECOVERY_OF_SUB = {
    "4       pub": "5       sub1",
    "69      CN=ITLRECOVERY_pub": "70      CN=ITLRECOVERY_sub1",
    "2       1677": "2       1680",
    "16      C9:AE": "16      C9:AF",
    "DA 90 8A": "DA 90 8B",
}


def itl_with_its_own_recovery(folder: Path) -> str:
    """Return the ITL of sub1 with another ITLRecovery than the publisher's."""
    text = (FIELD / "itl-sub1.txt").read_text().replace("10401", "10404")
    head, mark, recovery = text.partition("ITL Record #:6")
    for old, new in RECOVERY_OF_SUB.items():
        assert old in recovery
        recovery = recovery.replace(old, new)
    file = folder / "itl-sub1.txt"
    file.write_text(head + mark + recovery)
    return str(file)


def test_every_node_has_its_own_itlrecovery_before_12_5(tmp_path: Path) -> None:
    """Said by the vendor (REFERENCE-2 2.1); nothing was left unrestarted."""
    output = tmp_path / "own.toml"
    words = *options(ctl="ctl", itl="itl-pub"), "--itl"
    words = *words, itl_with_its_own_recovery(tmp_path)
    found = imported(*words, "--version", "11.5(1)", "--output", str(output))
    assert "itls-disagree" not in topics(found)
    assert not found["same_anchors"]
    (own,) = [a for a in found["approximations"] if a["topic"] == "node-recovery"]
    assert own["what"].startswith("ITLRecovery certificates of their own: sub1;")
    seen = load_script(output).certificates
    nodes = {each.node for each in seen if each.unit == "ITLRecovery"}
    assert nodes == {"pub", "sub1"}
    # From 12.5 on the cluster has one: another one is an earlier one.
    later = imported(*words, "--version", "12.5(1)")
    assert "node-recovery" not in topics(later)
    assert "itls-disagree" in topics(later)


def test_the_group_of_a_pool_without_phones_is_refused() -> None:
    """It was read, and of no effect."""
    words = (*options(ctl="ctl"), "--pool", "DP-A=pub")
    status, _, err = run_cli("rehearse", "import", *words)
    assert (status, "--pool is about the device pools of --phones" in err) == (2, True)
