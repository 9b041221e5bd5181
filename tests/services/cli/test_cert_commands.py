"""`tokenless cert`, refused: each refusal is one line that says what to do."""

import io
import json
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.rigs import minting
from tests.rigs.clock import Clock
from tests.services.cli.answers import Tokenless, done, refused
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("cert show ITLRecovery --node cucm-1051-a-sub1", "run it on the publisher"),
        ("cert show TVS --node nobody", f"nodes: {PUB}, {SUB}"),
        ("cert show TVS FFFF", "0 certificates have serial number FFFF; available: "),
        ("cert show TVS-trust FFFF", "serial number FFFF; there is none"),
        ("cert export Phone-SAST-trust AA", "there is none"),
        ("cert restore TVS AA", "there is none"),
        ("cert delete TVS AA", "there is none"),
        ("cert delete TVS-trust AA", "there is none"),
        ("cert regenerate CallManager --key-size 384", "1024, 2048, 3072, 4096"),
        (
            "cert regenerate CallManager --key-type EC",
            "EC is for CAPF, CallManager-ECDSA, TVS, tomcat, tomcat-ECDSA",
        ),
        ("cert regenerate TVS --key-type EC --key-size 1024", "use 256 or 384"),
        ("cert regenerate TVS --san a..b", "'a..b' is not a name for a certificate"),
        ("cert regenerate TVS --san 10.0.0.0/8", "a DNS name or an address"),
        ("cert regenerate TVS --san fe80::1%eth0", "a DNS name or an address"),
        (f"cert regenerate TVS --san {'a' * 64}.b", "a DNS name or an address"),
        ("cert request TVS --san fe80::1%eth0", "not a name for a certificate: 'fe80"),
        ("cert regenerate Phone-SAST-trust", "units: CallManager, TVS"),
        (f"cert regenerate ITLRecovery --node {SUB}", "run it on the publisher"),
        ("cert upload TVS-trust token:A", "token list"),
    ],
)
def test_what_cannot_be_done(tokenless: Tokenless, line: str, reason: str) -> None:
    before = done(tokenless("cert list --json"))
    assert reason in refused(tokenless(line))
    assert done(tokenless("cert list --json")) == before


def test_an_upload_from_standard_input(
    tokenless: Tokenless, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = minting.server("other-cluster-pub").certificate_pem
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pem)))
    assert tokenless("cert upload Phone-SAST-trust -")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"0" * 300_000)))
    assert "over 262144 bytes" in refused(tokenless("cert upload TVS-trust -"))


def test_certificates_that_have_ended_are_exit_status_1(
    tokenless: Tokenless, lab_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(lab_folder, tmp_path / "data")
    status, out, err = tokenless("cert expiry")
    assert status == 1
    assert err == "tokenless: 17 have ended; regenerate them\n"
    assert out.count("cucm-1051-a") >= 10


def test_certificates_that_begin_later_are_exit_status_1(
    tokenless: Tokenless, tmp_path: Path
) -> None:
    ahead = Clock(time.time() + 86400)
    with closing(Cluster.open(tmp_path / "data", load_config(), clock=ahead)):
        pass
    status, out, err = tokenless("cert expiry --json")
    assert status == 1
    listed = json.loads(out)["certificates"]
    later = [each for each in listed if each["begins_later"]]
    assert {each["store"] for each in later} >= {"TVS", "CallManager"}
    said = "are not valid yet; correct the clock, or regenerate them"
    assert err == f"tokenless: {len(later)} {said}\n"


def test_ended_certificates_and_later_ones_are_told_in_one_line(
    tokenless: Tokenless, lab_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(lab_folder, folder)
    ahead = Clock(time.time() + 86400)
    with closing(Cluster.open(folder, load_config(), clock=ahead)) as cluster:
        publisher = cluster.node(PUB)
        certificates.regenerate(cluster, publisher, TrustStore.TVS, by="test")
    assert tokenless("cert expiry --within -1")[0] == 2  # it hid what had expired
    status, _, err = tokenless("cert expiry --within 0")
    assert status == 1
    said = "16 have ended, 1 are not valid yet; correct the clock, or regenerate them"
    assert err == f"tokenless: {said}\n"


def test_an_elliptic_key_where_phones_take_one(tokenless: Tokenless) -> None:
    made = done(tokenless("cert regenerate TVS --key-type EC --san tvs.example --json"))
    assert (made["key_type"], made["key_bits"]) == ("EC", 256)
    shown = done(tokenless(f"cert show TVS {made['serial_number']} --json"))
    assert (shown["state"], shown["roles"]) == ("current", [21])
    older = done(tokenless("cert list --history --json"))["certificates"]
    serial = older[0]["serial_number"]
    assert done(tokenless(f"cert show TVS {serial} --json"))["state"] == "history"


@pytest.mark.parametrize("content", [b"junk", b"{}", b'{"cluster":{"name":1}}'])
def test_a_damaged_folder_is_named(
    tokenless: Tokenless, tmp_path: Path, content: bytes
) -> None:
    assert tokenless("cert list")[0] == 0
    saved = tmp_path / "data" / "cluster.json"
    saved.write_bytes(content)
    assert str(saved) in refused(tokenless("cert list"))


def test_a_folder_with_something_else_in_it(
    tokenless: Tokenless, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").touch()
    assert "holds no cluster; `tokenless init --data" in refused(tokenless("cert list"))
    assert "is not empty and holds no cluster; name another folder" in refused(
        tokenless("init")
    )
