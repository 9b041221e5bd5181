"""`tokenless fleet`, as its users run it."""

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.rigs.cluster import Authority, Lab
from tests.rigs.live import LiveNode
from tests.rigs.run_cli import run_cli
from tests.rigs.run_in_terminal import run_in_terminal
from tokenless.phone_emulator.cli.fleets.boot import judge
from tokenless.phone_emulator.cli.fleets.view import print_report, stuck_lines
from tokenless.phone_emulator.fleet.report import FleetReport

MIXED = replace(Lab(), mixed=True)
REGENERATED = MIXED.regenerate_callmanager()
COUNT = 12


class Commands:
    """The commands about one fleet of 8861s."""

    def __init__(self, folder: Path, node: LiveNode) -> None:
        self.flash = ("--flash", str(folder))
        where = ("--tftp", str(node.tftp), "--count", str(COUNT))
        self.boot_options = ("--model", "8861", *where)

    async def boot(self, *options: str) -> tuple[int, str, str]:
        return await self("boot", *self.boot_options, *options)

    async def __call__(self, verb: str, *options: str) -> tuple[int, str, str]:
        return await trio.to_thread.run_sync(
            lambda: run_cli("fleet", verb, *self.flash, *options)
        )


@pytest.fixture
def fleet(tmp_path: Path, node: LiveNode) -> Commands:
    return Commands(tmp_path / "fleet", node)


def test_a_long_list_of_stuck_phones_is_counted_by_reason() -> None:
    report = FleetReport(60, stuck=[f"SEP{n:012X}" for n in range(60)])
    report.reasons.update({"not-vouched": 58, "malformed": 2})
    lines = list(stuck_lines(report))
    assert lines[:2] == ["stuck: SEP000000000000", "stuck: SEP000000000001"]
    assert lines[20:] == ["and 40 more; files by reason: 58 not-vouched, 2 malformed"]
    assert list(stuck_lines(FleetReport(3))) == []


def test_what_came_of_capf_stands_in_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_report(FleetReport(2, capf=Counter(installed=2), encrypted=1))
    out = capsys.readouterr().out
    assert re.search("CAPF +│ 2 installed", out)
    assert re.search("encrypted +│ 1 configuration ", out)


def test_a_fleet_that_nobody_answers_does_not_speak_of_served_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    silent = FleetReport(2, outcomes=Counter(unreachable=2), stuck=["SEPA", "SEPB"])
    with pytest.raises(SystemExit) as ended:
        judge(silent)
    assert ended.value.code == 3
    err = capsys.readouterr().err
    assert "no TFTP server answers any of 2 phones; check address and port" in err
    assert "what is served" not in err


async def test_counts_come_as_one_object(fleet: Commands) -> None:
    status, out, err = await fleet.boot("--json")

    assert (status, err) == (0, "")
    assert json.loads(out)["outcomes"] == {"ok": COUNT}


async def test_a_server_without_files_is_no_success(
    fleet: Commands, node: LiveNode
) -> None:
    node.serve(Authority())
    status, _, err = await fleet.boot("--json")

    assert status == 3
    assert err.startswith(
        "tokenless: no TFTP server has a file that any phone asked for; check "
    )
    assert "asks for signed files only" in err


async def test_phones_that_refuse_are_counted_shown_and_erased(
    fleet: Commands, node: LiveNode
) -> None:
    await fleet.boot()
    node.serve(REGENERATED.authority())
    status, out, err = await fleet.boot()

    assert status == 1
    assert f"{COUNT} of {COUNT} phones" in err
    assert f"{COUNT} rejected" in out
    assert "stuck: SEP00112200000B" in out
    _, each, _ = await fleet("show", "--each", "--stuck")
    assert len(each.splitlines()) == COUNT
    _, lines, _ = await fleet("show", "--json")
    assert json.loads(lines.splitlines()[0])["outcome"] == "rejected"
    _, out, _ = await fleet("delete-trust", "--stuck")
    assert out == f"erased: the lists of {COUNT} phones\n"
    _, out, _ = await fleet("delete-trust")
    assert out == "erased: the lists of 0 phones\n"


async def test_show_says_what_phones_hold_now(fleet: Commands) -> None:
    await fleet.boot()
    _, before, _ = await fleet("show")
    await fleet("delete-trust")
    _, after, _ = await fleet("show")

    assert before.startswith(f"{COUNT:6} phones  8861    ok           CTL ")
    assert "CTL -" not in before
    assert after.split() == f"{COUNT} phones 8861 ok CTL - ITL -".split()


async def test_a_csv_has_a_line_a_file_and_phone(
    fleet: Commands, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    await fleet.boot("--csv", str(rows))

    found = list(csv.DictReader(io.StringIO(await trio.Path(rows).read_text())))
    assert len(found) == 3 * COUNT
    assert {row["action"] for row in found} == {"installed"}
    assert len({row["device"] for row in found}) == COUNT


async def test_a_csv_may_go_to_standard_output(fleet: Commands) -> None:
    _, out, _ = await fleet.boot("--csv", "-")

    assert out.count("CTLFile.tlv,installed") == COUNT


def test_csv_and_json_are_not_mixed_on_standard_output(tmp_path: Path) -> None:
    flash = ("--flash", str(tmp_path / "f"))
    tftp = ("--tftp", "127.0.0.1:1")
    status, out, err = run_cli("fleet", "boot", *flash, *tftp, "--csv", "-", "--json")
    assert (status, out) == (2, "")
    assert "name a file for --csv" in err
    assert not (tmp_path / "f").exists()


async def test_a_csv_that_cannot_be_written_boots_nobody(
    fleet: Commands, tmp_path: Path
) -> None:
    status, out, err = await fleet.boot("--csv", str(tmp_path / "no" / "rows.csv"))

    assert (status, out) == (1, "")
    assert err.startswith("tokenless: ")
    assert "rows.csv cannot be written: No such file or directory; name a file" in err
    assert (await fleet("show"))[0] == 3


async def test_a_terminal_shows_it_live(fleet: Commands) -> None:
    await fleet.boot()
    status, shown = await trio.to_thread.run_sync(
        lambda: run_in_terminal("fleet", "boot", *fleet.flash, *fleet.boot_options)
    )

    assert status == 0
    assert re.search(rf"━ {COUNT}/{COUNT} .*/s  ok {COUNT}  TVS: -", shown)
    assert f"{COUNT} phones in" in shown
    assert f"{COUNT} unchanged" in shown


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--first-mac", "zz"), 2, "12 hexadecimal digits"),
        (("--plan", "nothing.toml"), 3, "nothing.toml cannot be read: No such file"),
        (("--count", "0"), 2, "--count"),
    ],
)
async def test_what_makes_no_fleet(
    fleet: Commands, options: tuple[str, ...], status: int, words: str
) -> None:
    found, out, err = await fleet.boot(*options)

    assert (found, out) == (status, "")
    assert words in err
