"""A phone that stays registered: standby connection, failover, return, calls.

    line = Line(identity, group, settings)
    last = await line.run()     until the phone is to boot

The phone registers at the first node that takes it. At the first of its group it holds
a connection to the second; at another one it asks the better ones whether it may come
back (REFERENCE-3 4.5). `on_change` is told of everything.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass

import trio

from tokenless.phone_emulator.registration.call_media import CallMedia
from tokenless.phone_emulator.registration.channels import UnusableServerError
from tokenless.phone_emulator.registration.group import Group, Node
from tokenless.phone_emulator.registration.link import Link
from tokenless.phone_emulator.registration.register import (
    part,
    register_in_order,
    register_over,
    report_of,
)
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    LastOut,
    MayComeBack,
    NumberKnown,
    PhoneEvent,
    RegistrationState,
    RegistrationStateChanged,
    ResetOrdered,
    ShownCall,
)
from tokenless.phone_emulator.secd.events import PhoneIdentity

OnChange = Callable[["Line", PhoneEvent | RegistrationReport], None]
"""Is told of each event and each new report; must not block."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Time limits of a phone's search for a server.

    Attributes:
        timeout_s: For one connection, and for an answer over it.
        retry_s: Between rounds through the group, and between tries of a standby; also
            from a registration to the next round, and from one after an order to the
            next boot: a server that takes a phone and drops it, or orders reset after
            reset, is not asked in a loop (the vendor's number is not known).
        return_s: Between tries to come back to a better node.
        holds_standby: Whether it holds a second connection.
        gate: Lets so many phones look for a server at the same time; None: all.
    """

    timeout_s: float = 10.0
    retry_s: float = 5.0
    return_s: float = 30.0
    holds_standby: bool = True
    gate: trio.Semaphore | None = None


class Line:
    """One phone's registration, for as long as `run` runs."""

    def __init__(
        self,
        identity: PhoneIdentity,
        group: Group,
        settings: LineSettings | None = None,
        on_change: OnChange = lambda _line, _change: None,
    ) -> None:
        self.identity = identity
        self.group = group
        self.report = report_of(identity, group, None, ())
        """Of now."""
        self.call: ShownCall | None = None
        self.media: CallMedia | None = None
        self._settings = settings or LineSettings()
        self._on_change = on_change
        self._active: Link | None = None
        self._other: Link | None = None
        """The standby's, or the one over which the phone may come back."""
        self._changed = trio.Event()
        self._not_before = 0.0
        """When the next round or boot may begin, monotonic seconds."""

    async def run(self, last: LastOut = LastOut.INITIALIZED) -> LastOut:
        """Stay registered until the phone is to boot; say goodbye at the end.

        It is to boot when the server orders a reset or a restart, or when it knows no
        server: it then tries again to get a configuration.

        Args:
            last: Why the phone was out of service.

        Returns:
            What the next alarm is to say: `RESET`, `RESTART`, or `last`.
        """
        is_again = last is not LastOut.INITIALIZED
        async with trio.open_nursery() as nursery:
            self.media = CallMedia(nursery)
            try:
                last = await self._stay(last)
            finally:
                with trio.CancelScope(shield=True):
                    await self._leave()
                nursery.cancel_scope.cancel()
        if is_again:
            await trio.sleep_until(self._not_before)
        return last

    async def _stay(self, last: LastOut) -> LastOut:
        link: Link | None = None
        while True:
            if link is None:
                async with self._settings.gate or nullcontext():
                    link, attempts = await register_in_order(
                        self.identity, self.group, self._settings.timeout_s, last
                    )
                self._note(report_of(self.identity, self.group, link, attempts))
            else:
                self._note(report_of(self.identity, self.group, link, ()))
            if link is None:
                await trio.sleep(self._settings.retry_s)
                if not self.group.nodes:
                    return last  # only another boot can name one
                continue
            self._not_before = trio.current_time() + self._settings.retry_s
            last, is_ordered = await self._hold(link)
            if is_ordered:
                return last
            link = await self._move(link, last)
            if link is None:
                await trio.sleep_until(self._not_before)

    async def _hold(self, link: Link) -> tuple[LastOut, bool]:
        """Stay registered over a link; tell why that ended, and whether by order."""
        self._active = link
        async with trio.open_nursery() as nursery:
            if self._settings.holds_standby:
                nursery.start_soon(self._keep_other, link)
            ended = await self._drive(link)
            nursery.cancel_scope.cancel()
        return ended

    async def _drive(self, link: Link) -> tuple[LastOut, bool]:
        while (event := await link.next_event()) is not None:
            await self._take(event, link)
            match event:
                case RegistrationStateChanged(
                    state=RegistrationState.LOST | RegistrationState.REJECTED,
                    last=last,
                ):
                    return last or LastOut.CLOSED, False
                case ResetOrdered(last=last):
                    return last, True
                case MayComeBack():
                    return LastOut.FALLBACK, False
                case _:
                    pass
        return LastOut.CLOSED, False

    async def _take(self, event: PhoneEvent, link: Link) -> None:
        if self.media is not None:
            await self.media.take(event, link)
        if isinstance(event, CallShown):
            self.call = event.call
        elif isinstance(event, NumberKnown):
            self.report = report_of(
                self.identity, self.group, link, self.report.attempts
            )
        self._tell(event)

    async def _move(self, link: Link, last: LastOut) -> Link | None:
        """Register over the other connection, where there is one."""
        if last is LastOut.FALLBACK:
            await part(link)
        link.close()
        if self.media is not None:
            self.media.stop(link)
        self.call = self._active = None
        self._note(report_of(self.identity, self.group, None, ()))
        other, self._other = self._other, None
        if other is None:
            return None
        try:
            await register_over(other, last)
        except UnusableServerError:
            return None
        return other

    # --- the second connection -----------------------------------------------------

    async def _keep_other(self, link: Link) -> None:
        better = self.group.nodes[: link.node.priority]
        if better:
            await self._come_back(link, better)
            return
        following = self.group.nodes[link.node.priority + 1 :]
        while following:
            with suppress(UnusableServerError):
                await self._stand_by(following[0])
            await trio.sleep(self._settings.retry_s)

    async def _stand_by(self, node: Node) -> None:
        """Hold a connection to the standby node until it is lost."""
        other = await self._open(node)
        other.talker.stand_by(trio.current_time())
        self._other = other
        self._wake()
        while (event := await other.next_event()) is not None:
            if isinstance(event, RegistrationStateChanged):
                break
        self._other = None
        other.close()

    async def _come_back(self, link: Link, better: tuple[Node, ...]) -> None:
        """Ask better nodes, the best first, until one lets the phone register."""
        while True:
            await trio.sleep(self._settings.return_s)
            if self.call is not None:
                continue  # moving would end it (inferred)
            for node in better:
                with suppress(UnusableServerError):
                    if await self._is_welcome(node):
                        link.inject(MayComeBack())
                        return

    async def _is_welcome(self, node: Node) -> bool:
        other = await self._open(node)
        try:
            other.talker.ask_to_come_back(trio.current_time())
            while (event := await other.next_event()) is not None:
                if isinstance(event, MayComeBack):
                    self._other = other
                    return True
                if isinstance(event, RegistrationStateChanged):
                    return False
            return False
        finally:
            if self._other is not other:
                other.close()

    async def _open(self, node: Node) -> Link:
        return await Link.open(
            self.identity, self.group, node, self._settings.timeout_s
        )

    async def _leave(self) -> None:
        """Unregister and close the connections."""
        link, other = self._active, self._other
        self._active = self._other = None
        if link is not None:
            if self.media is not None:
                self.media.stop(link)
            await part(link)
        if other is not None:
            other.close()
        self.call = None
        if self.report.is_registered:  # else why it is not is worth keeping
            self._note(report_of(self.identity, self.group, None, ()))

    # --- what a person does --------------------------------------------------------

    def dial(self, number: str) -> None:
        """Dial a number, if the phone is registered."""
        if self._active is not None:
            self._active.talker.dial(number)
            self._active.kick()

    def answer(self) -> None:
        """Answer the call that rings."""
        if self._active is not None:
            self._active.talker.answer()
            self._active.kick()

    def hang_up(self) -> None:
        """End the call."""
        if self._active is not None:
            self._active.talker.hang_up()
            self._active.kick()

    async def until(self, is_so: Callable[["Line"], bool], timeout_s: float) -> bool:
        """Wait until something is so; tell whether it is, in the end."""
        with trio.move_on_after(timeout_s):
            while not is_so(self):
                await self._changed.wait()
        return is_so(self)

    def _note(self, report: RegistrationReport) -> None:
        self.report = report
        self._tell(report)

    def _tell(self, change: PhoneEvent | RegistrationReport) -> None:
        self._wake()
        self._on_change(self, change)

    def _wake(self) -> None:
        """Wake the tasks that wait for a state."""
        changed, self._changed = self._changed, trio.Event()
        changed.set()
