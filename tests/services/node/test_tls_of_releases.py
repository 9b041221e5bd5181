"""The newest TLS that servers for phones offer, by release."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.services.changes.security import set_parameter
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.runtime import Listening
from tokenless.services.node.serve import Serving, reload, serve_nodes
from tokenless.services.store.parameters import Parameter

SERVERS = {"tvs", "https", "https-alias", "capf", "sccps", "sips"}
WITHOUT_ALIAS = SERVERS - {"https-alias"}
LEGACY = "tvs-legacy"
REFUSAL = "TLSV1_ALERT_PROTOCOL_VERSION"


def cluster_of(folder: Path, version: str, tables: Mapping[str, Any] = {}) -> Cluster:
    given = {**FREE_PORTS, **tables, "cluster": {"version": version}}
    return Cluster.open(folder / "data", load_config(LAB, given))


async def speaks_1_3(where: Listening) -> bool:
    """Tell whether a server takes a client that speaks TLS 1.3 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    async with await trio.open_tcp_stream(where.address, where.port) as stream:
        tls = trio.SSLStream(stream, context)
        try:
            await tls.do_handshake()
        except trio.BrokenResourceError as error:
            # Nothing but that: a server that is broken would do, too.
            if getattr(error.__cause__, "reason", None) == REFUSAL:
                return False
            raise
        return True


async def speakers(serving: Serving) -> set[str]:
    """Return the servers with TLS that speak TLS 1.3."""
    return {
        each.service
        for each in serving.listening
        if each.service in {*SERVERS, LEGACY} and await speaks_1_3(each)
    }


@pytest.mark.parametrize(
    ("version", "newest"),
    [("10.5(1)", set()), ("15SU1", set()), ("15SU2", SERVERS)],
)
@pytest.mark.parametrize("workers", [1, 2])
async def test_tls_1_3_came_with_15su2(
    tmp_path: Path,
    nursery: trio.Nursery,
    version: str,
    newest: set[str],
    workers: int,
) -> None:
    tables = {
        "tvs": {"port": 0, "workers": workers, "legacy": {"port": 0}},
        "http": {"alias_port": 0},
    }
    cluster = cluster_of(tmp_path, version, tables)
    serving = await nursery.start(serve_nodes, cluster, [cluster.publisher.name])
    assert {each.service for each in serving.listening} >= {*SERVERS, LEGACY}
    assert await speakers(serving) == newest
    nursery.cancel_scope.cancel()
    cluster.close()


async def test_a_changed_release_is_taken_by_a_reload(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    cluster = cluster_of(tmp_path, "15SU1")
    serving = await nursery.start(serve_nodes, cluster, [cluster.publisher.name])
    for version, newest in (("15SU2", WITHOUT_ALIAS), ("15SU1", set[str]())):
        await trio.to_thread.run_sync(
            lambda now: set_parameter(cluster, Parameter.VERSION, now, by="test"),
            version,
        )
        assert await reload(cluster, serving, None) == []
        assert await speakers(serving) == newest
    nursery.cancel_scope.cancel()
    cluster.close()
