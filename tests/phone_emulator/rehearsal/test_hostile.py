"""Rehearsals by a stranger: they may play a cluster, not use the machine."""

from pathlib import Path

import pytest

from tests.rigs import minting
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import run_script
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_file
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

HEAD = """
name = "evil"
lesson = "none"
[[groups]]
name = "phones"
count = 1
[[steps]]
title = "nothing"
run = ["phones boot"]
"""
SETTINGS = {
    "[cluster.tftp]\nstatic_files = '/'": (
        "tftp.static_files cannot be set in a rehearsal"
    ),
    "[cluster.tftp]\nport = 69": "tftp.port",
    "[cluster.tvs]\nclient_ca = '/etc/ssl/private/x'": "tvs.client_ca",
    "[cluster.tvs.legacy]\nport = 443": "tvs.legacy",
    "[cluster.metrics]\nport = 80\naddress = '0.0.0.0'": "metrics.port",
    "[cluster.database]\nurl = 'postgresql://x@db.example/d'": "database.url",
    "[cluster]\ntftp = 'x'": "tftp",
    "[cluster]\ntables = {'\\u001b' = 1}": "tables.",
    "[[cluster.nodes]]\nname = 'a'\naddress = '0.0.0.0'": "cannot listen on 0.0.0.0",
    "[[cluster.nodes]]\nname = 'a'\naddress = '10.0.0.1'": "cannot listen on 10.0.0.1",
    "[[others.b.nodes]]\nname = 'a'\naddress = '::1'": "cannot listen on ::1",
    "[others.b.tftp]\nstatic_files = '/'": "[others.b]",
    "[others.'x/../../..']": "cannot be a name",
    "[others.'..']": "cannot be a name",
    "[others.'/tmp/x']": "cannot be a name",
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_cluster_is_no_way_to_the_machine(tmp_path: Path, settings: str) -> None:
    file = tmp_path / "evil.toml"
    file.write_text(f"{HEAD}{settings}\n")
    with pytest.raises(PhoneError) as caught:
        load_script(file)
    line = caught.value.explain()
    assert SETTINGS[settings] in line
    assert line.isprintable()


@pytest.mark.parametrize(
    "deep",
    [f"x = {'[' * 5000}{']' * 5000}", f"{'x.' * 5000}x = 1", '"x" . ' * 50 + "x = 1"],
)
def test_a_deep_script_is_refused(tmp_path: Path, deep: str) -> None:
    """A key of 200,000 parts took six gigabytes and a minute and a half."""
    file = tmp_path / "deep.toml"
    file.write_text(f"{HEAD}{deep}\n")
    with pytest.raises(PhoneError, match="nested too deeply"):
        load_script(file)


LINES = {
    "recovery-key export {victim}": "cannot be a name",
    "recovery-key export ../victim": "cannot be a name",
    "admin utils itl reset remotekey {victim}": "outside of this shell's folder",
    "admin set cert import trust CallManager-trust {victim}": "outside of this shell",
    "admin set cert import trust CallManager-trust ../victim": "outside of this shell",
    "admin set cert import trust CallManager-trust ..": "outside of this shell",
}


def test_a_line_reaches_no_file_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, rig = tmp_path / "here", tmp_path / "stage"
    here.mkdir()
    rig.mkdir()
    monkeypatch.chdir(here)
    victim = tmp_path / "victim"
    victim.write_bytes(minting.server().certificate_pem)
    victim.with_suffix(".p12").write_bytes(b"precious")
    lines = {text.format(victim=victim): reason for text, reason in LINES.items()}
    refused = [Step(title=line, run=(line,), refused=True) for line in lines]
    saved = Step(title="saved", run=("admin file get tftp ITLFile.tlv",))
    script = Script(
        name="evil",
        lesson="none",
        groups=(Group(name="phones", count=1),),
        steps=(*refused, saved),
    )
    played = run_script(script, 1, rig, ProgressListener())
    for step in played.steps[:-1]:
        assert lines[step.step.title] in (step.refusal or "")
    assert played.steps[-1].refusal is None
    assert list(here.iterdir()) == []
    assert victim.with_suffix(".p12").read_bytes() == b"precious"
    assert (rig / "files" / "ITLFile.tlv").is_file()


def test_a_node_that_joins_listens_on_loopback(tmp_path: Path) -> None:
    file = tmp_path / "evil.toml"
    line = "node add cucm-1051-a-sub7 192.0.2.7"
    file.write_text(HEAD.replace("phones boot", line))
    with pytest.raises(PhoneError, match="is not on loopback"):
        load_script(file, check_file)
