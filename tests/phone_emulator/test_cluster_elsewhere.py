"""A cluster that runs elsewhere, as docs/in-your-tests.md has it; here it is a lab."""

import json
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.phone_emulator.test_in_your_tests import example
from tests.rigs.warm_start import warm_commands
from tokenless.phone_emulator import (
    ClusterUnderTest,
    ContainerCluster,
    ExternalCluster,
    FileAction,
    FileKind,
    NodeService,
    PhoneError,
    PhoneMaker,
)
from tokenless.phone_emulator.pytest_plugin import pytest_configure

if TYPE_CHECKING:
    from tokenless.phone_emulator import LabCluster


@pytest.fixture
def elsewhere(tokenless_cluster: "LabCluster") -> str:
    """Options that reach the lab as a container is: a command before `tokenless`."""
    path = f"{warm_commands()}:/usr/bin:/bin"
    return f"env TOKENLESS_DATA={tokenless_cluster.data} PATH={path}"


def places(cluster: "LabCluster", *names: str) -> str:
    servers = zip(names, cluster.servers(), strict=True)
    return ",".join(f"{name}={each.address}:{each.port}" for name, each in servers)


def test_a_cluster_that_runs_elsewhere(
    tokenless_cluster: "LabCluster", tmp_path: Path, elsewhere: str
) -> None:
    """It does what the lab does; others wait; then it is as it was."""
    lab = tokenless_cluster
    tftp = places(lab, *lab.nodes)
    before = state_of(lab)
    with closing(ExternalCluster.of(tftp, elsewhere)) as other:
        assert (other.nodes, other.publisher) == (lab.nodes, lab.publisher)
        assert (other.ports, other.addresses) == (lab.ports, lab.addresses)
        assert other.own_certificate("TVS") == lab.own_certificate("TVS")
        with other.borrowed():
            change_everything(other, PhoneMaker(other, tmp_path))
            with pytest.raises(PhoneError, match="utils nothing"):
                other.admin("utils nothing")
            with pytest.raises(PhoneError, match="longer than 4 MB"):
                other.upload_certificate("CallManager-trust", bytes(5 << 20))
            with pytest.raises(PhoneError, match="the tests have this node already"):
                begin_again(other)
        assert state_of(lab) == before
        phone = PhoneMaker(other, tmp_path)(first_tftp=lab.nodes[1])
        phone.boot().assert_ok()
        assert phone.register().node == lab.publisher
    with pytest.raises(PhoneError, match="cannot be run on the nodes"):
        ExternalCluster.of("127.0.0.1").admin("show ctl")


def state_of(lab: "LabCluster") -> tuple[list[str], list[Path]]:
    """Return checksums of the lists, and names of keys, tokens and lists."""
    shown = [lab.admin("show itl", node=node) for node in lab.nodes]
    folders = ("nodes/*/keys/*", "tokens/*", "nodes/*/tftp/*.tlv")
    places = [place for folder in folders for place in lab.data.glob(folder)]
    return [text.splitlines()[1] for text in shown], sorted(places)


def begin_again(cluster: ExternalCluster) -> None:
    # Imported late, as the plugin does: collecting tests must not import services.
    from tokenless.services.test_agent.requests import Begin  # noqa: PLC0415

    cluster._ask(Begin())


def change_everything(cluster: ClusterUnderTest, phones: PhoneMaker) -> None:
    for token in ("A", "B"):
        cluster.create_token(token)
    cluster.ctl_client("A", "B", mode="mixed-mode")
    cluster.upload_certificate("Phone-SAST-trust", "A")
    cluster.upload_certificate("CallManager-trust", cluster.own_certificate("TVS"))
    cluster.admin("set cert regen CallManager", node=cluster.nodes[1])
    cluster.admin("file delete tftp CTLFile.tlv")
    cluster.ctl_client("A", "B", ignore_missing_file=True)
    cluster.restart_tftp()
    phone = phones(model="8861")
    phone.secure()
    report = phone.boot()
    report.assert_ok()
    assert report.files[FileKind.CTL].action is FileAction.INSTALLED
    phone.register().assert_registered(secure=True)
    cluster.stop_service(NodeService.CALLMANAGER)


BORROWER = """
import sys, time
from tokenless.phone_emulator import ExternalCluster

with ExternalCluster.of(*sys.argv[1:]).borrowed() as cluster:
    cluster.admin("utils ctl set-cluster mixed-mode")
    print("borrowed", flush=True)
    time.sleep(600)
"""


def test_a_cluster_is_put_back_when_its_tests_are_killed(
    tokenless_cluster: "LabCluster", elsewhere: str
) -> None:
    """The next tests wait until then: what they see is no other test's."""
    lab = tokenless_cluster
    names = lab.nodes
    with subprocess.Popen(
        [sys.executable, "-c", BORROWER, places(lab, *names), elsewhere],
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        assert tests.stdout.readline() == "borrowed\n"
        assert lab._cluster.is_mixed
        tests.kill()
    with (
        closing(ExternalCluster.of(places(lab, *names), elsewhere)) as other,
        other.borrowed(),
    ):
        assert not lab._cluster.is_mixed


GREETER = """
import json, sys
said = {"node": json.dumps(sys.argv[1:]), "address": "", "ports": {}, "version": ""}
print(json.dumps({"ok": True, "result": said | {"is_publisher": True}}), flush=True)
sys.stdin.read()
"""


def test_words_reach_the_other_end_as_they_are(tmp_path: Path) -> None:
    """A shell takes them apart once more behind ssh."""
    (tmp_path / "greeter.py").write_text(GREETER)
    reach = [sys.executable, "-I", str(tmp_path / "greeter.py"), "{host}"]
    words = ["tokenless", "test-agent", "--node", "a node"]
    for front, typed in (
        ([], words),
        (["/usr/bin/ssh"], ["tokenless", "test-agent", "--node", "'a node'"]),
    ):
        with closing(
            ExternalCluster.of("a node=127.0.0.1", shlex.join([*reach, *front]))
        ) as cluster:
            assert json.loads(cluster.publisher) == ["127.0.0.1", *front, *typed]


def refusals() -> list[Any]:
    python = shlex.quote(sys.executable)
    old = "raise SystemExit(2)"
    return [
        ("pub=127.0.0.1", "no-such-engine exec {node}", "No such file or directory"),
        ("pub=127.0.0.1", f"{python} -c 'raise SystemExit(125)'", "exit status 125"),
        ("pub=127.0.0.1", f'{python} -c "{old}"', "use the same version"),
        ("pub=127.0.0.1", f"{python} -c 'print(1)'", "cannot be read"),
        ("pub=127.0.0.1", "podman exec '{node}", "No closing quotation"),
        ("pub=127.0.0.1", "", "is empty"),
        ("pub=nowhere.invalid", "true", "nowhere.invalid"),
        ("127.0.0.1:1,127.0.0.1:2", "true", "two TFTP servers are called 127.0.0.1"),
    ]


@pytest.mark.parametrize(("tftp", "reach", "reason"), refusals())
def test_a_cluster_that_cannot_be_reached_says_why(
    tftp: str, reach: str, reason: str
) -> None:
    with pytest.raises(PhoneError) as refused:
        ExternalCluster.of(tftp, reach).admin("show ctl")
    assert reason in refused.value.explain()
    assert "\n" not in refused.value.explain()


def test_nodes_are_called_by_names_that_fit(
    tokenless_cluster: "LabCluster", elsewhere: str
) -> None:
    """One process serves two nodes here: a container's name does not tell which."""
    lab = tokenless_cluster
    with pytest.raises(PhoneError, match=r"lab serves 2 nodes .*, not one"):
        ExternalCluster.of(places(lab, "lab", "other"), elsewhere).admin("show ctl")
    first, second = lab.nodes
    tftp = places(lab, first, second).partition(",")[2]
    with pytest.raises(PhoneError, match="is the publisher"):
        ExternalCluster.of(tftp, elsewhere).admin("show ctl")


def test_the_example_of_borrowing(
    tokenless_cluster: "LabCluster", elsewhere: str
) -> None:
    tftp = places(tokenless_cluster, *tokenless_cluster.nodes)
    said = example("borrow")["borrow"](tftp, elsewhere)
    assert "Cluster set to Mixed Mode" in said
    assert not tokenless_cluster._cluster.is_mixed


REFUSED_OPTIONS = [
    ({"tokenless_exec": "true"}, "--tokenless-exec needs --tokenless-tftp"),
    ({"tokenless_engine": "podman"}, "--tokenless-engine needs --tokenless-image"),
    ({"tokenless_tftp": "a", "tokenless_image": "b"}, "give one of them"),
    ({"tokenless_scope": "class"}, "tokenless_scope is function or session"),
]


@pytest.mark.parametrize(("options", "reason"), REFUSED_OPTIONS)
def test_options_that_do_not_fit_together_are_refused(
    options: dict[str, str], reason: str
) -> None:
    ini = {"tokenless_scope": "session", **options}
    config = SimpleNamespace(getoption=options.get, getini=ini.get)
    with pytest.raises(pytest.UsageError, match=reason):
        pytest_configure(cast("pytest.Config", config))


def test_a_container_engine_that_is_missing_or_refuses_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PhoneError, match="no-such-engine is not installed"):
        ContainerCluster("tokenless", engine="no-such-engine")
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\necho "$@" >> "$0.log"\n' + REFUSES)
    engine.chmod(0o755)
    monkeypatch.setenv("TOKENLESS_ENGINE", str(engine))
    cluster = ContainerCluster("missing")
    with pytest.raises(PhoneError) as refused:
        cluster.__enter__()
    assert "create: Error: no space left; see whether" in refused.value.explain()
    asked = Path(f"{engine}.log").read_text().splitlines()
    assert asked[0] == "image inspect missing"
    assert asked[1].startswith("create --pull=never --name=tokenless-")
    removed = [line.split()[0] for line in asked[2:]]
    assert removed == ["kill", "rm", "rm", "rm", "volume"]


REFUSES = """
[ "$1" = image ] && exit
echo "Trying to create it" >&2
echo "Error: no space left" >&2
echo "See 'engine create --help'." >&2
exit 125
"""


def test_a_configuration_reaches_a_container_whole(tmp_path: Path) -> None:
    # Imported late, as the plugin does: collecting tests must not import services.
    from tokenless.phone_emulator.pytest_plugin.configuration import (  # noqa: PLC0415
        lab_config,
    )
    from tokenless.phone_emulator.pytest_plugin.containers import (  # noqa: PLC0415
        toml_text,
    )
    from tokenless.services.config import load_config  # noqa: PLC0415

    subject = {"organization": 'Grüße "\\n" \x7f'}
    config = lab_config({"certificates": {"key_size": 2048, "subject": subject}})
    (tmp_path / "lab.toml").write_text(toml_text(config))
    assert load_config(tmp_path / "lab.toml") == config
