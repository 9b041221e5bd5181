"""`utils service …`: the services of this node (outputs are approximations)."""

from tokenless.services.admin.command import TREE, UsageError
from tokenless.services.admin.session import Session
from tokenless.services.monitoring.health import ServiceState
from tokenless.services.node.control.requests import (
    RestartService,
    StartService,
    Status,
    StopService,
)
from tokenless.services.node.supervised.supervision import ServiceName


def _service(*words: str) -> str:
    """Return the service's name as the services spell it, whatever was typed."""
    typed = " ".join(words)
    for name in ServiceName:
        if name.lower() == typed.lower():
            return name.value
    raise UsageError(f"no service {typed}", hint=f"services: {', '.join(ServiceName)}")


@TREE.command("utils service list")
def list_services(session: Session) -> None:
    """List the services of this node and their states."""
    session.say("Requesting service status, please wait...")
    for service in session.ask_node(Status())["services"]:
        where = " ".join(service["listens"])
        session.say(f"{service['name']}[{service['state']}]  {where}".rstrip())


@TREE.command("utils service start NAME...", values=_service)
def start_service(session: Session, *name: str) -> None:
    """Start a service of this node."""
    order = StartService(service=_service(*name))
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
