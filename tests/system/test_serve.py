"""`tokenless serve` over real sockets: what it prints, serves, survives and refuses."""

import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.left_scratch import start_working
from tests.rigs.warm_start import WarmPopen
from tests.system.serving import (
    PATIENCE_S,
    PUBLISHER,
    SUBSCRIBER,
    Served,
    admin,
    environment,
    lab_config,
    serving,
    tokenless,
)

MIXED = "utils ctl set-cluster mixed-mode"


def restart_tftp(folder: Path) -> None:
    for node in (PUBLISHER, SUBSCRIBER):
        admin(folder, "utils service restart Cisco Tftp", node=node)


def fetch(served: Served, name: str, node: str = PUBLISHER) -> bytes | None:
    """Download with curl: a TFTP client that is not ours."""
    done = subprocess.run(
        ["curl", "-s", f"tftp://{served.address(node)}/{name}"],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


def boot(
    folder: Path, served: Served, device: str, *, first: str = PUBLISHER
) -> dict[str, Any]:
    second = SUBSCRIBER if first == PUBLISHER else PUBLISHER
    done = tokenless(
        folder,
        "phone",
        "boot",
        "--device",
        device,
        "--model",
        "7975",
        "--flash",
        f"phones/{device}",
        "--tftp",
        f"{served.address(first)},{served.address(second)}",
        "--json",
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_each_socket_is_announced_and_answers(tmp_path: Path) -> None:
    lab_config(tmp_path)  # and no cluster: the server makes one
    with serving(tmp_path) as served:
        assert [(each["node"], each["service"]) for each in served.ready] == [
            (node, service)
            for node in (PUBLISHER, SUBSCRIBER)
            for service in (
                "tftp",
                "http",
                "https",
                "tvs",
                "sccp",
                "sccps",
                "sip",
                "sips",
                "link",
                *(("capf",) if node == PUBLISHER else ()),
            )
        ]
        assert all(each["port"] > 0 for each in served.ready)
        for node in (PUBLISHER, SUBSCRIBER):
            assert fetch(served, "ITLFile.tlv", node)
            address, _, port = served.address(node, "tvs").rpartition(":")
            with socket.create_connection((address, int(port)), timeout=PATIENCE_S):
                pass


def test_ports_that_were_free_stand_in_configurations(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        config = fetch(served, "SEP001122334455.cnf.xml")
        assert config is not None
        ports = re.findall(rb"<TVS>.*?</TVS>", config, re.DOTALL)[0]
        for node in (PUBLISHER, SUBSCRIBER):
            port = served.address(node, "tvs").rpartition(":")[2]
            assert f"<port>{port}</port>".encode() in ports


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: int) -> None:
    with serving(tmp_path) as served:
        socket_path = tmp_path / "data" / "nodes" / PUBLISHER / "control.sock"
        assert socket_path.is_socket()
        assert served.stop(number) == 0
        assert not socket_path.exists()
    assert "Traceback" not in served.log


def test_a_full_disk_below_the_log_ends_no_service(tmp_path: Path) -> None:
    (tmp_path / "serve.log").symlink_to("/dev/full")
    with serving(tmp_path, "--only", "tftp") as served:
        assert fetch(served, "ITLFile.tlv")
        assert served.stop() == 0


def test_a_phone_in_the_middle_of_a_file_does_not_hold_it_up(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        address, _, port = served.address(PUBLISHER).rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.settimeout(PATIENCE_S)
            silent.sendto(b"\0\1ITLFile.tlv\0octet\0", (address, int(port)))
            assert silent.recv(600)[:4] == b"\0\3\0\1"
            assert served.stop() == 0


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    config = lab_config(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.47.155", 0))
        port = other.getsockname()[1]
        text = config.read_text().replace("port = 0 ", f"port = {port} ", 1)
        config.write_text(text)
        done = tokenless(tmp_path, "serve")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert "127.0.47.155" in last
    assert str(port) in last
    assert "in use" in last
    assert "Traceback" not in done.stderr


def test_what_a_killed_command_left_beside_the_data_folder_goes(
    tmp_path: Path,
) -> None:
    killed, left = start_working(tmp_path / "data")
    with killed:
        killed.kill()
    with serving(tmp_path) as served:
        assert not left.exists()
        assert served.stop() == 0


def test_a_node_is_served_by_one_process(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        done = tokenless(tmp_path, "serve")
        assert done.returncode == 1
        assert (
            f"node {PUBLISHER} is already served by process {served.process.pid}"
            in done.stderr
        )
        assert fetch(served, "ITLFile.tlv")


def test_what_a_killed_server_left_is_taken_over(tmp_path: Path) -> None:
    with serving(tmp_path) as killed:
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait(PATIENCE_S)
    assert (tmp_path / "data" / "nodes" / PUBLISHER / "control.sock").is_socket()
    with serving(tmp_path) as served:
        assert "Cisco Tftp[STARTED]" in admin(tmp_path, "utils service list")
        assert served.stop() == 0


def test_nodes_can_be_served_by_a_process_each(tmp_path: Path) -> None:
    lab_config(tmp_path)
    (tmp_path / "other").mkdir()
    with serving(tmp_path, "--node", PUBLISHER) as publisher:
        assert {each["node"] for each in publisher.ready} == {PUBLISHER}
        with serving(tmp_path, "--node", SUBSCRIBER) as subscriber:
            admin(tmp_path, MIXED)
            restart_tftp(tmp_path)
            ctl = fetch(publisher, "CTLFile.tlv")
            assert ctl is not None
            assert len(ctl) == 4947
            assert fetch(subscriber, "CTLFile.tlv", SUBSCRIBER) == ctl


def test_only_some_services(tmp_path: Path) -> None:
    with serving(tmp_path, "--only", "tvs") as served:
        assert {each["service"] for each in served.ready} == {"tvs"}
    with lab_config(tmp_path).open("a") as config:
        config.write("\n[console]\nport = 0\n")
    with serving(tmp_path, "--only", "console") as served:
        assert {each["service"] for each in served.ready} == {"console", "certmgr"}
        assert "4947" in admin(tmp_path, MIXED) + admin(tmp_path, "show ctl")
    done = tokenless(tmp_path, "serve", "--only", "tvs,dns")
    assert done.returncode == 2
    assert "there is no service 'dns'" in done.stderr


def test_the_ctl_is_the_same_bytes_everywhere(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        admin(tmp_path, MIXED)
        restart_tftp(tmp_path)
        shown = admin(tmp_path, "show ctl")
        md5 = re.search(r"^([0-9a-f]{32})\(MD5\)$", shown, re.MULTILINE)
        assert md5 is not None
        for node in (PUBLISHER, SUBSCRIBER):
            ctl = fetch(served, "CTLSEP001122334455.tlv", node)
            assert ctl is not None
            digest = hashlib.md5(ctl, usedforsecurity=False)
            assert digest.hexdigest() == md5.group(1)


def test_tftp_serves_what_it_held_when_it_started(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        admin(tmp_path, MIXED)
        assert fetch(served, "CTLFile.tlv") is None
        admin(tmp_path, "utils service restart Cisco Tftp")
        ctl = fetch(served, "CTLFile.tlv")
        assert ctl is not None
        admin(tmp_path, "file delete tftp CTLFile.tlv")
        assert fetch(served, "CTLFile.tlv") == ctl
        admin(tmp_path, "utils service restart Cisco Tftp")
        assert fetch(served, "CTLFile.tlv") is None


def test_automatic_reload_serves_changes_at_once(tmp_path: Path) -> None:
    config = lab_config(tmp_path)
    text = config.read_text()
    config.write_text(text.replace('reload = "restart"', 'reload = "automatic"'))
    with serving(tmp_path) as served:
        admin(tmp_path, MIXED)
        assert fetch(served, "CTLFile.tlv", SUBSCRIBER)


def test_a_flipped_byte_is_refused_by_phones_with_a_reason(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        assert boot(tmp_path, served, "SEP001122334455")["outcome"] == "ok"
        admin(tmp_path, MIXED)
        ctl_file = tmp_path / "data" / "nodes" / PUBLISHER / "tftp" / "CTLFile.tlv"
        data = bytearray(ctl_file.read_bytes())
        data[-1] ^= 1
        ctl_file.write_bytes(data)
        restart_tftp(tmp_path)
        report = boot(tmp_path, served, "SEP001122334455")
        ctl = report["files"]["CTLFile.tlv"]
        assert ctl["action"] == "rejected"
        assert "signature" in ctl["reason"]
        assert "Trust List update failed" in report["status_messages"]


def test_a_node_that_was_down_takes_the_ctl_when_it_starts(tmp_path: Path) -> None:
    with serving(tmp_path, "--node", PUBLISHER):
        said = admin(tmp_path, MIXED)
        assert f"node {SUBSCRIBER} is down" in said
        file = tmp_path / "data" / "nodes" / SUBSCRIBER / "tftp" / "CTLFile.tlv"
        assert not file.exists()
        with serving(tmp_path, "--node", SUBSCRIBER) as late:
            ctl = fetch(late, "CTLFile.tlv", SUBSCRIBER)
            assert ctl is not None
            assert len(ctl) == 4947


def test_what_a_node_cannot_write_is_reported_and_tried_again(tmp_path: Path) -> None:
    with serving(tmp_path):
        file = tmp_path / "data" / "nodes" / SUBSCRIBER / "tftp" / "CTLFile.tlv"
        file.mkdir()
        said = admin(tmp_path, MIXED)
        assert f"node {SUBSCRIBER}: cannot apply the new state" in said
        assert f"node {PUBLISHER}" not in said
        file.rmdir()
        assert "cannot" not in admin(tmp_path, "set enterprise AutoRegistration False")
        assert file.stat().st_size == 4947


def test_two_administrators_at_once(tmp_path: Path) -> None:
    with serving(tmp_path):
        admin(tmp_path, MIXED)
        at_once = [
            WarmPopen(
                ["admin", "--yes", *line.split()],
                cwd=tmp_path,
                env=environment(tmp_path),
                stdout=subprocess.PIPE,
            )
            for line in (
                "utils ctl update CTLFile",
                "set cert regen TVS",
                "utils ctl update CTLFile",
            )
        ]
        for each in at_once:
            with each:
                printed, _ = each.communicate(timeout=PATIENCE_S)
            assert each.returncode == 0, printed
        with closing(sqlite3.connect(tmp_path / "data" / "cluster.db")) as database:
            rows = database.execute("select revision, action from audit").fetchall()
    revisions = [revision for revision, _ in rows]
    assert revisions == list(range(revisions[0], revisions[0] + len(rows)))
    actions = [action for _, action in rows][-3:]
    assert sorted(actions) == ["regenerate", "update CTL", "update CTL"]


def test_kill_9_between_commit_and_distribution(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.process.send_signal(signal.SIGSTOP)
        mixed = WarmPopen(
            ["admin", "--yes", *MIXED.split()],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with mixed:
            while "Moving" not in (line := mixed.stdout.readline()):  # type: ignore[union-attr]
                assert line
            served.process.send_signal(signal.SIGKILL)
            mixed.communicate(timeout=PATIENCE_S)
    with serving(tmp_path) as served:
        shown = admin(tmp_path, "show ctl")
        assert "Length of CTL file: 4947" in shown
        assert fetch(served, "CTLFile.tlv") == fetch(served, "CTLFile.tlv", SUBSCRIBER)


def test_a_long_path_of_the_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / ("a-rather-long-name-of-a-folder" * 4)
    folder.mkdir()
    with serving(folder):
        assert len(os.fsencode(folder / "data" / "nodes")) > 107
        assert "Cisco Tftp[STARTED]" in admin(folder, "utils service list")


def test_a_damaged_configuration_is_one_line(tmp_path: Path) -> None:
    config = lab_config(tmp_path)
    config.write_text(config.read_text().replace("reload =", "relaod ="))
    done = tokenless(tmp_path, "serve")
    assert done.returncode == 1
    assert "relaod" in done.stderr
    assert "Traceback" not in done.stderr
