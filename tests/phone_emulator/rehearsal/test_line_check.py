"""Lines are checked before anything is played: names, stores, units, admin grammar."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.line_check import (
    check_file,
    check_lines,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_scripts
from tokenless.services.errors import SettingError

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
WRONG = {
    "admin utils ctl update CTL": "after `utils ctl update` come CTLFile",
    "admin set csr make CallManager": "no such command: set csr make CallManager",
    "cert sign CalManager": "there is no unit CalManager",
    "cert sign TVS --node nobody": "there is no node nobody",
    "admin set cert regen": "usage: set cert regen NAME",
    "admin set cert regen CalManager": "there is no store CalManager",
    "admin set cert regen CallManager-trust": "is a trust store",
    "admin set cert import trust ITLRecovery": "has no trust store",
    "admin utils service restart Cisco TFTTP": "no service Cisco TFTTP",
    "admin utils service restart": "usage: utils service restart NAME...",
    "admin run sql delete from device": "reads only",
    "admin set enterprise Versio 12.5": "Versio",
    "admin set cli pagination maybe": "type on or off",
    "admin file get activelog /etc/passwd": "use cm/tftpdata/NAME",
    "admin show audit many": "many is not a number",
    "admin help nothing": "no such command: nothing",
    "admin --node cucm-1051-a-sub9 show ctl": f"did you mean {SUB}",
    f"admin --node {SUB} utils ctl update CTLFile": "a command of the publisher",
    f"admin --node {SUB} set cert regen ITLRecovery": "only the publisher has the unit",
    "admin --all set cert regen ITLRecovery": "leave --node and --all out",
    "admin --cluster other show ctl": "there is no cluster other; clusters are lab",
    "cert upload CallManager-trusty token:A": "did you mean CallManager-trust",
    f"cert upload CallManager-trust {PUB}:CalManager": "did you mean CallManager",
    "cert upload CallManager-trust nobody:TVS": "there is no node nobody",
    "cert upload CallManager-trust token:none": "an earlier line must make a token",
    "cert import new": "there is no cluster new",
    "ctl-client set-mode mixed --token A": "did you mean mixed-mode",
    "ctl-client update --token A": "an earlier line must make a token",
    "backup restore never": "an earlier line must make a backup",
    "recovery-key sign none": "an earlier line must make a recovery key",
    "phones boot desks": "did you mean desk",
    "phones move desk --to nowhere": "there is no node nowhere",
    "node stop nobody": "there is no node nobody",
    f"node rename {SUB} {PUB}": f"there is a node {PUB} already",
    "node add cucm-3 127.0.47.999": "127.0.47.999 is not an IPv4 address",
    f"node remove {PUB}": "is the publisher",
    "phones call desk": "usage",
    "phones call desk --to lobby": "there is no group lobby",
    "cert delete TVS 'Some CA'": "there is no store TVS",
    "setting tftp.port 1": "it may change callmanager.ciphers",
    "setting callmanager.tls_minimum 1.1": "callmanager.tls_minimum",
    "setting callmanager.ciphers NONE-AT-ALL": "OpenSSL knows no cipher",
    "setting callmanager.ciphers": "usage",
    "phones dance": "is not understood",
}
RIGHT = (
    "setting callmanager.tls_minimum 1.2",
    "setting callmanager.ciphers ECDHE+AESGCM:AES256-SHA --cluster new",
    "cert delete callmanager-trust 'Cisco Manufacturing CA'",
    "phones call desk --to desk",
    "token create A",
    "ctl-client set-mode mixed-mode --token A",
    "cert upload callmanager-trust token:A",
    "cert upload Phone-SAST-trust new-pub:callmanager --cluster lab",
    "cert import new",
    "backup take monday",
    "backup restore monday tvs",
    "recovery-key export kept --cluster new",
    "recovery-key sign kept",
    "node add cucm-3 127.0.47.157",
    "admin --node cucm-3 set cert regen tvs",
    "node rename cucm-3 cucm-4",
    "phones move desk --to cucm-4 new-pub",
    "node remove cucm-4",
    "admin --node cucm-1051-a-far02 set cert regen TVS",
    "admin --cluster new utils ctl set-cluster mixed-mode",
    "admin set cluster hostname cucm-new",
    "admin --node cucm-new show ctl",
    "admin --all utils service restart Cisco Tftp",
    "admin file get activelog cm/tftpdata/CTLFile.tlv",
    "admin run sql select name from device where name = 'x'",
)


def rehearsal(*lines: str, refused: bool = False) -> Script:
    return Script(
        name="ours",
        lesson="ours",
        groups=(Group(name="desk"),),
        steps=(Step(title="all of it", run=lines, refused=refused),),
        others={
            "new": {"nodes": [{"name": "new-pub", "address": "127.0.49.1"}]}
            | {"callmanager_groups": [{"name": "Lab-CMG", "members": ["new-pub"]}]}
        },
        unserved=2,
    )


def alone(line: str) -> Script:
    script = rehearsal(line)
    script.others.clear()
    return script


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_refused_before_anything_is_played(line: str) -> None:
    with pytest.raises(PhoneError) as refused:
        check_lines(alone(line))
    said = refused.value.explain()
    assert said.startswith(f"step 1 (all of it), run line 1 `{line}`: ")
    assert WRONG[line] in said
    assert refused.value.hint


def test_subscribers_have_capf_before_14_only() -> None:
    script = alone(f"admin --node {SUB} set cert regen CAPF")
    check_lines(replace(script, variants={"12.5": "12.5(1)"}), "12.5")
    with pytest.raises(PhoneError, match="only the publisher has the unit capf"):
        check_lines(replace(script, variants={"14": "14"}), "14")


def test_another_cluster_may_have_the_release_of_the_variant() -> None:
    script = rehearsal("admin --cluster new show ctl")
    script.others["new"]["cluster"] = {"version": "variant"}
    script.others["new"]["nodes"][0]["publisher"] = True
    check_lines(replace(script, variants={"14": "14"}), "14")
    with pytest.raises(SettingError, match="variant"):
        check_lines(script)


def test_what_earlier_lines_make_is_known_to_later_ones() -> None:
    script = rehearsal(*RIGHT)
    script.others["new"]["nodes"][0]["publisher"] = True
    check_lines(script)


def test_a_command_that_must_be_refused_may_be_one_of_the_publisher() -> None:
    line = f"admin --node {SUB} utils ctl update CTLFile"
    check_lines(Script("x", "x", (), (Step("x", (line,), refused=True),)))


def test_the_tftp_server_of_a_group_is_a_node() -> None:
    script = Script("x", "x", (Group("desk", tftp=("cucm-1051-a-pup",)),), ())
    with pytest.raises(PhoneError, match="cucm-1051-a-pup") as refused:
        check_lines(script)
    assert refused.value.hint == f"did you mean {PUB} or {SUB}?"


def test_the_device_pool_of_a_group_is_one_of_the_cluster() -> None:
    script = Script("a", "b", (Group("desk", pool="Branch"),), ())
    with pytest.raises(PhoneError, match="device pool Branch, which is not") as caught:
        check_lines(script)
    assert caught.value.hint == "device pools are Default"


def test_steps_of_another_variant_are_not_mixed_in() -> None:
    take = Step("take", ("backup take b",), only=("11.5",))
    back = Step("back", ("backup restore b",))
    script = Script("x", "x", (), (take, back), variants={"11.5": "11.5", "12": "12.5"})
    check_lines(script, "11.5")
    with pytest.raises(PhoneError, match=r"step 2 .*there is no backup b"):
        check_lines(script, "12")


def test_an_error_names_the_file_and_its_line(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(
        'name = "ours"\nlesson = "x"\n[[groups]]\nname = "desk"\n[[steps]]\n'
        'title = "one"\nrun = ["phones boot"]\n[[steps]]\ntitle = "two"\nrun = [\n'
        '    "phones boot",\n    "admin utils ctl update CTL",\n]\n'
    )
    with pytest.raises(PhoneError) as refused:
        load_scripts(file, check_file)
    assert str(refused.value).startswith(f"{file}:12: step 2 (two), run line 2 ")


def test_nothing_is_played_when_a_later_line_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(
        'name = "ours"\nlesson = "x"\n[[groups]]\nname = "desk"\n[[steps]]\n'
        'title = "one"\nrun = ["phones boot"]\n[[steps]]\ntitle = "two"\n'
        'run = ["admin --node cucm-sub9 show ctl"]\n'
    )
    status, out, err = run_cli("rehearse", "run", str(file))
    assert (status, out) == (1, "")
    assert f"{file}:10: step 2 (two)" in err
    assert "there is no node cucm-sub9" in err


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[3] / "configs" / "rehearsals").glob("*.toml")),
    ids=lambda path: path.stem,
)
def test_shipped_rehearsals_pass_and_their_texts_fit_each_variant(path: Path) -> None:
    """Where variants end differently, one text cannot be true of all of them."""
    scripts = load_scripts(path, check_file)
    for number in range(len(scripts[0].steps)):
        found = {
            script.steps[number].why
            for script in scripts
            if number < len(script.steps)
            and any(each.outcome == "rejected" for each in script.steps[number].expect)
        }
        calm = {
            script.steps[number].why
            for script in scripts
            if number < len(script.steps)
            and script.steps[number].title == scripts[0].steps[number].title
            and all(each.outcome != "rejected" for each in script.steps[number].expect)
        }
        assert not (found & calm) - {""}
