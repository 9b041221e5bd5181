"""`tokenless phone`, as its users run it."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio

from tests.rigs.cluster import DEVICE, SIGNED_AT, Authority, Lab
from tests.rigs.live import LiveNode, live_node
from tests.rigs.run_cli import run_cli
from tests.rigs.run_in_terminal import run_in_terminal
from tokenless.phone_emulator.capf_client import CapfResult
from tokenless.phone_emulator.cli.phones.boot import complaint
from tokenless.phone_emulator.cli.phones.capf_complaint import (
    capf_complaint,
    no_certificate_advice,
)
from tokenless.phone_emulator.enrolment import CHANGED
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.secd.report import BootReport, FileAction
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.trust.verdicts import FileKind

MIXED = replace(Lab(), mixed=True)
LISTS = ("CTLFile.tlv", "ITLFile.tlv")


class Commands:
    """The commands about one phone."""

    def __init__(self, folder: Path, node: LiveNode) -> None:
        self.folder = folder
        self._node = node

    async def boot(self, *options: str) -> tuple[int, str, str]:
        where = ("--tftp", str(self._node.tftp), "--device", DEVICE)
        return await self("boot", *where, *options)

    async def __call__(self, verb: str, *options: str) -> tuple[int, str, str]:
        flash = ("--flash", str(self.folder)) if verb != "replay" else ()
        return await trio.to_thread.run_sync(
            lambda: run_cli("phone", verb, *flash, *options)
        )


@pytest.fixture
def phone(tmp_path: Path, node: LiveNode) -> Commands:
    return Commands(tmp_path / "flash", node)


@pytest.mark.parametrize(
    "words",
    [
        ("phone", "show"),
        ("phone", "log"),
        ("phone", "delete-trust"),
        ("phone", "factory-reset"),
        ("phone", "run", "--tftp", "127.0.0.1:1"),
        ("fleet", "show"),
        ("fleet", "delete-trust"),
    ],
    ids=" ".join,
)
def test_of_a_flash_that_is_not_there_nothing_can_be_told(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """As of a file that cannot be read; a folder without a phone is refused."""
    folder = tmp_path / "flash"
    for expected in (3, 1):
        status, out, err = run_cli(*words, "--flash", str(folder))
        assert (status, out) == (expected, "")
        assert "keeps its flash in" in err
        folder.mkdir(exist_ok=True)


async def test_a_boot_in_words(phone: Commands) -> None:
    status, out, err = await phone.boot("--tls", "1.2")

    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{DEVICE} (7975): ok",
        "  CTLFile.tlv    installed by first-use",
        "  ITLFile.tlv    installed by installed-ctl",
        "  configuration  installed by installed-ctl",
        "  CTL and ITL installed",
    ]


async def test_an_unknown_signer_is_vouched_for_by_tvs(tmp_path: Path) -> None:
    newer = MIXED.regenerate_callmanager()
    before = MIXED.authority()
    before.know(newer.callmanager_pub, 2, 0)
    async with live_node(before, tmp_path) as node:
        phone = Commands(tmp_path / "flash", node)
        await phone.boot("--tls", "1.2")
        node.serve(newer.authority())
        status, out, err = await phone.boot("--tls", "1.2")

    assert (status, err) == (0, "")
    assert "  CTLFile.tlv    updated by tvs\n" in out
    assert f"  TVS {node.tvs}: trusted [2, 0]\n" in out
    assert out.endswith("  Trust List updated\n")


async def test_a_tvs_that_speaks_no_such_tls_is_named_as_the_reason(
    tmp_path: Path,
) -> None:
    """An upload of the signer would change nothing."""
    async with live_node(MIXED.authority(), tmp_path) as node:
        phone = Commands(tmp_path / "flash", node)
        await phone.boot("--tls", "1.2")
        node.serve(MIXED.regenerate_callmanager().authority())
        status, out, err = await phone.boot("--tls", "1.0")

    assert status == 1
    assert f"  TVS {node.tvs}: unreachable: TLS handshake failed: " in out
    assert err.endswith(
        "to change that, lower [tvs] tls_minimum to what the model knows\n"
    )


async def test_an_older_list_is_taken_and_noted(
    phone: Commands, node: LiveNode
) -> None:
    await phone.boot()
    authority = MIXED.authority()
    assert authority.ctl is not None
    authority.ctl = replace(authority.ctl, timestamp=SIGNED_AT - 86_400)
    node.serve(authority)
    status, out, _ = await phone.boot()

    assert status == 0
    assert "  CTLFile.tlv    updated by installed-ctl\n" in out
    assert "note: the file was signed 2020-" in out
    assert "validly signed" in out


async def test_a_server_without_files_is_no_success(
    phone: Commands, node: LiveNode
) -> None:
    await phone.boot()
    node.serve(Authority())
    status, out, err = await phone.boot()

    assert status == 3
    assert "  CTLFile.tlv    absent\n" in out
    # It holds lists, so it did not ask for the configuration that a PBX would have.
    expected = f"tokenless: no TFTP server has a signed file for {DEVICE}; check "
    assert err.startswith(expected)
    assert "asks for signed files only" in err
    assert (await phone("delete-trust"))[0] == 0
    _, _, err = await phone.boot()
    assert err.startswith(f"tokenless: no TFTP server has a file for {DEVICE}; check ")
    assert "signed" not in err


async def test_a_server_with_a_configuration_only_is_a_success(
    phone: Commands, node: LiveNode
) -> None:
    authority = MIXED.authority()
    assert authority.configuration is not None
    node.serve(Authority(files={f"{DEVICE}.cnf.xml": authority.configuration.encode()}))
    status, out, err = await phone.boot()

    assert (status, err) == (0, "")
    assert "  CTLFile.tlv    absent\n" in out


def test_a_boot_that_takes_long_says_what_the_phone_waits_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        options = ("--device", DEVICE, "--flash", str(tmp_path / "flash"))
        status, shown = run_in_terminal("phone", "boot", *options, "--tftp", where)
    assert status == 3
    assert f"fetching CTL{DEVICE}.tlv from {where}" in shown


async def test_a_refused_configuration_says_that_the_old_one_is_kept(
    phone: Commands, node: LiveNode
) -> None:
    await phone.boot()
    authority = MIXED.authority()
    authority.files[f"{DEVICE}.cnf.xml.sgn"] = b"<device/>"
    node.serve(authority)
    status, out, err = await phone.boot()

    assert status == 1
    assert f"{DEVICE} (7975): rejected" in out
    assert err.startswith(
        f"tokenless: {DEVICE}.cnf.xml.sgn rejected: not a signed file"
    )
    assert err.endswith("; the phone keeps the configuration that it had\n")


@pytest.mark.parametrize("at", [10, -1], ids=["malformed", "signature"])
async def test_a_changed_list_is_to_be_made_anew_not_to_be_trusted(
    phone: Commands, node: LiveNode, at: int
) -> None:
    await phone.boot()
    authority = MIXED.authority()
    changed = bytearray(authority.fetch("CTLFile.tlv") or b"")
    changed[at] ^= 1
    authority.files[f"CTL{DEVICE}.tlv"] = bytes(changed)
    node.serve(authority)
    status, _, err = await phone.boot()

    assert status == 1
    assert err.startswith(f"tokenless: CTL{DEVICE}.tlv rejected: ")
    assert err.endswith("`utils ctl update CTLFile`, then restart Cisco Tftp\n")
    assert "upload the signer's certificate" not in err


async def test_factory_reset_leaves_an_empty_phone(phone: Commands) -> None:
    await phone.boot()
    assert (await phone("factory-reset"))[:2] == (
        0,
        "erased: CTLFile.tlv, ITLFile.tlv, configuration\n",
    )
    assert (await phone("factory-reset"))[1] == "erased: there was nothing\n"
    assert (await phone("delete-trust"))[1] == "erased: there were none\n"
    assert (await phone("log"))[1] == ""
    _, out, _ = await phone("show", "--json")
    assert json.loads(out)["files"] == dict.fromkeys(LISTS)
    status, _, err = await phone("replay", str(phone.folder / "last-boot.jsonl"))
    assert status == 3
    assert "last-boot.jsonl cannot be read" in err


async def test_a_string_that_nobody_asked_for(phone: Commands, node: LiveNode) -> None:
    await phone.boot()
    typed = ("--string", "4711", "--tftp", str(node.tftp))
    status, _, err = await phone("capf", *typed)
    assert status == 1
    assert err == (
        f"tokenless: {DEVICE}: its configuration orders no operation of CAPF; order "
        f"one with `tokenless device set {DEVICE} --capf install`\n"
    )


_ORDER = f"order one with `tokenless device set {DEVICE} --capf install`"


@pytest.mark.parametrize(
    ("capf", "complained", "advised"),
    [
        (
            None,
            f"{DEVICE}: its configuration orders no operation of CAPF; {_ORDER}",
            _ORDER,
        ),
        (
            {"result": "no-action", "server": "", "reason": ""},
            f"{DEVICE}: CAPF has nothing to do for the phone; {_ORDER}",
            f"CAPF has nothing to do for the phone; {_ORDER}",
        ),
    ],
)
def test_a_complaint_names_the_phone_and_what_helps_it(
    capf: dict[str, str] | None, complained: str, advised: str
) -> None:
    report = BootReport(DEVICE, "7975", capf=capf)
    assert capf_complaint(report) == complained
    assert no_certificate_advice(report) == advised


@pytest.mark.parametrize("result", sorted(set(CapfResult) - CHANGED))
def test_every_end_of_a_session_has_words_and_advice(result: CapfResult) -> None:
    ended = {"result": result.value, "server": "[::1]:3804", "reason": "for a reason"}
    report = BootReport(DEVICE, "7975", capf=ended)
    fault, advice = capf_complaint(report).split(";", 1)
    assert fault.startswith(f"{DEVICE}: ")
    assert fault.endswith(" ([::1]:3804: for a reason)")
    assert advice


@pytest.mark.parametrize(
    ("capf", "said"),
    [
        (None, "order one with `tokenless device set"),
        (("null-string", "no-action"), "CAPF has nothing to do for the phone"),
        (("string", "declined"), "the string is wrong"),
        (
            ("existing-lsc", "declined"),
            "is missing or not trusted",
        ),
        (("string", "waits-for-string"), "type the authentication string"),
        (("null-string", "untrusted-server"), "does not trust the CAPF server"),
        (("null-string", "deleted"), "order one with `tokenless device set"),
        (("null-string", "installed"), "encrypts for another certificate"),
    ],
)
def test_a_phone_that_cannot_decrypt_is_told_why_capf_gave_it_nothing(
    capf: tuple[str, str] | None, said: str
) -> None:
    keys = ("mode", "result", "server", "reason")
    ended = None if capf is None else dict(zip(keys, (*capf, "h:1", ""), strict=True))
    report = BootReport(DEVICE, "7975", capf=ended)
    report.file(FileKind.CONFIGURATION).action = FileAction.FAILED
    report.file(FileKind.CONFIGURATION).code = Reason.NOT_DECRYPTED
    assert said in complaint(report)


async def test_a_replay_in_words_as_json_and_with_its_log(phone: Commands) -> None:
    await phone.boot()
    record = str(phone.folder / "last-boot.jsonl")
    status, words, _ = await phone("replay", record, "--log")
    _, lines, _ = await phone("replay", record, "--json")
    _, log, _ = await phone("log")

    assert status == 0
    steps = [json.loads(line) for line in lines.splitlines()]
    assert steps[0]["event"] == "PowerOn"
    assert steps[-1]["state"] == "running"
    assert not any(step["differs"] for step in steps)
    assert [line.split()[1] for line in words.splitlines()[: len(steps)]] == [
        step["event"] for step in steps
    ]
    assert words.endswith(log), "the log of the replay is that of the boot"


async def test_a_changed_record_is_told_from_the_machine(phone: Commands) -> None:
    await phone.boot()
    record = trio.Path(phone.folder / "last-boot.jsonl")
    await record.write_text(
        (await record.read_text()).replace('"state":"fetching-itl"', '"state":"off"', 1)
    )
    status, out, err = await phone("replay", str(record))

    assert status == 1
    assert out.count("differs") == 1
    assert err.startswith("tokenless: the replay differs from the record; ")


async def test_a_flash_of_an_unknown_model_says_what_to_do(phone: Commands) -> None:
    await phone.boot()
    flash = FolderFlash.open(phone.folder)
    flash.save_state(msgspec.structs.replace(flash.known_state(), model="9999"))
    for verb in ("show", "delete-trust"):
        status, out, err = await phone(verb)
        assert (status, out) == (1, ""), verb
        assert err.endswith("names no model that is known; boot the phone again\n")
    assert flash.load().ctl is not None
    assert (await phone.boot())[0] == 0


async def test_a_phone_that_was_killed_is_not_shown_as_registered(
    phone: Commands,
) -> None:
    await phone.boot()
    flash = FolderFlash.open(phone.folder)
    state = flash.known_state()
    last = RegistrationReport(DEVICE, "7975", node="pub").to_json()
    flash.save_state(msgspec.structs.replace(state, registration=last))
    for is_registered, shown in ((True, "Active: pub"), (False, "Not registered")):
        flash.mark_registered(is_registered=is_registered)
        assert shown in (await phone("show"))[1]
        now = json.loads((await phone("show", "--json"))[1])["registration"]
        assert (now["node"] is not None) is is_registered
    await phone.boot()
    assert flash.known_state().registration == {}


async def test_a_log_with_damaged_bytes_is_still_printed(phone: Commands) -> None:
    await phone.boot()
    log = trio.Path(phone.folder / "console.log")
    await log.write_bytes(b"\xff\xfe line\n" + await log.read_bytes())
    status, out, _ = await phone("log")

    assert status == 0
    assert "boot finished, ok" in out


async def test_a_call_needs_two_phones(phone: Commands, node: LiveNode) -> None:
    await phone.boot()
    to_itself = ("--to", str(phone.folder), "--tftp", str(node.tftp))
    status, out, err = await phone("call", *to_itself)
    assert (status, out) == (2, "")
    assert f"--flash and --to are both of {DEVICE}; a call needs two phones" in err
