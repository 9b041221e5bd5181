"""The newest TLS that servers for phones offer, by release."""

import ssl
from pathlib import Path

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.runtime import Listening
from tokenless.services.node.serve import serve_nodes

SERVERS = {"tvs", "https", "capf", "sccps", "sips"}


async def agreed(where: Listening) -> str | None:
    """Return the version on which a client of today agrees with a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    async with await trio.open_tcp_stream(where.address, where.port) as stream:
        tls = trio.SSLStream(stream, context)
        # 1.2 ends where a certificate of the client is wanted; it was agreed on before.
        try:
            await tls.do_handshake()
        except trio.BrokenResourceError:
            return "TLSv1.2"
        version: str | None = tls.version()
        return version


@pytest.mark.parametrize(
    ("version", "newest"),
    [
        ("10.5(1)", "TLSv1.2"),
        ("15SU1", "TLSv1.2"),
        ("15SU2", "TLSv1.3"),
    ],
)
async def test_tls_1_3_came_with_15su2(
    tmp_path: Path, nursery: trio.Nursery, version: str, newest: str
) -> None:
    tables = {**FREE_PORTS, "cluster": {"version": version}}
    cluster = Cluster.open(tmp_path / "data", load_config(LAB, tables))
    serving = await nursery.start(serve_nodes, cluster, [cluster.publisher.name])
    where = {each.service: each for each in serving.listening}
    assert where.keys() >= SERVERS
    found = {name: await agreed(where[name]) for name in SERVERS}
    assert found == dict.fromkeys(SERVERS, newest)
    nursery.cancel_scope.cancel()
    cluster.close()
