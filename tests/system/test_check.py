"""`tokenless check` against a served lab, healthy and not, as a user runs it."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.pytest_plugin.lab import LabCluster, running_lab
from tokenless.services.cluster.cluster import Cluster

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
TFTP = "utils service restart Cisco Tftp"
TVS = "utils service restart Cisco Trust Verification Service"


CAPF = "Cisco Certificate Authority Proxy Function"
SERVICES = (
    "Cisco Tftp",
    "Cisco Trust Verification Service",
    "Cisco CallManager",
    CAPF,
)


@pytest.fixture(scope="module")
def fresh() -> Iterator[LabCluster]:
    with running_lab() as cluster:
        cluster.snapshot()
        yield cluster


@pytest.fixture
def lab(fresh: LabCluster) -> Iterator[LabCluster]:
    """Put the lab back afterwards; services go on with what they have loaded."""
    yield fresh
    fresh.restore()
    for service in SERVICES:
        for node in (PUB, SUB) if service != CAPF else (PUB,):
            fresh.admin(f"utils service restart {service}", node=node)


def check(lab: LabCluster, *more: str) -> tuple[int, dict[str, Any], str]:
    servers = ",".join(str(server) for server in lab.tftp.values())
    status, out, err = run_cli("check", "--tftp", servers, "--json", *more)
    return status, json.loads(out), err


def serious(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (each["severity"], each["code"], each["where"])
        for each in found["findings"]
        if each["severity"] != "note"
    ]


def test_a_healthy_lab_before_and_after_mixed_mode(lab: LabCluster) -> None:
    status, found, err = check(lab)
    assert (status, serious(found), err) == (0, [], "")
    lab.admin("utils ctl set-cluster mixed-mode")
    lab.restart_tftp()
    status, found, err = check(lab)
    assert (status, serious(found), err) == (0, [], "")
    assert found["ok"] is True
    assert [node["ctl"]["length"] for node in found["nodes"]] == [4947, 4947]
    assert len({node["ctl"]["md5"] for node in found["nodes"]}) == 1
    # Both members were asked about everybody, and vouch for all of them.
    assert [len(member["answers"]) for member in found["tvs"]] == [6, 6]
    statuses = {a["status"] for member in found["tvs"] for a in member["answers"]}
    assert statuses == {"trusted"}
    assert all("1.0" in member["tls"] for member in found["tvs"])


def test_the_subscribers_ctl_is_stale(lab: LabCluster) -> None:
    lab.admin("utils ctl set-cluster mixed-mode")
    lab.restart_tftp()
    lab.admin("set cert regen CallManager")
    lab.admin("utils ctl update CTLFile")
    lab.admin(TFTP, node=PUB)  # and not on the subscriber
    status, found, err = check(lab)
    assert status == 1
    stale = next(each for each in found["findings"] if each["code"] == "ctl-stale")
    assert (stale["where"], stale["severity"]) == (SUB, "error")
    # Both may have been signed within one second.
    assert f"CTL than {PUB}" in stale["message"]
    assert f"still trust CN={PUB}" in stale["consequence"]
    assert "restart Cisco Tftp on this node" in stale["advice"]
    locked = next(e for e in found["findings"] if e["code"] == "phone-locked-out")
    assert locked["where"] == SUB
    assert f"holds the lists of {PUB}" in locked["message"]
    assert err.startswith(f"tokenless: {SUB}: an")
    assert len(err.splitlines()) == 1
    lab.admin(TFTP, node=SUB)
    lab.admin("utils service restart Cisco CallManager", node=PUB)
    status, found, _ = check(lab)
    assert status == 0
    assert "ctl-stale" not in {each["code"] for each in found["findings"]}


def test_tvs_regenerated_and_tftp_forgotten(lab: LabCluster) -> None:
    lab.admin("set cert regen TVS", node=SUB)
    lab.admin(TVS, node=SUB)
    status, found, _ = check(lab)
    assert status == 0  # the publisher's TVS still serves every phone
    (unpinned,) = [e for e in found["findings"] if e["code"] == "tvs-unpinned"]
    assert unpinned["severity"] == "warning"
    assert f"not in the ITL of {PUB}, {SUB}" in unpinned["message"]
    lab.admin("utils service stop Cisco Trust Verification Service", node=PUB)
    status, found, _ = check(lab)
    assert status == 1
    assert {"tvs-unreachable", "phone-locked-out"} <= {
        each["code"] for each in found["findings"]
    }


def test_callmanager_and_tvs_together_show_before_phones_restart(
    lab: LabCluster,
) -> None:
    """Its lists are whole; TVS alone shows what phones will meet."""
    for node in (PUB, SUB):
        lab.admin("set cert regen CallManager", node=node)
        lab.admin("set cert regen TVS", node=node)
        lab.admin(TVS, node=node)
    status, found, _ = check(lab)
    unpinned = [e for e in found["findings"] if e["code"] == "tvs-unpinned"]
    assert len(unpinned) == 1  # one finding about both members
    assert unpinned[0]["where"].count("TVS 127.0.47.") == 2
    # Phones that change nodes are refused already.
    assert status == 1
    assert "phone-locked-out" in {each["code"] for each in found["findings"]}


def test_a_healthy_12_5(lab: LabCluster) -> None:
    lab.admin("set enterprise Version 12.5(1)")
    lab.admin("utils ctl set-cluster mixed-mode")
    lab.restart_tftp()
    status, found, _ = check(lab)
    assert (status, serious(found)) == (0, [])
    signers = {node["ctl"]["signer"] for node in found["nodes"]}
    assert all(signer.startswith(f"CN=ITLRECOVERY_{PUB}") for signer in signers)


def test_a_token_that_tvs_does_not_know(lab: LabCluster) -> None:
    """Without the upload to Phone-SAST-trust every phone keeps its old CTL."""

    def run(*words: str) -> None:
        status, _, err = run_cli(*words, "--data", str(lab.data))
        assert status == 0, err

    lab.admin("utils ctl set-cluster mixed-mode")
    lab.admin("file delete tftp CTLFile.tlv")
    run("token", "create", "A")
    run("token", "create", "B")
    run(
        *("ctl-client", "update", "--token", "A", "--token", "B"),
        *("--ignore-missing-file", "--password", "Cisco123"),
    )
    lab.restart_tftp()
    status, found, _ = check(lab)
    assert status == 1
    (unknown,) = [e for e in found["findings"] if e["severity"] == "error"]
    assert unknown["code"] == "ctl-signer-unknown"
    assert "SAST-ADN" in unknown["message"]
    assert "Phone-SAST-trust" in unknown["advice"]
    run("cert", "upload", "Phone-SAST-trust", "token:A")
    status, found, _ = check(lab)
    assert (status, serious(found)) == (0, [])


def test_capf_regenerated_and_the_ctl_forgotten(lab: LabCluster) -> None:
    lab.admin("utils ctl set-cluster mixed-mode")
    lab.restart_tftp()
    status, found, _ = check(lab)
    assert (status, serious(found)) == (0, [])
    (capf,) = found["capf"]
    assert capf["reachable"] is True
    assert "CAPF-" in capf["subject"]

    lab.admin("set cert regen CAPF")
    lab.restart_tftp()
    assert "capf-unlisted" not in {e["code"] for e in check(lab)[1]["findings"]}
    lab.admin("utils service restart Cisco Certificate Authority Proxy Function")
    status, found, _ = check(lab)
    assert status == 0  # no phone is locked out of its files
    (unlisted,) = [e for e in found["findings"] if e["code"] == "capf-unlisted"]
    assert f"of the CTL of {PUB}, the CTL of {SUB}" in unlisted["message"]
    assert found["capf"][0]["serial"] in unlisted["message"]

    lab.admin("utils ctl update CTLFile")
    lab.restart_tftp()
    assert "capf-unlisted" not in {e["code"] for e in check(lab)[1]["findings"]}


def test_the_certificate_hash_beside_the_phones_lsc(
    lab: LabCluster, tmp_path: Path
) -> None:
    device, servers = "SEP001122330000", ",".join(map(str, lab.tftp.values()))
    flash, name = tmp_path / "phone", ("--device", device)

    def run(*words: str) -> None:
        status, _, err = run_cli(*words)
        assert status == 0, err

    secure = ("--encrypted", "--encrypted-config", "--capf", "install")
    data = ("--data", str(lab.data))
    run("device", "set", device, *secure, "--key-size", "1024", *data)
    run("phone", "boot", *name, "--flash", str(flash), "--tftp", servers)
    # Its own configuration is encrypted: another phone's says where TVS is.
    members = ",".join(check(lab)[1]["nodes"][0]["tvs"])
    lsc = ("--lsc", str(flash / "lsc.pem"), "--tvs", members)
    status, found, err = check(lab, *name, *lsc)
    assert (status, serious(found), err) == (0, [], "")
    words = run_cli("check", "--tftp", servers, *name, *lsc)[1]
    assert "encrypted" in words
    guessed = check(lab, *name)[1]["findings"]
    (guess,) = [e["message"] for e in guessed if e["code"] == "tvs-guessed"]
    assert guess.startswith("the configuration that lists TVS members is encrypted; ")

    # Somebody restores the phone's flash of before: the server knows a newer LSC.
    old = (flash / "lsc.pem").read_bytes()
    run("device", "set", device, "--capf", "install", "--key-size", "1024", *data)
    run("phone", "boot", *name, "--flash", str(flash), "--tftp", servers)
    (flash / "lsc.pem").write_bytes(old)
    status, found, err = check(lab, *name, *lsc)
    assert status == 1
    (differs,) = [e for e in found["findings"] if e["severity"] == "error"]
    assert differs["code"] == "cert-hash-differs"
    assert "cannot decrypt its configuration" in differs["consequence"]


@pytest.mark.parametrize("content", [b"", b"no PEM", b"\0" * 70_000])
def test_a_file_that_is_no_certificate(tmp_path: Path, content: bytes) -> None:
    lsc = tmp_path / "lsc.pem"
    lsc.write_bytes(content)
    status, out, err = run_cli("check", "--tftp", "127.0.0.1:9", "--lsc", str(lsc))
    assert (status, out) == (1, "")
    assert err.startswith(f"tokenless: {lsc}: ")
    assert len(err.splitlines()) == 1


def test_a_node_that_is_gone_and_people_who_read(lab: LabCluster) -> None:
    lab.admin("utils service stop Cisco Tftp", node=SUB)
    servers = ",".join(str(server) for server in lab.tftp.values())
    status, out, err = run_cli(
        *("check", "--tftp", servers, "--tftp-timeout", "0.05", "--model", "7975")
    )
    assert status == 1
    assert "[tftp-unreachable]" in out
    assert "1 TFTP node did not answer; the other nodes have 0 warnings" in out
    assert "Phones are locked out" not in out
    assert "start Cisco Tftp" in err


def test_wrong_usage_and_unknown_hosts() -> None:
    assert run_cli("check")[0] == 2
    status, out, err = run_cli("check", "--tftp", "no-such-host.invalid")
    assert (status, out) == (3, "")
    assert "the name no-such-host.invalid is not known" in err


def sccps_port(lab: LabCluster) -> str:
    """Return where the lab's nodes have SCCP over TLS, which no configuration says."""
    with closing(Cluster.open(lab.data)) as cluster:
        return ",".join(f"{n.address}:{n.ports['sccps']}" for n in cluster.nodes)


def test_a_callmanager_that_shows_what_no_ctl_lists(lab: LabCluster) -> None:
    lab.admin("utils ctl set-cluster mixed-mode")
    lab.restart_tftp()
    lab.admin("set cert regen CallManager")
    lab.admin("utils ctl update CTLFile")
    lab.restart_tftp()  # and Cisco CallManager is not
    port = sccps_port(lab)
    status, found, err = check(lab, "--sccps-port", port, "--model", "Jabber")
    assert status == 1
    assert ("error", "callmanager-unlisted", f"CallManager {PUB}") in serious(found)
    assert f"CallManager {PUB}: the server shows CN={PUB}" in err
    by_place = {(e["node"], e["signalling"]): e for e in found["callmanagers"]}
    assert set(by_place) == {(PUB, "SIP"), (SUB, "SIP")}
    assert by_place[PUB, "SIP"]["models"] == {"Jabber": "not-in-ctl"}
    assert by_place[SUB, "SIP"]["models"] == {"Jabber": "registers"}
    lab.admin("utils service restart Cisco CallManager", node=PUB)
    _, found, _ = check(lab, "--sccps-port", port, "--model", "7975")
    codes = {code for _, code, _ in serious(found)}
    assert not {code for code in codes if code.startswith("callmanager")}
    assert {e["signalling"] for e in found["callmanagers"]} == {"SCCP"}
    assert {e["models"]["7975"] for e in found["callmanagers"]} == {"registers"}


def test_an_encrypted_configuration_hides_no_callmanager(lab: LabCluster) -> None:
    """Those of the lists are looked at; that it is a guess is said."""
    device, data = "SEP001122330001", ("--data", str(lab.data))
    lab.admin("utils ctl set-cluster mixed-mode")
    lab.restart_tftp()
    lab.admin("set cert regen CallManager")
    lab.admin("utils ctl update CTLFile")
    lab.restart_tftp()  # and Cisco CallManager is not
    secure = ("--encrypted", "--encrypted-config", "--capf", "install")
    status, _, err = run_cli("device", "set", device, *secure, *data)
    assert status == 0, err
    asked = ("--device", device, "--sccps-port", sccps_port(lab), "--model", "7975")
    status, found, _ = check(lab, *asked)
    codes = {e["code"] for e in found["findings"]}
    assert status == 1
    assert {"callmanager-guessed", "callmanager-unlisted"} <= codes
