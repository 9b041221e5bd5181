"""Whose key signs which list, on both sides of 12.0."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tokenless.phone_emulator.rehearsal.rig.clusters.facts import Signing
from tokenless.phone_emulator.rehearsal.rig.clusters.signing import signing_of
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.services.changes.certificates import own
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

PUB, SUB = "127.0.47.155", "127.0.47.156"
BOTH = frozenset({PUB, SUB})


@contextmanager
def _cluster(
    folder: Path, version: str, itl_reset: str = "publisher"
) -> Iterator[Cluster]:
    tables = {"cluster": {"version": version}, "tftp": {"itl_reset": itl_reset}}
    config = load_config(None, tables)
    cluster = Cluster.open(folder / "data", config)
    yield cluster
    cluster.close()


def _signing(cluster: Cluster) -> dict[str, Signing]:
    found = signing_of(cluster)
    names = {each.id: each.name.rpartition("-")[2] for each in cluster.nodes}
    return {
        f"{each.store} of {names[each.node_id]}": found[each.certificate.der]
        for each in own(cluster)
        if each.node_id is not None and each.certificate.der in found
    }


def test_before_12_0_each_callmanager_signs_its_nodes_itl(tmp_path: Path) -> None:
    with _cluster(tmp_path, "11.5") as cluster:
        assert _signing(cluster) == {
            "CallManager of pub": Signing(
                ctl=True, ctl_reset=True, itl=frozenset({PUB})
            ),
            "CallManager of sub1": Signing(itl=frozenset({SUB})),
            "ITLRecovery of pub": Signing(itl_reset=BOTH),
        }


@pytest.mark.parametrize("version", ["12.0", "12.5", "15"])
def test_from_12_0_on_a_subscribers_callmanager_signs_no_list(
    tmp_path: Path, version: str
) -> None:
    with _cluster(tmp_path, version) as cluster:
        assert _signing(cluster) == {
            "CallManager of pub": Signing(ctl_reset=True, itl_reset=BOTH),
            "ITLRecovery of pub": Signing(ctl=True, itl=BOTH),
        }


def test_each_node_resets_its_own_itl_where_that_is_set(tmp_path: Path) -> None:
    with _cluster(tmp_path, "12.5", "each-node") as cluster:
        found = _signing(cluster)
    assert found["CallManager of pub"].itl_reset == {PUB}
    assert found["CallManager of sub1"] == Signing(itl_reset=frozenset({SUB}))


@pytest.mark.parametrize(
    ("signing", "loaded_by"),
    [
        (Signing(ctl=True), {"8861", "7960"}),
        (Signing(ctl_reset=True), {"8861", "7960"}),
        (Signing(itl=frozenset({SUB})), {"8861"}),
        (Signing(itl_reset=BOTH), {"8861"}),
        (Signing(), set()),
    ],
)
def test_phones_without_itl_load_ctls_only(
    signing: Signing, loaded_by: set[str]
) -> None:
    models = {"8861", "7960"}
    assert {each for each in models if signing.lists_for(PHONE_MODELS[each])} == (
        loaded_by
    )
