"""The first page: mode, nodes, and the last changes."""

from typing import Final

from starlette.responses import Response

from tokenless.services.console.nodes import node_rows
from tokenless.services.console.visit import Page, Visit
from tokenless.services.store.audit import read_audit

_CHANGES: Final = 15


def show(visit: Visit) -> Response:
    """Show the cluster."""
    cluster = visit.cluster
    with cluster.store.read() as connection:
        audit = read_audit(connection, limit=_CHANGES)
    return visit.render(
        "home.html",
        name=cluster.config.cluster.name,
        version=cluster.version,
        is_mixed=cluster.is_mixed,
        nodes=node_rows(cluster),
        audit=audit[::-1],
    )


PAGES: Final = (Page("/", show),)
