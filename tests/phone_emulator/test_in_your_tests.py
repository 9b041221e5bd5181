"""docs/in-your-tests.md: its examples pass, and what it promises is so."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import pytest
import trio

from tests.rigs.waiting import is_alive, wait_until
from tokenless.phone_emulator import (
    BootReport,
    ExternalCluster,
    FileAction,
    FileKind,
    FileReport,
    FleetReport,
    Outcome,
    PhoneError,
    PhoneMaker,
    Reason,
    RegistrationReport,
)
from tokenless.phone_emulator.pytest_plugin.phones import run_blocking
from tokenless.phone_emulator.secd.report import ADVICE

if TYPE_CHECKING:
    from tokenless.phone_emulator import LabCluster, LabFleet, LabPhone

PAGE = Path(__file__).parents[2] / "docs" / "in-your-tests.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def example(name: str) -> dict[str, Any]:
    """Run the code of the page that defines a function; return its names."""
    (code,) = [each for each in EXAMPLES if f"def {name}(" in each]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    return names


@pytest.mark.parametrize(
    "name",
    [
        "test_from_tokens_to_tokenless",
        "test_a_call_is_encrypted_and_survives_a_node",
    ],
)
def test_an_example_of_the_page_passes(
    tokenless_cluster: "LabCluster",
    tokenless_phone: "Callable[..., LabPhone]",
    name: str,
) -> None:
    example(name)[name](tokenless_cluster, tokenless_phone)


def test_the_first_example_of_the_page_passes(
    tokenless_cluster: "LabCluster",
    tokenless_phone: "Callable[..., LabPhone]",
    tokenless_fleet: "Callable[..., LabFleet]",
) -> None:
    name = "test_a_regenerated_certificate_reaches_the_phones"
    run = example(name)[name]
    run(tokenless_cluster, tokenless_phone, tokenless_fleet)


def test_the_example_for_asyncio_passes(
    tokenless_phone: "Callable[..., LabPhone]",
) -> None:
    name = "test_two_phones_at_once_under_asyncio"
    example(name)[name](tokenless_phone)


async def test_the_async_form_works_under_trio_and_the_blocking_one_is_refused(
    tokenless_phone: "Callable[..., LabPhone]",
) -> None:
    phone = tokenless_phone()
    with pytest.raises(PhoneError, match=r"boot\(\) would block"):
        phone.boot()
    (await phone.boot_async()).assert_ok()
    (await phone.register_async()).assert_registered()


def test_the_async_form_says_where_it_works(
    tokenless_phone: "Callable[..., LabPhone]",
) -> None:
    waiting = tokenless_phone().boot_async()
    with pytest.raises(PhoneError, match="trio, asyncio and anyio"):
        waiting.send(None)


def test_an_error_is_raised_as_itself_and_not_in_a_group() -> None:
    async def fail() -> None:
        async with trio.open_nursery():
            raise PhoneError("the flash belongs to another phone")

    with pytest.raises(PhoneError, match="another phone"):
        run_blocking(fail, "boot")


def test_the_configuration_of_the_page_makes_a_cluster() -> None:
    from tokenless.phone_emulator.pytest_plugin.configuration import (  # noqa: PLC0415
        lab_config,
        ports_of,
    )

    tables = example("tokenless_config")["tokenless_config"].__wrapped__()
    config = lab_config(tables)
    assert [node.address for node in config.nodes] == ["127.0.47.155", "127.0.47.156"]
    (group,) = config.callmanager_groups
    assert group.members == ("pub",)
    ports = ports_of(config)
    assert "capf" in ports["pub"]
    assert "capf" not in ports["tftp1"]
    assert len(set(ports["pub"].values())) == len(ports["pub"])


def test_a_cluster_is_put_back(
    tokenless_cluster: "LabCluster", tokenless_phone: "Callable[..., LabPhone]"
) -> None:
    """Certificates, mode, devices, tokens, keys, files; services and nodes run."""
    from tokenless.services.store.nodes import rename_node  # noqa: PLC0415

    cluster = tokenless_cluster
    checksum = re.compile("[0-9a-f]{32}")
    itl = checksum.search(cluster.admin("show itl"))
    keys = sorted(path.name for path in cluster.data.glob("nodes/*/keys/*"))
    cluster.create_token("A")
    cluster.admin("set cert regen CallManager")
    cluster.admin("utils ctl set-cluster mixed-mode")
    tokenless_phone().secure()
    cluster.restart_tftp()
    cluster.admin("utils service stop Cisco Tftp")
    cluster.kill_node("cucm-1051-a-sub1")
    # As `set cluster hostname` does, without its new keys.
    first, changed = cluster.publisher, cluster._cluster
    with changed.store.change("set hostname", "newpub", by="test") as change:
        rename_node(change.connection, changed.publisher.id, "newpub")
    assert (cluster.publisher, cluster.nodes[0]) == ("newpub", "newpub")
    assert {*cluster.tftp} == {*cluster.ports} == {*cluster.addresses}
    assert cluster.admin("show itl") == cluster.admin("show itl", node=first)
    cluster.restore()
    again = checksum.search(cluster.admin("show itl"))
    assert itl is not None
    assert again is not None
    assert again[0] == itl[0]
    assert sorted(p.name for p in cluster.data.glob("nodes/*/keys/*")) == keys
    assert not [*cluster.data.glob("tokens/A"), *cluster.data.glob("**/CTLFile.tlv")]
    for impossible in ({"model": "9999"}, {"device": "../x"}, {"device": ""}):
        with pytest.raises(PhoneError):
            tokenless_phone(**impossible)
    phone = tokenless_phone(first_tftp="cucm-1051-a-sub1")
    report = phone.boot()
    report.assert_ok()
    assert report.files[FileKind.CTL].action is FileAction.ABSENT
    assert phone.register().node == cluster.publisher
    cluster.create_token("A")  # the name is free again


def test_a_report_of_a_failed_test_has_logs_and_the_folder(
    tokenless_cluster: "LabCluster",
    tokenless_phone: "Callable[..., LabPhone]",
    tmp_path: Path,
) -> None:
    from tokenless.phone_emulator.pytest_plugin.failures import (  # noqa: PLC0415
        Evidence,
    )

    phone = tokenless_phone()
    phone.boot()
    assert phone.device != PhoneMaker(tokenless_cluster, tmp_path)().device
    served = f"file={phone.device}.cnf.xml.sgn"
    # The last ACK may still be on its way when the phone has booted.
    wait_until(lambda: served in dict(tokenless_cluster.logs())["cucm-1051-a-pub"])
    found = dict(Evidence(tokenless_cluster, tmp_path).sections())
    assert served in found["tokenless: log of cucm-1051-a-pub"]
    assert "cfgFile" in found[f"tokenless: console log of {phone.device}"]
    kept = Path(found["tokenless: the cluster's data folder"])
    assert (kept / "cluster.db").is_file()
    assert kept.is_relative_to(tmp_path)


def refusing(device: str) -> BootReport:
    refused = FileReport(FileAction.REJECTED, code=Reason.NOT_VOUCHED, reason="no")
    return BootReport(device, "7975", {FileKind.CTL: refused})


def test_a_failed_boot_says_the_file_the_reason_and_what_helps() -> None:
    report = refusing("SEP1")
    with pytest.raises(AssertionError) as failed:
        report.assert_ok()
    text = str(failed.value)
    assert "SEP1 (7975): CTLFile.tlv rejected, not-vouched: no; what helps: " in text
    assert "Phone-SAST-trust" in text


def test_a_fleet_says_the_counts_and_the_first_phones() -> None:
    report = FleetReport(8)
    for number in range(8):
        report.add(refusing(f"SEP{number}"))
    with pytest.raises(AssertionError) as failed:
        report.assert_ok()
    head, *phones = str(failed.value).splitlines()
    assert head.startswith("8 of 8 phones are not ok (8 rejected)")
    assert head.endswith("not-vouched 8")
    assert len(phones) == 5


def test_a_phone_that_is_not_registered_says_where_it_tried() -> None:
    report = RegistrationReport("SEP1", "7975", node="pub")
    report.assert_registered()
    with pytest.raises(AssertionError, match="registered in clear"):
        report.assert_registered(secure=True)


FAILING = """
from tokenless.phone_emulator import PhoneError

def test_it():
    raise ExceptionGroup("a nursery's", [
        PhoneError("no port is free", hint="end other clusters"),
    ])

def test_another():
    raise PhoneError("there is no node x", hint="name pub or sub1")
"""


def test_an_error_in_a_test_says_the_reason_and_what_helps(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert re.search(r"PhoneError: no port is free\n.*end other clusters", done.stdout)
    assert re.search(
        r"PhoneError: there is no node x\nE +name pub or sub1\n", done.stdout
    )


def test_something_helps_against_each_reason() -> None:
    assert ADVICE.keys() == set(Reason)
    assert Outcome.OK.value == "ok"


KILLED = """
import signal, time
from tokenless.phone_emulator.pytest_plugin.lab import running_lab

with running_lab({"nodes": [{"name": "pub", "publisher": True}]}) as lab:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(lab.data, flush=True)
    print(lab._processes["pub"]._child.pid, flush=True)
    time.sleep(600)
"""


def test_nothing_is_left_of_a_lab_whose_tests_are_killed() -> None:
    """Ctrl-C in their terminal before does not help; variables do not reach it."""
    variables = {
        **os.environ,
        "TOKENLESS_NODE": "another",
        "TOKENLESS_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none",
        "TOKENLESS_CONFIG": "missing.toml",
    }
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdout=subprocess.PIPE,
        env=variables,
        text=True,
        start_new_session=True,
    ) as tests:
        assert tests.stdout is not None
        data, served = Path(tests.stdout.readline().strip()), tests.stdout.readline()
        assert [*data.glob("nodes/pub/keys/*")]
        os.killpg(tests.pid, signal.SIGINT)
        assert is_alive(int(served))
        tests.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_alive(int(served)))
    wait_until(lambda: not data.parent.exists())


def test_a_lab_that_is_gone_does_not_spoil_a_report(tmp_path: Path) -> None:
    """As when another fixture fails in the teardown of a test with its own lab."""
    from tokenless.phone_emulator.pytest_plugin.failures import (  # noqa: PLC0415
        Evidence,
    )

    class Gone(ExternalCluster):
        evidence = tmp_path / "gone"

        def logs(self) -> list[tuple[str, str]]:
            return [("pub", (self.evidence / "pub.log").read_text())]

    cluster = Gone.of("127.0.0.1")
    ((_, said),) = Evidence(cluster, tmp_path).sections()
    assert "cannot be read" in said


def test_tftp_is_restarted_where_it_can_be() -> None:
    class Halting(ExternalCluster):
        asked: ClassVar[list[str]] = []

        def _admin(self, line: str, node: str) -> str:
            self.asked.append(node)
            raise PhoneError(f"{node}: {line}")

        def _is_down(self, node: str) -> bool:
            return node == "c"

    with pytest.raises(PhoneError, match="a: utils service restart Cisco Tftp"):
        Halting.of("a=127.0.0.1,b=127.0.0.2,c=127.0.0.3").restart_tftp()
    assert Halting.asked == ["a", "b"]


def test_a_shared_lab_that_cannot_be_put_back_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tokenless.phone_emulator.pytest_plugin import shared  # noqa: PLC0415

    lab = mock.Mock()
    lab.restore.side_effect = PhoneError("the disk is full")
    monkeypatch.setattr(shared, "running_lab", lambda _: nullcontext(lab))
    with shared.SharedLabs() as labs:
        labs.lab(None)
        with pytest.warns(pytest.PytestWarning, match="anew: the disk is full"):
            labs.lab(None)
    assert lab.snapshot.call_count == 2
