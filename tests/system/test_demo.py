"""The demo, as a newcomer runs it: a process of its own, over real sockets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.protocol.files.trust_list import TrustList

PHONES = 6
Steps = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def lines(kept: Path) -> list[dict[str, Any]]:
    status, printed, complaints = run_cli(
        "demo", "--json", "--phones", str(PHONES), "--keep", str(kept)
    )
    assert status == 0, complaints
    return [json.loads(line) for line in printed.splitlines()]


@pytest.fixture(scope="module")
def steps(lines: list[dict[str, Any]]) -> Steps:
    return {line["title"]: line["observed"] for line in lines[:-1]}


def test_the_last_line_is_the_verdict(lines: list[dict[str, Any]]) -> None:
    assert lines[-1]["ok"] is True
    assert lines[-1]["stuck"] == []


@pytest.mark.parametrize(
    ("title", "length"),
    [
        ("Non-secure: first boot", 0),
        ("Mixed mode, tokenless", 4947),
        ("Hardware tokens: the first attempt fails", 4947),
        ("Hardware tokens", 5728),
        ("Back to tokenless", 4947),
        ("CallManager regenerated", 6113),
    ],
)
def test_the_vendor_s_lengths(steps: Steps, title: str, length: int) -> None:
    nodes = steps[title]["nodes"].values()
    assert [node["ctl_length"] for node in nodes] == [length, length]


def test_the_nodes_hold_the_same_file_after_each_step(steps: Steps) -> None:
    for observed in steps.values():
        first, second = observed["nodes"].values()
        assert (first["md5"], first["sha1"]) == (second["md5"], second["sha1"])


def test_an_unknown_signer_is_judged_by_tvs(steps: Steps) -> None:
    groups = steps["CallManager regenerated"]["groups"]
    for name in ("publisher-first", "subscriber-first"):
        assert groups[name]["verified_by"] == {"tvs": PHONES // 2}
        assert groups[name]["ctl"] == {"updated": PHONES // 2}


def test_a_7960_refuses_until_its_list_is_deleted(steps: Steps) -> None:
    refused = steps["CallManager regenerated"]["groups"]["old-7960"]
    assert refused["ctl"] == {"rejected": 1}
    helped = steps["The 7960's CTL deleted by hand"]["groups"]["old-7960"]
    assert helped["verified_by"] == {"first-use": 1}


def test_phones_register_in_clear_until_mixed_mode_and_over_tls_after_it(
    steps: Steps,
) -> None:
    for title, observed in steps.items():
        is_first = title == "Non-secure: first boot"
        expected = {"registered" if is_first else "registered secure": PHONES // 2}
        for name in ("publisher-first", "subscriber-first"):
            group = observed["groups"][name]
            assert group["registration"]["states"] == expected, title
            assert group["lsc"] == {"none" if is_first else "installed": PHONES // 2}


def test_a_7960_with_a_stale_ctl_registers_at_the_other_node(steps: Steps) -> None:
    stale = steps["CallManager regenerated"]["groups"]["old-7960"]["registration"]
    assert stale["states"] == {"registered secure at another node": 1}
    assert [each["reason_code"] for each in stale["causes"]] == ["not-in-ctl"]


def test_the_last_call_is_encrypted(steps: Steps) -> None:
    (last,) = steps["The 7960's CTL deleted by hand"]["calls"]
    assert (last["outcome"], last["heard"]) == ("encrypted", True)
    assert [side["level"] for side in last["sides"]] == ["Encrypted", "Encrypted"]


def test_the_naive_attempt_is_refused_in_the_vendor_s_words(steps: Steps) -> None:
    refusal = steps["Hardware tokens: the first attempt fails"]["refusal"]
    assert refusal.startswith(
        "The Security Token you have inserted does not exist in the CTL File"
    )


@pytest.mark.usefixtures("lines")
def test_keep_leaves_the_cluster_to_look_at(kept: Path) -> None:
    (ctl,) = {file.read_bytes() for file in kept.rglob("CTLFile.tlv")}
    assert TrustList.decode(ctl).records[0].length == 1675
    assert "QUERY answered" in (kept / "services.log").read_text()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    status, _, complaints = run_cli("demo", "--keep", str(tmp_path))
    assert status == 1
    assert complaints.splitlines() == [
        f"tokenless: {tmp_path} is not empty; name a new folder"
    ]
