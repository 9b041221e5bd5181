"""One service of a node: started, stopped, and restarted when it crashes.

A start binds the service's sockets and answers only when it serves; an error in it is
the starter's. What a restart needs is loaded before anything is stopped: a database
that goes away in between leaves the service as it was. A service that falls later is
logged, counted and started again after a growing pause, so that one bad file does not
take the node's other services down.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum, unique
from typing import Final, Protocol

import trio

from tokenless.protocol.codes import NodeRole
from tokenless.protocol.errors import first_cause
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.metrics import SERVICE_FAILURES, SERVICE_RUNNING, SERVICE_STARTS
from tokenless.services.monitoring.health import ServiceState

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


@unique
class ServiceName(StrEnum):
    """The services of a node, as `utils service` names them."""

    TFTP = "Cisco Tftp"
    CALLMANAGER = "Cisco CallManager"
    TVS = "Cisco Trust Verification Service"
    CAPF = "Cisco Certificate Authority Proxy Function"


ROLE_OF: Final = {
    ServiceName.TFTP: NodeRole.TFTP,
    ServiceName.CALLMANAGER: NodeRole.CALLMANAGER,
    ServiceName.CAPF: NodeRole.CAPF,
}
"""The services that an administrator activates on a node; TVS always is."""


class Service(Protocol):
    """Interface of a service for supervision."""

    @property
    def name(self) -> ServiceName:
        """Name of the service."""

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Listening addresses by the name of the socket; empty while not bound."""

    async def prepare(self) -> None:
        """Load what the next run serves; what runs now goes on as it is.

        Raises:
            ServiceError: When it cannot be had.
            OSError: When a file cannot be read or written.
        """

    async def bind(self) -> None:
        """Take its socket, if it has none. Raises ServiceError when it cannot."""

    def close(self) -> None:
        """Give back a socket that was taken and never served on."""

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve the prepared files on the bound socket until cancelled.

        The socket is closed on the way out.
        """


class Supervised:
    """A service with its life in hand."""

    def __init__(
        self,
        node: str,
        service: Service,
        nursery: trio.Nursery,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.service = service
        self.state = ServiceState.STOPPED
        self.starts = 0
        """How often it has begun to serve, by itself or by an administrator."""
        self._started_at = 0.0
        self._clock = clock
        self._is_activated = True
        self._node = node
        self._nursery = nursery
        self._one_at_a_time = trio.Lock()
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._log = get_logger(node=node, service=service.name.value)
        # From zero on: Prometheus sees no increase in a count that begins with one.
        SERVICE_FAILURES.labels(node, service.name.value)

    @property
    def started_at(self) -> float | None:
        """When it began to serve, Unix seconds; None while it does not."""
        return self._started_at if self.state is ServiceState.STARTED else None

    @property
    def is_activated(self) -> bool:
        """Return whether the service is activated on its node."""
        return self._is_activated

    @property
    def is_expected(self) -> bool:
        """Return whether its state tells something about the node's health.

        One that was deactivated and has stopped is where the administrator wants it.
        """
        return self._is_activated or self.state is not ServiceState.STOPPED

    async def follow_activation(self, roles: frozenset[NodeRole]) -> None:
        """Stop when the service is deactivated on its node; start when it is activated.

        What cannot be started is logged; the node's health tells that it is stopped.
        """
        role = ROLE_OF.get(self.service.name)
        is_activated = role is None or role in roles
        if is_activated == self._is_activated:
            return
        self._is_activated = is_activated
        async with self._one_at_a_time:
            if is_activated:
                await self._start_activated()
            elif self.state is not ServiceState.STOPPED:
                await self._stop()
        self._show_running()

    async def _start_activated(self) -> None:
        if self.state is not ServiceState.STOPPED:
            return
        try:
            await self.service.prepare()
            await self._start()
        except (ServiceError, OSError) as error:
            self._log.error("activated, but not started", reason=str(error))
        except Exception:  # noqa: BLE001  # as in _run_once: others go on
            self._log.exception("activated, but not started")

    async def start(self) -> None:
        """Start the service; returns when it serves.

        Raises:
            ServiceError: When it runs already, or its socket is in use.
            OSError: When a file that it needs cannot be read or written.
        """
        async with self._one_at_a_time:
            if self.state is not ServiceState.STOPPED:
                raise ServiceError(
                    f"{self.service.name} is {self.state.lower()} on {self._node}",
                    hint="use utils service restart",
                )
            await self.service.prepare()
            await self._start()

    async def stop(self) -> None:
        """Stop the service; returns when its socket is closed.

        Raises:
            ServiceError: When it does not run.
        """
        async with self._one_at_a_time:
            if self.state is ServiceState.STOPPED:
                raise ServiceError(
                    f"{self.service.name} is not running on {self._node}",
                    hint="use utils service start",
                )
            await self._stop()

    async def restart(self) -> None:
        """Stop the service, if it runs, and start it.

        What cannot be loaded is raised before anything is stopped.

        Raises:
            ServiceError, OSError: As `start`.
        """
        async with self._one_at_a_time:
            await self.service.prepare()
            if self.state is not ServiceState.STOPPED:
                await self._stop()
            await self._start()

    async def _start(self) -> None:
        self.state = ServiceState.STARTING
        try:
            await self.service.bind()
            await self._nursery.start(self._keep_running)
        except BaseException:
            self._become(ServiceState.STOPPED)
            raise

    async def _stop(self) -> None:
        self.state = ServiceState.STOPPING
        self._scope.cancel()
        await self._ended.wait()

    async def _keep_running(self, *, task_status: trio.TaskStatus[None]) -> None:
        self._scope, self._ended = trio.CancelScope(), trio.Event()
        pause_s = _FIRST_PAUSE_S
        try:
            with self._scope:
                await self._run_once(task_status)
                while True:
                    await trio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    await self._run_again()
        finally:
            self._become(ServiceState.STOPPED)
            self._ended.set()

    async def _run_once(self, task_status: trio.TaskStatus[None]) -> None:
        """Run until the service falls; what happens before it serves is raised.

        Every kind of exception counts as a fall, an error in the service's own code
        too: raised further it would cancel the nursery, and with it all services of
        the node. Cancellation, Ctrl-C and SystemExit are no `Exception` and pass.
        """
        reported = _Reported(self, task_status)
        try:
            await self.service.run(task_status=reported)
        except Exception as error:  # noqa: BLE001  # see above
            if not reported.serving:
                raise first_cause(error) from None
            self._fell()

    async def _run_again(self) -> None:
        """Run once more; a try that fails is a fall, of whatever kind."""
        try:
            await self.service.prepare()
            await self.service.bind()
            await self.service.run(task_status=_Reported(self, None))
        except Exception:  # noqa: BLE001  # as in _run_once; the next try may do
            self._fell()

    def _fell(self) -> None:
        SERVICE_FAILURES.labels(self._node, self.service.name.value).inc()
        self._log.exception("service failed and is started again")
        self._become(ServiceState.FAILED)

    def serving(self) -> None:
        """Note that the service serves."""
        self.starts += 1
        SERVICE_STARTS.labels(self._node, self.service.name.value).inc()
        self._become(ServiceState.STARTED)

    def _become(self, state: ServiceState) -> None:
        self.state = state
        if state is ServiceState.STARTED:
            self._started_at = self._clock()
        self._show_running()
        sockets = self.service.addresses if state is ServiceState.STARTED else {}
        known = {name: f"{host}:{port}" for name, (host, port) in sockets.items()}
        self._log.info(f"service {state.lower()}", **known)

    def _show_running(self) -> None:
        labels = self._node, self.service.name.value
        if self.is_expected:
            running = self.state is ServiceState.STARTED
            SERVICE_RUNNING.labels(*labels).set(running)
        else:
            with suppress(KeyError):  # before prometheus-client 0.22, of absent ones
                SERVICE_RUNNING.remove(*labels)


class _Reported(trio.TaskStatus[None]):
    """Passes the report that a service serves to its supervisor and its starter."""

    def __init__(
        self, supervised: Supervised, starter: trio.TaskStatus[None] | None
    ) -> None:
        self.serving = False
        self._supervised = supervised
        self._starter = starter

    def started(self, value: None = None) -> None:
        self.serving = True
        self._supervised.serving()
        if self._starter is not None:
            self._starter.started(value)
