"""`rehearse import`: the cluster behind lists, whether as files or as pasted text."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.rigs.cluster import PUB, SUB, Keypair, Lab, UnsignedList, keypair, record
from tests.rigs.minting import Identity, ec_key, lab_name, mint
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import (
    ImportedCluster,
    Known,
    read_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.script import imported_script
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
    load_certificates,
    load_lists,
)
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.show_output.lines import show_trust_list
from tokenless.protocol.trust.verdicts import FileKind

VECTORS = Path(__file__).parents[1] / "vectors"
MIXED = replace(Lab(), mixed=True)
RECOVERY = keypair("ITLRECOVERY_cucm-pub")
EC = mint(lab_name("cucm-sub1"), ec_key(), serial=77)
MODIFIED = "Fri Mar 06 19:45:13 CET 2015"


def write(path: Path, unsigned: UnsignedList, *, as_text: bool = False) -> Path:
    kind: Literal["CTL", "ITL"] = "CTL" if path.name.startswith("ctl") else "ITL"
    data = unsigned.sign(f"{kind}File.tlv")
    if as_text:
        text = show_trust_list(TrustList.decode(data), kind=kind, modified=MODIFIED)
        path.write_text(f"admin:show {kind.lower()}\r\n{text}\nadmin:")
    else:
        path.write_bytes(data)
    return path


def load_list(path: Path, kind: FileKind) -> ImportedList:
    return next(each for each in load_lists(path, kind) if each.kind is kind)


def imported_lists(
    folder: Path, lab: Lab = MIXED, *, as_text: bool = False
) -> list[ImportedList]:
    suffix = "txt" if as_text else "tlv"
    found = [
        load_list(
            write(folder / f"itl-{node}.{suffix}", lab.itl(node), as_text=as_text),
            FileKind.ITL,
        )
        for node in ("pub", "sub")
    ]
    if lab.mixed:
        ctl = write(folder / f"ctl.{suffix}", lab.ctl(), as_text=as_text)
        found.insert(0, load_list(ctl, FileKind.CTL))
    return found


def lines(cluster: ImportedCluster) -> list[str]:
    script = imported_script(cluster, name="x", models=["7975"])
    return [line for step in script.steps for line in step.run]


def test_nodes_names_release_and_mode(tmp_path: Path) -> None:
    cluster = read_cluster(imported_lists(tmp_path))
    assert [(n.name, n.address) for n in cluster.nodes] == [
        ("cucm-pub", PUB),
        ("cucm-sub1", SUB),
    ]
    assert (cluster.version, cluster.is_mixed, cluster.tokens) == ("10.5(1)", True, 0)
    assert (cluster.capf, cluster.key_bits) == ("CAPF-e41e7d87", 1024)
    assert cluster.subject["organization"] == "Cisco"
    assert cluster.subject["country"] == "PL"
    assert lines(cluster)[0] == "admin utils ctl set-cluster mixed-mode"


def test_text_tells_the_same_but_for_addresses(tmp_path: Path) -> None:
    from_files = read_cluster(imported_lists(tmp_path))
    from_text = read_cluster(imported_lists(tmp_path, as_text=True))
    assert [n.name for n in from_text.nodes] == [n.name for n in from_files.nodes]
    assert {n.real_address for n in from_text.nodes} == {None}
    assert len({n.address for n in from_text.nodes}) == 2
    assert from_text.key_bits == from_files.key_bits
    assert from_text.since_ctl == []
    assert lines(from_text) == lines(from_files)


def test_a_non_secure_cluster_has_no_ctl_to_make(tmp_path: Path) -> None:
    cluster = read_cluster(imported_lists(tmp_path, Lab()))
    assert not cluster.is_mixed
    assert lines(cluster) == [
        "admin --all utils service restart Cisco Tftp",
        "phones boot",
    ]


def test_a_ctl_that_was_not_updated(tmp_path: Path) -> None:
    newer = MIXED.regenerate_callmanager()
    found = [
        load_list(write(tmp_path / "ctl.tlv", MIXED.ctl()), FileKind.CTL),
        load_list(write(tmp_path / "itl.tlv", newer.itl("pub")), FileKind.ITL),
    ]
    cluster = read_cluster(found)
    assert [(d.unit, d.node) for d in cluster.since_ctl] == [
        (TrustStore.CALLMANAGER, None)
    ]
    made = lines(cluster)
    assert made.index("admin set cert regen CallManager") > made.index(
        "admin utils ctl set-cluster mixed-mode"
    )
    assert "admin utils ctl update CTLFile" not in made


@pytest.mark.parametrize(
    ("signer", "ctl_has_recovery", "version"),
    [
        ("callmanager", False, "10.5(1)"),
        ("callmanager", True, "11.5(1)"),
        ("recovery", True, "12.5(1)"),
    ],
)
def test_the_release_by_its_signers(
    tmp_path: Path, signer: str, ctl_has_recovery: bool, version: str
) -> None:
    ctl = MIXED.ctl()
    more = (record(RECOVERY, Role.SAST),) if ctl_has_recovery else ()
    who = RECOVERY if signer == "recovery" else MIXED.callmanager_pub
    unsigned = replace(ctl, records=(*ctl.records, *more), signer=who)
    path = write(tmp_path / "ctl.tlv", unsigned)
    assert read_cluster([load_list(path, FileKind.CTL)]).version == version
    given = read_cluster([load_list(path, FileKind.CTL)], Known(version="14SU2"))
    assert given.version == "14SU2"


def test_a_field_notice_in_the_making(tmp_path: Path) -> None:
    """FN70613: the upgrade made a new ITLRecovery, the CTL has the one before."""
    newer = keypair("ITLRECOVERY_cucm-pub", 2)

    def with_recovery(unsigned: UnsignedList, who: Keypair) -> UnsignedList:
        return replace(unsigned, records=(*unsigned.records, record(who, Role.SAST)))

    ctl = write(tmp_path / "ctl.tlv", with_recovery(MIXED.ctl(), RECOVERY))
    itl = write(tmp_path / "itl.tlv", with_recovery(MIXED.itl(), newer))
    cluster = read_cluster([load_list(ctl, FileKind.CTL), load_list(itl, FileKind.ITL)])
    assert [d.unit for d in cluster.since_ctl] == [TrustStore.ITLRECOVERY]


def test_certificates_in_use(tmp_path: Path) -> None:
    new, known = keypair("cucm-sub1", 5), MIXED.tvs_pub
    paths: list[Path] = []
    for name, who in (
        ("CallManager-sub1.pem", new),
        ("TVS.pem", known),
        ("tomcat.pem", keypair("cucm-sub1", 6)),
        ("CallManager-ECDSA.pem", Identity(EC, ec_key())),
        ("ipsec.pem", keypair("ipsec")),
    ):
        path = tmp_path / name
        path.write_bytes(who.certificate_pem)
        paths.append(path)
    cluster = read_cluster(imported_lists(tmp_path), Known(load_certificates(paths)))
    assert [(d.unit, d.node) for d in cluster.since_lists] == [
        (TrustStore.CALLMANAGER, "cucm-sub1")
    ]
    said = [a.what for a in cluster.approximations if a.topic is Topic.CERTIFICATE]
    assert said == ["CallManager-ECDSA.pem was left out", "ipsec.pem was left out"]
    in_use = [(e.unit, e.node) for e in cluster.certificates if e.source == "in-use"]
    assert in_use == [
        ("CallManager", "cucm-sub1"),
        ("TVS", ""),
        ("tomcat", "cucm-sub1"),
    ]
    assert lines(cluster)[-1] == "admin --node cucm-sub1 set cert regen CallManager"


@pytest.mark.parametrize(
    ("vector", "tokens", "mode"),
    [
        ("tokenless.tlv", 0, True),
        ("tokenless.tlv.txt", 0, True),
        ("regenerated.tlv", 0, True),
        ("token-signed.tlv", 2, True),
        ("token-signed.tlv.txt", 2, True),
        ("non-secure.tlv", 2, False),
    ],
)
def test_the_golden_files(vector: str, tokens: int, mode: bool) -> None:
    cluster = read_cluster([load_list(VECTORS / vector, FileKind.CTL)])
    assert (cluster.tokens, cluster.is_mixed) == (tokens, mode)
    names = ["cucm-1051-a-pub", "cucm-1051-a-sub1"]
    if not mode:  # emptied records of a CTL Client have addresses only
        names = ["node-10-48-47-155", "node-10-48-47-156"]
    assert [node.name for node in cluster.nodes] == names
    assert ("token create T1" in lines(cluster)) == bool(tokens)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("10.48.47.155", "127.0.47.155"),
        ("192.168.1.20", "127.168.1.20"),
        ("10.1.1.1", "127.1.1.1"),  # no loopback address is as short
        ("172.16.0.255", "127.16.0.255"),
    ],
)
def test_addresses_on_loopback(tmp_path: Path, there: str, here: str) -> None:
    who = MIXED.callmanager_pub
    alone = UnsignedList(
        (record(who, Role.SAST, address=there), record(who, Role.TFTP, address=there)),
        who,
    )
    path = write(tmp_path / "itl.tlv", alone)
    (node,) = read_cluster([load_list(path, FileKind.ITL)]).nodes
    assert (node.real_address, node.address) == (there, here)


def read_json(*arguments: str) -> dict[str, Any]:
    status, out, err = run_cli("rehearse", "import", "--json", *arguments)
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_command(tmp_path: Path) -> None:
    ctl = write(tmp_path / "ctl.tlv", MIXED.ctl())
    itl = write(tmp_path / "itl.txt", MIXED.itl(), as_text=True)
    output = tmp_path / "ours.toml"
    found = read_json("--ctl", str(ctl), "--itl", str(itl), "--output", str(output))
    assert [node["name"] for node in found["nodes"]] == ["cucm-pub", "cucm-sub1"]
    script = load_script(output)
    assert script.name == "ours"
    assert [group.tftp[0] for group in script.groups] == ["cucm-pub", "cucm-sub1"]


def test_the_services_configuration_is_not_taken_for_a_phones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENLESS_CONFIG", str(tmp_path / "lab.toml"))
    itl = write(tmp_path / "itl.tlv", MIXED.itl())
    assert len(read_json("--itl", str(itl))["nodes"]) == 2


def test_without_an_output_the_rehearsal_is_printed(tmp_path: Path) -> None:
    itl = write(tmp_path / "itl.tlv", MIXED.itl())
    words = ("--itl", str(itl), "--version", "11.5(1)", "--models", "7975, 8861")
    status, out, err = run_cli("rehearse", "import", *words)
    assert status == 0
    assert all(line.startswith("approximated: ") for line in err.splitlines())
    (tmp_path / "printed.toml").write_text(out)
    script = load_script(tmp_path / "printed.toml")
    assert script.cluster["cluster"]["version"] == "11.5(1)"
    assert {group.model for group in script.groups} == {"7975", "8861"}


@pytest.mark.parametrize(
    ("expected", "options", "words"),
    [
        (2, ("--version", "eleven"), 'write it as "10.5(1)"'),
        (2, ("--models", "7975,9999"), "there is no phone model 9999"),
        (1, ("--output", "no/x.toml"), "no/x.toml cannot be written: No such"),
    ],
)
def test_what_cannot_be_imported_says_what_to_do(
    tmp_path: Path, expected: int, options: tuple[str, ...], words: str
) -> None:
    ctl = write(tmp_path / "ctl.tlv", MIXED.ctl())
    status, out, err = run_cli("rehearse", "import", "--ctl", str(ctl), *options)
    assert (status, out) == (expected, "")
    assert words in err


@pytest.mark.parametrize("option", ["--cert", "--phones", "--config"])
def test_a_file_that_cannot_be_read_is_no_verdict(tmp_path: Path, option: str) -> None:
    ctl = write(tmp_path / "ctl.tlv", MIXED.ctl())
    lost = str(tmp_path / "lost")
    status, out, err = run_cli("rehearse", "import", "--ctl", str(ctl), option, lost)
    assert (status, out) == (3, "")
    assert "lost cannot be read: No such file" in err


def test_a_signed_file_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "SEP001122334455.cnf.xml.sgn"
    path.write_bytes(MIXED.authority().fetch(path.name) or b"")
    with pytest.raises(PhoneError, match=r"is a signed file, not a trust list"):
        load_list(path, FileKind.CTL)


def test_an_itl_is_no_ctl(tmp_path: Path) -> None:
    path = write(tmp_path / "itl.tlv", MIXED.itl())
    with pytest.raises(PhoneError, match=r"is ITLFile\.tlv, not CTLFile\.tlv"):
        load_list(path, FileKind.CTL)


def test_nothing_given_is_wrong_usage() -> None:
    assert run_cli("rehearse", "import")[0] == 2


def test_a_list_whose_signer_is_not_in_it_is_said_to_be_unchecked(
    tmp_path: Path,
) -> None:
    lab = MIXED.ctl()
    path = write(tmp_path / "ctl.tlv", UnsignedList(lab.records, keypair("stranger")))
    cluster = read_cluster([load_list(path, FileKind.CTL)])
    said = [
        each.what for each in cluster.approximations if each.topic == Topic.UNVERIFIED
    ]
    assert said == [f"nothing in {path} verifies its signature"]


def test_features_without_phones_are_wrong_usage(tmp_path: Path) -> None:
    ctl = write(tmp_path / "ctl.tlv", MIXED.ctl())
    words = ("--ctl", str(ctl), "--features", str(ctl))
    status, _, err = run_cli("rehearse", "import", *words)
    assert status == 2
    assert "--phones" in err


def test_lists_without_nodes(tmp_path: Path) -> None:
    stranger = keypair("stranger")
    lone = UnsignedList((record(stranger, Role.SAST),), stranger)
    path = write(tmp_path / "ctl.tlv", lone)
    with pytest.raises(PhoneError, match="the lists name no node"):
        read_cluster([load_list(path, FileKind.CTL)])


@pytest.mark.parametrize(
    "models", [["7975"], ["7975", "7960", "8861"]], ids=lambda models: str(len(models))
)
def test_what_is_written_is_read_back(tmp_path: Path, models: Sequence[str]) -> None:
    cluster = read_cluster(imported_lists(tmp_path, MIXED.regenerate_callmanager()))
    script = imported_script(cluster, name='odd "name"\\', models=models)
    path = tmp_path / "made.toml"
    path.write_text(write_script(script, comment="two\nlines"))
    assert load_script(path) == script
    assert path.read_text().startswith("# two\n# lines\n")
