"""The file that takes a node to its host: what it holds, who can open or change it."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rigs.postgresql import PASSWORD
from tests.services.conftest import SUBSCRIBER, TRAVELS
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, security
from tokenless.services.cluster import handover
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.data_folder import CONFIG_FILE
from tokenless.services.cluster.handover import export_node, import_node, seal, unseal
from tokenless.services.errors import ServiceError
from tokenless.services.node.runtime import check_ready

MAGIC = b"tokenless node 2\n"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one guess cost nothing, where a test makes many."""
    monkeypatch.setattr(handover, "_COST", 2)


def repacked(content: bytes, **changed: object) -> bytes:
    """Return the file of somebody who knows the password and means ill."""
    inside = json.loads(unseal(MAGIC, content, TRAVELS))
    return seal(MAGIC, msgspec.json.encode(inside | changed), TRAVELS)


def refusal(data: Path, content: bytes, password: str = TRAVELS) -> str:
    with pytest.raises(ServiceError) as caught:
        import_node(data, content, password)
    assert not data.exists()
    return caught.value.explain()


def test_nothing_in_a_file_can_be_read(shared: Cluster) -> None:
    content = export_node(shared, shared.node(SUBSCRIBER), TRAVELS)
    assert content.startswith(MAGIC)
    for secret in (b"PRIVATE KEY", b"tftp", SUBSCRIBER.encode(), PASSWORD.encode()):
        assert secret not in content
    assert content != export_node(shared, shared.node(SUBSCRIBER), TRAVELS)


def test_only_its_password_opens_it(shared: Cluster, tmp_path: Path) -> None:
    content = export_node(shared, shared.node(SUBSCRIBER), TRAVELS)
    said = refusal(tmp_path / "new", content, "another, as long")
    assert said == "the password is wrong, or the file is damaged; try again"


@pytest.mark.usefixtures("quick")
@given(where=st.integers(0, 10**6), change=st.integers(1, 255), cut=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_anywhere_is_noticed(where: int, change: int, cut: bool) -> None:
    sealed = bytearray(seal(MAGIC, b'{"node":"a"}', TRAVELS))
    where %= len(sealed)
    if cut:
        del sealed[where:]
    else:
        sealed[where] ^= change
    with pytest.raises(ServiceError):
        unseal(MAGIC, bytes(sealed), TRAVELS)


def test_the_first_format_is_refused(tmp_path: Path) -> None:
    old = b'{"format":"tokenless node 1","node":"a","folder":"a","configuration":{}}'
    assert refusal(tmp_path / "new", old).endswith(
        "export the node again with this version"
    )
    assert "not the file of a node" in refusal(tmp_path / "new", b"{}")


def test_who_knows_the_password_writes_nothing_outside(
    shared: Cluster, tmp_path: Path
) -> None:
    content = export_node(shared, shared.node(SUBSCRIBER), TRAVELS)
    inside = json.loads(unseal(MAGIC, content, TRAVELS))
    key = next(iter(inside["keys"].values()))
    for changed, reason in (
        ({"keys": {"../../TVS-AA.pem": key}}, "invalid names"),
        ({"keys": {"TVS-AA.pem": "no key"}}, "cannot be read"),
        ({"folder": "../x"}, "not the file of a node"),
        ({"format": 1}, "not the file of a node"),
    ):
        assert reason in refusal(tmp_path / "new", repacked(content, **changed))


def test_host_settings_are_taken_only_when_asked_for(
    shared: Cluster, tmp_path: Path, url: str
) -> None:
    content = export_node(shared, shared.node(SUBSCRIBER), TRAVELS)
    inside = json.loads(unseal(MAGIC, content, TRAVELS))["configuration"]
    inside["tftp"]["static_files"] = "/"
    inside["tvs"]["ctl_cache"] = "as-logged"
    changed = repacked(content, configuration=inside)
    for asked, folder, cache in (
        (False, "", "as-documented"),
        (True, "/", "as-logged"),
    ):
        data = tmp_path / str(asked)
        cluster, _ = import_node(
            data, changed, TRAVELS, database_url=url, host_settings=asked
        )
        assert cluster.config.tftp.static_files == folder
        assert cluster.config.tvs.ctl_cache == cache
        assert PASSWORD not in (data / CONFIG_FILE).read_text()
        cluster.close()


@pytest.mark.parametrize(
    ("version", "travels"), [("10.5(1)", False), ("12.5(1)", True)]
)
def test_the_recovery_key_travels_only_where_it_signs(
    shared: Cluster, tmp_path: Path, url: str, version: str, travels: bool
) -> None:
    node, data = shared.node(SUBSCRIBER), tmp_path / "elsewhere"
    (data / "nodes" / node.folder.name / "keys").mkdir(parents=True)
    for file in (CONFIG_FILE,):
        (data / file).write_bytes((shared.data / file).read_bytes())
    store = TrustStore.ITLRECOVERY
    for path in node.keys_folder.glob(f"{store}-*.pem"):  # of an earlier hand-over
        (data / "nodes" / node.folder.name / "keys" / path.name).write_bytes(
            path.read_bytes()
        )
    security.set_parameter(shared, "Version", version, by="test")
    retired = certificates.own_certificate(shared, shared.publisher, store)
    certificates.regenerate(shared, shared.publisher, store, key_size=1024, by="test")
    content = export_node(shared, node, TRAVELS)
    cluster, arrived = import_node(data, content, TRAVELS, database_url=url)
    current = certificates.own_certificate(shared, shared.publisher, store)
    assert arrived.keys.has(store, current) is travels
    assert not arrived.keys.has(store, retired)
    check_ready(cluster, arrived)
    cluster.close()
