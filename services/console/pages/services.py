"""Serviceability > Tools > Control Center (REFERENCE-5 5.2)."""

from typing import Final

from starlette.responses import Response

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.console.nodes import ask, node_rows
from tokenless.services.console.sessions import NoticeKind
from tokenless.services.console.texts import text
from tokenless.services.console.visit import Page, Visit
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import (
    RestartService,
    StartService,
    StopService,
)
from tokenless.services.node.supervised.supervision import ROLE_OF, ServiceName

_PATH: Final = "/ccmservice/control-center"
_TIMEOUT_S: Final = 60.0
_Order = type[RestartService] | type[StartService] | type[StopService]
_ORDERS: Final[dict[str, _Order]] = {
    "restart": RestartService,
    "start": StartService,
    "stop": StopService,
}

_DONE: Final[dict[_Order, str]] = {
    RestartService: "services.restarted",
    StartService: "services.started",
    StopService: "services.stopped",
}


def show(visit: Visit) -> Response:
    """Show the services of every node."""
    return visit.render(
        "services.html",
        nodes=node_rows(visit.cluster),
        names=list(ServiceName),
        features=ROLE_OF,
        now=visit.cluster.clock(),
        up_time=_up_time,
    )


def _up_time(seconds: float) -> str:
    """Return a length of time in days, hours, minutes and seconds."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days} days {hour:02}:{minute:02}:{second:02}"


def act(visit: Visit) -> Response:
    """Start, stop or restart a service of one node, or of all that have it.

    Raises:
        ServiceError: When there is no such service or order.
    """
    name = visit.form.one("service")
    order = _ORDERS.get(visit.form.one("order"))
    if order is None or name not in set(ServiceName):
        raise ServiceError("no such service", hint="choose one of the table")
    if order is StopService and not visit.is_sure:
        where = visit.form.one("server") or text("services.all")
        question = text("services.stop-warning", service=name, node=where)
        return visit.ask(question, text("services.order.stop"))
    those, troubles = _having(visit.cluster, name, visit.form.one("server"))
    if not those:
        raise ServiceError(
            f"{name} is activated on no such server that runs",
            hint="choose one of the table",
        )
    for each in troubles:
        visit.session.notify(NoticeKind.ERROR, each)
    visit.plan(len(those), delivers=False)
    for node in those:
        visit.step("services.working", service=name, node=node.name)
        try:
            ask(node, order(service=name), _TIMEOUT_S)
        except ServiceError as error:  # the other servers have their turn all the same
            visit.session.notify(NoticeKind.ERROR, f"{node.name}: {error.explain()}")
            continue
        visit.say(_DONE[order], service=name, node=node.name)
    return visit.go(_PATH)


def _having(
    cluster: Cluster, service: str, wanted: str
) -> tuple[list[Node], list[str]]:
    """Return the nodes on which a service is activated, and why others are not known.

    Args:
        cluster: The cluster.
        service: The name of the service.
        wanted: The name of a node; empty: all.
    """
    having, troubles = [], []
    for node, row in zip(cluster.nodes, node_rows(cluster), strict=True):
        if wanted not in {"", node.name}:
            continue
        if row.trouble is not None:
            troubles.append(row.trouble)
        elif any(each.name == service for each in row.services):
            having.append(node)
    return having, troubles


PAGES: Final = (Page(_PATH, show, act, back=_PATH),)
