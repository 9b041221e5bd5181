"""configs/kubernetes: its parts agree, and phones are told what Services have.

That the schemas of Kubernetes accept it is tried by `make kubernetes`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan, check_plan
from tokenless.phone_emulator.secd.events import Server
from tokenless.services.config import load_config

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "configs/kubernetes"
OVERLAYS = sorted((KUBERNETES / "overlays").iterdir())
PAGE = (ROOT / "docs/kubernetes.md").read_text()
TYPED_WITHOUT_A_CLUSTER = """
kubectl() {
    case "$*" in
        *"create "*)
            command kubectl "$@" --dry-run=client --output=yaml ;;
        *" patch job fleet "*)
            command kubectl patch --local --filename fleet.yaml --output=yaml $6 "$7" ;;
        "apply --kustomize "*)
            command kubectl kustomize "$3" ;;
        *)
            echo "# needs a cluster: $*" ;;
    esac
    echo ---
}
"""
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="needs kubectl"
)


def addresses(path: Path) -> set[str]:
    return {node.address for node in load_config(path).nodes}


def test_phones_are_told_the_addresses_and_ports_of_services() -> None:
    services = (KUBERNETES / "base/services.yaml").read_text()
    base = KUBERNETES / "base/cluster.toml"
    assert set(re.findall(r"clusterIP: (\d\S+)", services)) == addresses(base)
    outside = (KUBERNETES / "overlays/operator/load-balancer.yaml").read_text()
    told = addresses(KUBERNETES / "overlays/operator/cluster.toml")
    assert set(re.findall(r"loadBalancerIP: (\S+)", outside)) == told
    config = load_config(base)
    for given, port in (
        (config.advertise.tftp, 69),
        (config.tvs.port, 2445),
        (config.capf_port, 3804),
        (config.callmanager.sccp_port, 2000),
        (config.callmanager.sips_port, 5061),
        (config.callmanager.link_port_or_default, 8002),
    ):
        assert given == port
        assert f"port: {port}" in services


def test_the_operators_cluster_differs_in_addresses_only() -> None:
    base = (KUBERNETES / "base/cluster.toml").read_text()
    other = (KUBERNETES / "overlays/operator/cluster.toml").read_text()
    assert other.replace("192.0.2.", "10.96.47.") == base


def test_the_shards_of_the_job_are_each_phone_exactly_once() -> None:
    job = (KUBERNETES / "components/fleet/fleet.yaml").read_text()
    counts = re.findall(r"(?:completions|parallelism): (\d+)", job)
    (words,) = re.findall(r'--shard="(.*?)"', job)
    shards = [
        subprocess.run(
            ["sh", "-c", f'echo "{words}"'],
            env={"JOB_COMPLETION_INDEX": str(index)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for index in range(int(counts[0]))
    ]
    assert counts[0] == counts[1]
    group = FleetGroup(1000, "7975", "001122000000")
    parts = [
        phone.device
        for shard in shards
        for phone in check_plan(FleetPlan((group,), shard=shard)).phones(
            (Server("127.0.0.1", 69),)
        )
    ]
    whole = [
        phone.device
        for phone in check_plan(FleetPlan((group,))).phones((Server("127.0.0.1", 69),))
    ]
    assert sorted(parts) == sorted(whole)


def test_a_degraded_node_is_reached_and_not_killed() -> None:
    services = (KUBERNETES / "base/services.yaml").read_text()
    assert services.count("publishNotReadyAddresses: true") == 3
    for name in ("publisher", "subscriber"):
        node = (KUBERNETES / f"base/{name}.yaml").read_text()
        asked = dict(re.findall(r"(\w+)Probe:.*\n +httpGet: {path: (/\w+),", node))
        assert asked == {"startup": "/live", "readiness": "/ready", "liveness": "/live"}


@needs_kubectl
def test_the_page_is_typed_where_no_cluster_is_needed(tmp_path: Path) -> None:
    shutil.copytree(KUBERNETES, tmp_path / "configs/kubernetes")
    (tmp_path / "my-lab").mkdir()
    (own,) = re.findall(r"(?ms)^```yaml\n# my-lab/kustomization.yaml\n(.*?)^```", PAGE)
    (tmp_path / "my-lab/kustomization.yaml").write_text(own)
    shutil.copy(KUBERNETES / "components/fleet/fleet.yaml", tmp_path)
    told = ""
    for block in re.findall(r"(?ms)^```sh\n(.*?)^```", PAGE):
        script = f"{TYPED_WITHOUT_A_CLUSTER}{block}"
        told += subprocess.run(
            ["sh", "-euc", script],
            cwd=tmp_path,
            env=os.environ | {"KUBECONFIG": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    (secret,) = re.findall(r"(?ms)^data:\n(.*?)^kind: Secret\n", told)
    given = set(re.findall(r"(?m)^  ([a-z-]+): \S+$", secret))
    assert given == set(re.findall(r"key: ([a-z-]+)\n +name: tokenless\n", told))
    assert "image: registry.example/tokenless:1\n" in told
    assert "image: tokenless\n" not in told.partition("suspend: false")[0]
    assert "suspend: false" in told
    for name in re.findall(r"(?:pod/|exec (?:--stdin )?|port-forward )(\w+)-0", PAGE):
        assert f"  name: {name}\n" in told
    for name in re.findall(r"job/(\w+)|app.kubernetes.io/name=(\w+)", PAGE):
        assert f"app.kubernetes.io/name: {''.join(name)}\n" in told


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_an_overlay_is_whole(overlay: Path) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(overlay)],
        capture_output=True,
        text=True,
        check=True,
    )
    objects = done.stdout.split("\n---\n")
    pods = [each for each in objects if re.search("(?m)^ +containers:", each)]
    assert len(pods) >= 2
    for pod in pods:
        ours = pod.count("image: tokenless\n")
        assert pod.count("readOnlyRootFilesystem: true") == ours
        assert pod.count("allowPrivilegeEscalation: false") == ours
        assert "automountServiceAccountToken: false" in pod
        # Variables such as TOKENLESS_PORT would be taken for flags.
        assert "enableServiceLinks: false" in pod
    kinds = re.findall(r"(?m)^kind: (\w+)", done.stdout)
    assert "NetworkPolicy" in kinds
    assert ("PodDisruptionBudget" in kinds) == ("StatefulSet" in kinds)
