"""`utils service …`: the services of this node (outputs are approximations)."""

from typing import Final

from tokenless.protocol.codes import NodeRole
from tokenless.services.admin.command import TREE, UsageError
from tokenless.services.admin.session import Session
from tokenless.services.changes.membership import activate, deactivate
from tokenless.services.errors import ServiceError
from tokenless.services.monitoring.health import ServiceState
from tokenless.services.node.control.client import NodeDownError
from tokenless.services.node.control.requests import (
    RestartService,
    StartService,
    Status,
    StopService,
)
from tokenless.services.node.supervised.supervision import ROLE_OF, ServiceName

_LISTS: Final = (
    "ITLs follow at the next start of Cisco Tftp, the CTL by utils ctl update CTLFile."
)


def _service(*words: str) -> str:
    """Return the service's name as the services spell it, whatever was typed."""
    typed = " ".join(words)
    for name in ServiceName:
        if name.lower() == typed.lower():
            return name.value
    raise UsageError(f"no service {typed}", hint=f"services: {', '.join(ServiceName)}")


def _role(*words: str) -> NodeRole:
    """Return the service that may be activated or deactivated."""
    service = ServiceName(_service(*words))
    if service not in ROLE_OF:
        raise UsageError(
            f"{service.value} is a network service: it cannot be deactivated",
            hint=f"feature services: {', '.join(ROLE_OF)}",
        )
    return ROLE_OF[service]


@TREE.command("utils service list")
def list_services(session: Session) -> None:
    """List the services of this node and their states."""
    session.say("Requesting service status, please wait...")
    for service in session.ask_node(Status())["services"]:
        where = " ".join(service["listens"])
        session.say(f"{service['name']}[{service['state']}]  {where}".rstrip())


@TREE.command("utils service activate NAME...", values=_role)
def activate_service(session: Session, *name: str) -> None:
    """Activate a service on this node: Cisco Tftp, CallManager or CAPF."""
    service, role = _service(*name), _role(*name)
    activate(session.cluster, session.node, role, by=session.by)
    session.announce()
    session.say(f"{service} is activated on {session.node.name}.")
    order = StartService(service=service)
    if not _ensure(session, order, ServiceState.STARTING, ServiceState.STARTED):
        session.say("It runs from the next start of this node's server.")
    session.say(_LISTS)


@TREE.command("utils service deactivate NAME...", values=_role)
def deactivate_service(session: Session, *name: str) -> None:
    """Deactivate a service on this node; one that runs is stopped."""
    service, role = _service(*name), _role(*name)
    deactivate(session.cluster, session.node, role, by=session.by)
    session.announce()
    session.say(f"{service} is deactivated on {session.node.name}.")
    order = StopService(service=service)
    _ensure(session, order, ServiceState.STOPPING, ServiceState.STOPPED)
    session.say(_LISTS)


def _ensure(
    session: Session,
    order: StartService | StopService,
    passing: ServiceState,
    reached: ServiceState,
) -> bool:
    """Order a state that the node, which follows activations, has not reached itself.

    Returns:
        False when this node's server is down, or began without the service.
    """
    state = _running(session).get(order.service)
    if state == reached:
        session.say("Service Manager is running")
        session.say(f"{order.service}[{reached}]")
    elif state is not None:
        _order(session, order, passing, reached)
    return state is not None


def _running(session: Session) -> dict[str, str]:
    """Return the services of this node's server with their states."""
    try:
        services = session.ask_node(Status())["services"]
    except NodeDownError:
        return {}  # it is down: the change counts from its next start
    return {service["name"]: service["state"] for service in services}


def is_activated(session: Session, service: str) -> bool:
    """Return whether a service may run on this node; network services always may."""
    role = ROLE_OF.get(ServiceName(service))
    return role is None or role in session.cluster.node(session.node.name).roles


def _check_activated(session: Session, service: str) -> None:
    """Refuse to start what is not activated (any more)."""
    if not is_activated(session, service):
        raise ServiceError(
            f"{service} is not activated on {session.node.name}",
            hint=f"`utils service activate {service}` comes first",
        )


@TREE.command("utils service start NAME...", values=_service)
def start_service(session: Session, *name: str) -> None:
    """Start a service of this node."""
    order = StartService(service=_service(*name))
    _check_activated(session, order.service)
    _order(session, order, ServiceState.STARTING, ServiceState.STARTED)


@TREE.command("utils service stop NAME...", values=_service)
def stop_service(session: Session, *name: str) -> None:
    """Stop a service of this node."""
    order = StopService(service=_service(*name))
    _order(session, order, ServiceState.STOPPING, ServiceState.STOPPED)


@TREE.command("utils service restart NAME...", values=_service)
def restart_service(session: Session, *name: str) -> None:
    """Restart a service of this node."""
    order = RestartService(service=_service(*name))
    _check_activated(session, order.service)
    states = (ServiceState.STOPPING, ServiceState.STARTING, ServiceState.STARTED)
    _order(session, order, *states)


def _order(
    session: Session,
    order: StartService | StopService | RestartService,
    *states: ServiceState,
) -> None:
    """Have a service moved through states; the last one is said when it is reached."""
    *passing, reached = states
    session.say("Service Manager is running")
    for state in passing:
        session.say(f"{order.service}[{state}]")
    session.ask_node(order)
    session.say(f"{order.service}[{reached}]")
