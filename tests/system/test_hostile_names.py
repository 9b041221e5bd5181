"""Names from outside in all that people read: shown as they are, obeyed by nothing.

Certificates, lists and configurations may hold any text. Terminals obey escape
sequences, rich obeys markup, TOML ends a comment at a line end, and readers are misled
by marks that turn the direction of writing.
"""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.rigs import minting
from tests.rigs.cluster import (
    DEVICE,
    Authority,
    Keypair,
    Lab,
    UnsignedList,
    configuration,
    record,
)
from tests.rigs.live import AuthorityFiles, live_node
from tests.rigs.run_cli import run_cli
from tests.rigs.run_in_terminal import run_in_terminal
from tokenless.phone_emulator.rehearsal.reports.html_text import tag
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.certificates.name_text import printable, printable_lines
from tokenless.protocol.codes import Role
from tokenless.protocol.phones.configuration import TvsMember
from tokenless.services.logs import configure_logs, get_logger

NAMES = {
    "markup-end": "[/x]",
    "markup-link": "[link=https://evil.example/]cucm-pub[/link]",
    "osc-link": "\x1b]8;;https://evil.example/\x07pub\x1b]8;;\x07",
    "title": "\x1b]0;pwned\x07",
    "c1": "\x9b31mred",
    "line": "pub\nNo findings; all well",
    "line-separator": "pub\u2028No findings",
    "return": "pub\rNo findings",
    "bidi": "pub\u202ecba\u2066",
    "toml": 'pub"\nname = "other',
    "delete": "pub\x7f",
    "emoji": ":bomb:",
}
HOSTILE = pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
TOGETHER = pytest.mark.parametrize(
    "name", ["[/x]", NAMES["osc-link"] + NAMES["line"] + NAMES["bidi"]]
)
"""For tests that start many processes."""
ADDRESS = "127.0.47.155"


def hostile_lab(name: str) -> tuple[Keypair, UnsignedList, UnsignedList]:
    """Return a signer, a CTL and an ITL whose every name is hostile."""
    minted = minting.impostor(name)
    assert isinstance(minted.key, RSAPrivateKey)
    who = Keypair(minted.certificate, minted.key)
    members = (
        record(who, Role.SAST, name, ADDRESS),
        record(who, Role.CCM_TFTP, name, ADDRESS),
        record(who, Role.TVS, name, ADDRESS),
    )
    return who, UnsignedList(members, who), UnsignedList(members, who)


def written(folder: Path, name: str) -> tuple[str, str]:
    _, ctl, itl = hostile_lab(name)
    paths = folder / "CTLFile.tlv", folder / "ITLFile.tlv"
    paths[0].write_bytes(ctl.sign("CTLFile.tlv"))
    paths[1].write_bytes(itl.sign("ITLFile.tlv"))
    return str(paths[0]), str(paths[1])


def is_harmless(text: str) -> bool:
    return text.replace("\n", "").replace("\t", "").isprintable()


def said(*arguments: str) -> str:
    status, out, err = run_cli(*arguments)
    assert status in (0, 1), err
    assert "internal error" not in err
    assert is_harmless(out), out
    assert is_harmless(err), err
    return out + err


@HOSTILE
def test_one_function_makes_a_text_printable(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert shown == printable(shown) == printable_lines(shown)
    assert is_harmless(printable_lines(name))


@TOGETHER
def test_files(tmp_path: Path, name: str) -> None:
    ctl, itl = written(tmp_path, name)
    for path in (ctl, itl):
        assert printable(name)[:8] in said("file", "show", path)
        said("file", "show", path, "--table")
        said("file", "show", path, "--json")
        said("file", "lint", path)
        said("file", "verify", path)
    said("file", "diff", ctl, itl)


@HOSTILE
def test_tables_in_a_terminal(tmp_path: Path, name: str) -> None:
    """Rich makes links and colours only there."""
    path, _ = written(tmp_path, name)
    status, shown = run_in_terminal("file", "show", path, "--table")
    assert status == 0
    assert is_harmless(shown.replace("\r\n", "\n")), shown
    assert printable(name)[:8] in shown


@TOGETHER
def test_an_imported_rehearsal(tmp_path: Path, name: str) -> None:
    ctl, itl = written(tmp_path, name)
    made = tmp_path / "made.toml"
    said("rehearse", "import", "--ctl", ctl, "--itl", itl, "-o", str(made))
    if made.exists():
        assert is_harmless(made.read_text())
        assert load_script(made).name == "made"


@TOGETHER
async def test_a_cluster_and_its_phones(tmp_path: Path, name: str) -> None:
    who, _, itl = hostile_lab(name)
    named = configuration(TvsMember("10.0.0.1\nNo findings\x9b31m", 2445, 0))
    authority = Authority(itl=itl, configuration=named, configuration_signer=who)
    flash, fleet = str(tmp_path / "flash"), str(tmp_path / "fleet")
    async with live_node(authority, tmp_path, address=ADDRESS) as node:
        authority.configuration = named
        node.tftp_server.source = AuthorityFiles(authority)
        server = str(node.tftp)

        async def told(*arguments: str) -> str:
            return await trio.to_thread.run_sync(lambda: said(*arguments))

        patience = ("--tftp", server, "--tvs-timeout", "0.2")
        shown = await told("check", *patience)
        assert printable(name) in shown.replace("\n", "")
        assert "10.0.0.1\\0ANo findings\\C2\\9B31m" in shown.replace("\n", "")
        await told("check", *patience, "--json")
        await told("phone", "boot", "--device", DEVICE, "--flash", flash, *patience)
        await told("fleet", "boot", "--count", "2", "--flash", fleet, *patience)
        # Another cluster's list: what is refused is quoted.
        node.serve(replace(Lab(), mixed=True).authority())
        await told("phone", "boot", "--device", DEVICE, "--flash", flash, *patience)
        await told("fleet", "boot", "--count", "2", "--flash", fleet, *patience)
    for words in (("show",), ("show", "--json"), ("log",)):
        await told("phone", *words, "--flash", flash)
    await told("phone", "replay", str(Path(flash) / "last-boot.jsonl"), "--log")
    for words in (("show",), ("show", "--each"), ("show", "--json")):
        await told("fleet", *words, "--flash", fleet)


@HOSTILE
@pytest.mark.parametrize("as_json", [False, True])
def test_logs(name: str, *, as_json: bool) -> None:
    written_to = io.StringIO()
    configure_logs(json=as_json, to=written_to)
    get_logger().info(name, subject=name)
    get_logger().error("failed", exc_info=ValueError(name))
    lines = written_to.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    if as_json:
        levels = [json.loads(line)["level"] for line in lines if line]
        assert levels == ["info", "error"]
    else:
        assert all(line.startswith("    ") for line in lines[2:] if line)


@HOSTILE
def test_a_report(name: str) -> None:
    page = tag("td", name, title=name)
    assert is_harmless(page)
    assert "<x>" not in page


REHEARSAL = """
name = "hostile"
lesson = {name}
source = {name}
[[groups]]
name = {name}
[[steps]]
title = {name}
why = {name}
run = ["phones boot"]
expect = [{{ group = {name}, outcome = "ok" }}]
"""


@pytest.mark.parametrize("kind", ["markup-end", "markup-link", "c1", "bidi"])
def test_a_rehearsal_from_a_stranger(tmp_path: Path, kind: str) -> None:
    script = tmp_path / "hostile.toml"
    script.write_text(REHEARSAL.format(name=json.dumps(NAMES[kind])))
    report = tmp_path / "report.html"
    play = ("rehearse", "run", str(script), "--phones", "1")
    shown = said(*play, "--report", str(report))
    if report.exists():
        assert is_harmless(report.read_text())
    said(*play, "--json")
    assert printable(NAMES[kind]) in shown.replace("\n", "")


def test_consoles_that_obey_no_markup_are_the_only_ones() -> None:
    root = Path(__file__).parents[2]
    makers = [
        path.name
        for folder in ("services", "phone_emulator", "src/tokenless")
        for path in (root / folder).rglob("*.py")
        if "rich.console" in (text := path.read_text()) and "Console(" in text
    ]
    assert makers == ["terminal.py"]
