"""A supervised service: started, stopped, restarted, raised again when it falls."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tokenless.services.errors import ServiceError
from tokenless.services.metrics import exposition
from tokenless.services.monitoring.health import ServiceState
from tokenless.services.node.supervised.supervision import ServiceName, Supervised


class Echo:
    """A real TCP service that falls when it is told to."""

    name = ServiceName.TFTP

    def __init__(self) -> None:
        self.address: tuple[str, int] | None = None
        self.port = 0
        self.load_error: Exception | None = None
        self.prepare_error: Exception | None = None
        self.fall = trio.Event()
        self.fall_error: BaseException = RuntimeError("fell")
        self._listener: trio.SocketListener | None = None

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        return {} if self.address is None else {"echo": self.address}

    async def prepare(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.prepare_error is not None:
            raise self.prepare_error

    async def bind(self) -> None:
        if self._listener is None:
            [self._listener] = await trio.open_tcp_listeners(
                self.port, host="127.0.0.1"
            )
            self.address = self._listener.socket.getsockname()
            self.port = self.address[1]

    def close(self) -> None:
        """What was bound is closed with `run`."""

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        assert self._listener is not None
        listener, self._listener = self._listener, None
        async with listener, trio.open_nursery() as nursery:
            if self.load_error is not None:
                raise self.load_error
            nursery.start_soon(trio.serve_listeners, self._echo, [listener])
            task_status.started()
            await self.fall.wait()
            self.fall = trio.Event()
            raise self.fall_error

    async def _echo(self, stream: trio.SocketStream) -> None:
        async with stream:
            async for chunk in stream:
                await stream.send_all(chunk)


class Lingering(Echo):
    """One whose connections take their time to close."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = trio.Event()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        try:
            await super().run(task_status=task_status)
        finally:
            with trio.CancelScope(shield=True):
                await self.leave.wait()


async def answers(echo: Echo) -> bool:
    assert echo.address is not None
    try:
        stream = await trio.open_tcp_stream(*echo.address)
    except OSError:
        return False
    async with stream:
        await stream.send_all(b"x")
        return await stream.receive_some(1) == b"x"


def state_of(supervised: Supervised) -> ServiceState:
    """Return the state of now: mypy holds a property for what it was."""
    return supervised.state


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def supervised(echo: Echo, nursery: trio.Nursery) -> Supervised:
    return Supervised("lab-pub", echo, nursery)


async def test_it_serves_once_started(supervised: Supervised, echo: Echo) -> None:
    await supervised.start()
    assert supervised.state is ServiceState.STARTED
    assert await answers(echo)


async def test_falls_are_counted_from_zero_on(
    echo: Echo, nursery: trio.Nursery
) -> None:
    # Prometheus sees no increase in a series that begins with one.
    Supervised("never-fell", echo, nursery)
    series = 'failures_total{node="never-fell",service="Cisco Tftp"} 0.0'
    assert series in exposition()


async def test_it_is_silent_once_stopped(supervised: Supervised, echo: Echo) -> None:
    await supervised.start()
    await supervised.stop()
    assert supervised.state is ServiceState.STOPPED
    assert not await answers(echo)


async def test_it_has_a_start_time_only_while_it_serves(
    nursery: trio.Nursery,
) -> None:
    echo = Lingering()
    supervised = Supervised("lab-pub", echo, nursery, clock=lambda: 5.0)
    await supervised.start()
    assert [supervised.started_at] == [5.0]
    nursery.start_soon(supervised.stop)
    await wait_all_tasks_blocked()
    assert state_of(supervised) is ServiceState.STOPPING
    assert [supervised.started_at] == [None]
    echo.leave.set()
    await wait_all_tasks_blocked()
    assert state_of(supervised) is ServiceState.STOPPED
    assert [supervised.started_at] == [None]


async def test_a_restart_keeps_the_port(supervised: Supervised, echo: Echo) -> None:
    await supervised.start()
    before = echo.address
    await supervised.restart()
    assert echo.address == before
    assert await answers(echo)


async def test_a_restart_starts_what_was_stopped(
    supervised: Supervised, echo: Echo
) -> None:
    await supervised.restart()
    assert await answers(echo)


async def test_a_restart_that_cannot_be_prepared_stops_nothing(
    supervised: Supervised, echo: Echo
) -> None:
    await supervised.start()
    echo.prepare_error = ServiceError("the connection to the database was lost")
    with pytest.raises(ServiceError, match="was lost"):
        await supervised.restart()
    assert supervised.state is ServiceState.STARTED
    assert await answers(echo)


async def test_no_second_start_and_no_second_stop(supervised: Supervised) -> None:
    await supervised.start()
    with pytest.raises(ServiceError, match="Cisco Tftp is started on lab-pub"):
        await supervised.start()
    await supervised.stop()
    with pytest.raises(ServiceError, match="Cisco Tftp is not running on lab-pub"):
        await supervised.stop()


async def test_a_port_in_use_is_the_starters_error(
    supervised: Supervised, echo: Echo
) -> None:
    [other] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with other:
        echo.port = other.socket.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await supervised.start()
    assert supervised.state is ServiceState.STOPPED
    await supervised.start()


async def test_what_fails_while_loading_is_the_starters_error(
    supervised: Supervised, echo: Echo
) -> None:
    echo.load_error = ServiceError("no certificate")
    with pytest.raises(ServiceError, match="no certificate"):
        await supervised.start()
    assert supervised.state is ServiceState.STOPPED


async def test_what_falls_is_started_again(
    supervised: Supervised, echo: Echo, autojump_clock: MockClock
) -> None:
    _ = autojump_clock
    await supervised.start()
    echo.fall.set()
    await wait_all_tasks_blocked()
    assert state_of(supervised) is ServiceState.FAILED
    await trio.sleep(1.5)
    assert state_of(supervised) is ServiceState.STARTED


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("the connection to the database was lost"),
        OSError(28, "full"),
        KeyError(7),
    ],
)
async def test_a_try_that_fails_in_any_way_is_followed_by_another(
    supervised: Supervised,
    echo: Echo,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    error: Exception,
) -> None:
    _ = autojump_clock
    neighbour = Supervised("lab-pub", Echo(), nursery)
    await neighbour.start()
    await supervised.start()
    echo.prepare_error = echo.fall_error = error
    echo.fall.set()
    await trio.sleep(10)
    assert state_of(supervised) is ServiceState.FAILED
    assert neighbour.state is ServiceState.STARTED
    echo.prepare_error = None
    await trio.sleep(60)
    assert state_of(supervised) is ServiceState.STARTED


async def test_an_exit_is_no_fall(echo: Echo) -> None:
    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            await Supervised("lab-pub", echo, nursery).start()
            echo.fall_error = SystemExit(3)
            echo.fall.set()

    with pytest.raises(BaseExceptionGroup) as caught:
        await serve()
    assert caught.group_contains(SystemExit)


async def test_what_fell_can_be_stopped(supervised: Supervised, echo: Echo) -> None:
    await supervised.start()
    echo.fall.set()
    while state_of(supervised) is not ServiceState.FAILED:
        await trio.lowlevel.checkpoint()
    await supervised.stop()
    assert state_of(supervised) is ServiceState.STOPPED
