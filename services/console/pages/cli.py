"""The node's CLI in a page: the shell itself runs over a WebSocket."""

from typing import Final

from starlette.responses import Response

from tokenless.services.console.visit import Page, Visit


def show(visit: Visit) -> Response:
    """Show a terminal of one node."""
    cluster = visit.cluster
    asked = visit.asked("node")
    node = cluster.node(asked) if asked else cluster.publisher
    return visit.render("cli.html", nodes=cluster.nodes, node=node)


PAGES: Final = (Page("/cli", show),)
