"""A small fleet of phones at a served lab: counts, a node that stops, the command."""

import json
import re
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio

from tests.rigs.dial_tone import (
    ENCRYPTED,
    PORTS,
    PUBLISHER,
    SUBSCRIBER,
    Site,
    dial_tone,
)
from tests.rigs.node_rig import LAB
from tests.rigs.warm_start import warm_commands
from tokenless.phone_emulator.cli.fleets.standings import standing_lines
from tokenless.phone_emulator.fleet.lines import (
    FleetLines,
    FleetLineSettings,
    FleetRegistrations,
)
from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.registration.line import LineSettings
from tokenless.phone_emulator.registration.report import (
    Attempt,
    Failure,
    RegistrationOutcome,
    RegistrationReport,
)
from tokenless.protocol.phones.device_security import CapfOperation
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

PHONES = 20
PAGE = Path(__file__).parents[3] / "docs" / "registration.md"


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        yield opened


async def until(is_so: Callable[[], bool]) -> None:
    with trio.fail_after(30):
        while not is_so():  # noqa: ASYNC110 - what it waits for has no event
            await trio.sleep(0.05)


async def test_a_fleet_goes_to_the_other_node_and_comes_back(
    site: Site, tmp_path: Path
) -> None:
    plan = FleetPlan((FleetGroup(PHONES),))
    phones = list(plan.phones((site.where(PUBLISHER, "tftp"),)))
    patience = LineSettings(5.0, retry_s=0.1, return_s=0.2)
    settings = FleetLineSettings(concurrency=5, line=patience)
    with closing(FleetStore.open(tmp_path / "fleet")) as store:
        lines = FleetLines(phones, store, site.network, settings)
        nodes = lines.registrations_now.nodes
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lines.run)
            await until(lambda: nodes[PUBLISHER] == PHONES)
            await site.stop(PUBLISHER)
            await until(lambda: nodes[SUBSCRIBER] == PHONES)
            assert lines.registrations_now.reasons[Failure.UNREACHABLE.value] == PHONES
            await site.start(PUBLISHER)
            await until(lambda: nodes[PUBLISHER] == PHONES)
            assert lines.registrations_now.registered == PHONES
            nursery.cancel_scope.cancel()
    assert lines.registrations_now.registered == 0


@pytest.mark.parametrize("operation", [None, CapfOperation.INSTALL])
async def test_a_fleet_of_secure_devices_needs_no_certificates_beside_it(
    site: Site, tmp_path: Path, operation: CapfOperation | None
) -> None:
    """MICs are made when they are wanted; CAPF issues LSCs where it is told to."""
    await site.go_mixed()
    phones = list(FleetPlan((FleetGroup(3),)).phones((site.where(PUBLISHER, "tftp"),)))
    names = Selection(tuple(phone.device for phone in phones[:2]))
    change = DeviceChange(
        model="7975", security_mode=ENCRYPTED, operation=operation, key_size=1024
    )

    def secure() -> None:
        set_devices(site.cluster, names, change, by="test")
        site.sync()

    await trio.to_thread.run_sync(secure)
    folder = site.cluster.installation.manufacturer_folder
    settings = FleetLineSettings(manufacturer=folder)
    with closing(FleetStore.open(tmp_path / "fleet")) as store:
        lines = FleetLines(phones, store, site.network, settings)
        outcomes = lines.registrations_now.outcomes
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lines.run)
            await until(lambda: lines.registrations_now.registered == 3)
            assert outcomes[RegistrationOutcome.REGISTERED_SECURE] == 2
            nursery.cancel_scope.cancel()
        first, _, last = (store.certificates(phone.device) for phone in phones)
        assert first.mic is not None
        assert (first.lsc is not None) is (operation is not None)
        assert (last.mic, last.lsc) == (None, None)  # nobody wants to see one


async def test_the_fleet_of_the_command_line(site: Site, tmp_path: Path) -> None:
    tftp = str(site.where(PUBLISHER, "tftp"))
    command = ("fleet", "run", "--count", "5", "--flash", str(tmp_path / "fleet"))
    more = ("--tftp", tftp, "--tftp-only", "--for", "5", "--json")
    done = await trio.run_process(
        [warm_commands() / "tokenless", *command, *more], capture_stdout=True
    )
    registrations_now = json.loads(done.stdout)
    assert (registrations_now["registered"], registrations_now["boots"]) == (5, 5)
    assert registrations_now["nodes"] == {PUBLISHER: 5}


def test_a_new_standing_is_counted_instead_of_the_last_one() -> None:
    registrations_now = FleetRegistrations(1)
    stuck = Attempt("pub", "127.0.0.1:2000", is_secure=False, failure=Failure.SILENT)
    registrations_now.take(RegistrationReport("SEP1", "7975", attempts=(stuck,)), 1.0)
    assert registrations_now.to_json()["reason_codes"] == {"silent": 1}
    registrations_now.take(RegistrationReport("SEP1", "7975", node="pub"), 2.0)
    assert registrations_now.to_json() == {
        "phones": 1,
        "registered": 1,
        "outcomes": {"registered": 1},
        "nodes": {"pub": 1},
        "reason_codes": {},
        "registrations": 1,
        "boots": 0,
        "seconds": 2.0,
    }


def test_a_phone_at_another_node_is_said_to_be_registered_there() -> None:
    registrations_now = FleetRegistrations(2)
    down = Attempt("pub", "127.0.0.1:2443", is_secure=True, failure=Failure.UNREACHABLE)
    for device, node, cipher in (("SEP1", "sub", "AES128-SHA"), ("SEP2", None, None)):
        registrations_now.take(
            RegistrationReport(
                device, "7975", node=node, cipher=cipher, attempts=(down,)
            ),
            1.0,
        )
    assert list(standing_lines(registrations_now)) == [
        "1 of 2 phones registered, 1 of them over TLS",
        "  at sub: 1",
        "  not at its first node: 2 (unreachable)",
    ]


def commands_of_the_page() -> list[str]:
    block, *_ = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [line for line in block.splitlines() if line.startswith("tokenless ")]


async def test_the_page_on_registration_can_be_typed(
    site: Site, tmp_path: Path
) -> None:
    where = str(site.where(PUBLISHER, "tftp"))
    said = {}
    for line in commands_of_the_page():
        words = shlex.split(line.replace("127.0.47.155:6969", where))
        asks = ["--tftp-only"] if "--tftp" in words else []
        done = await trio.run_process(
            [warm_commands() / words[0], *words[1:], *asks],
            capture_stdout=True,
            cwd=tmp_path,
        )
        said[" ".join(words[1:3])] = done.stdout.decode()
    assert said["phone call"].startswith("Not Secure\n")
    assert "Active" not in said["phone show"], "it has said goodbye"
    assert f"-registered at {PUBLISHER}" in said["phone log"]
    assert json.loads(said["fleet run"])["registered"] == 20
