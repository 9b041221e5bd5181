"""The machine: events come in with the time, effects go out, nothing else happens.

secd = Secd(identity, contents, TvsCache())
effects = secd.handle(PowerOn(), now)
… perform them: each Fetch and AskTvsServer ends in one event for `handle` …
until Finish is among them; then read secd.report, secd.contents and secd.log
"""

from typing import assert_never

from tokenless.phone_emulator.secd.events import (
    Downloaded,
    DownloadRefused,
    Effect,
    Event,
    Finish,
    FlashContents,
    NotFound,
    NotOpened,
    Opened,
    PhoneIdentity,
    PowerOn,
    ServerSilent,
    TvsAnswered,
    TvsFailed,
)
from tokenless.phone_emulator.secd.files import decode_configuration, decode_list
from tokenless.phone_emulator.secd.handlers import asking, fetching, judging
from tokenless.phone_emulator.secd.handlers.context import BootMemory
from tokenless.phone_emulator.secd.log_events import LogEntry, LogEvent
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.phone_emulator.secd.states import (
    ASKING,
    FETCHING,
    TRANSITIONS,
    State,
    Transition,
)
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.trust.anchors import FileKind, TrustAnchors


class Secd:
    """One boot of one phone."""

    def __init__(
        self, identity: PhoneIdentity, contents: FlashContents, cache: TvsCache
    ) -> None:
        self._boot = BootMemory(identity, contents, cache)

    @property
    def state(self) -> State:
        """Return the state of the boot."""
        return self._boot.state

    @property
    def report(self) -> BootReport:
        """Return the report of the boot so far."""
        return self._boot.report

    @property
    def log(self) -> list[LogEntry]:
        """The moments so far."""
        return self._boot.log

    @property
    def contents(self) -> FlashContents:
        """Return the content of the phone's flash."""
        return self._boot.contents

    @property
    def anchors(self) -> TrustAnchors:
        """The signers that the phone trusts now."""
        return self._boot.anchors

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take an event, return the effects to carry out.

        Args:
            event: What happened.
            now: Unix seconds.

        Raises:
            RuntimeError: When the state does not expect this event: a mistake of the
                caller, never of bytes that came in.
        """
        boot = self._boot
        # The time is an argument so that a recorded boot can be replayed with the same
        # result, step by step.
        boot.now, boot.effects = now, []
        step: Transition | None = _react(boot, event)
        while step is not None:
            boot.state = TRANSITIONS[boot.state][step]
            step = _enter(boot, step)
        return boot.effects


def _react(boot: BootMemory, event: Event) -> Transition:  # noqa: PLR0911 - one an event
    _expect(boot.state, event)
    match event:
        case PowerOn():
            return _power_on(boot)
        case Downloaded():
            return judging.examine(boot, event.data, event.transport)
        case NotFound():
            return fetching.not_found(boot)
        case DownloadRefused():
            return fetching.refused(boot, event.reason)
        case ServerSilent():
            return fetching.silent(boot, event.reason)
        case TvsAnswered() | TvsFailed():
            return _take_answer(boot, event)
        case Opened() | NotOpened():
            return _take_opened(boot, event)
        case _:
            assert_never(event)


def _take_opened(boot: BootMemory, event: Opened | NotOpened) -> Transition:
    if isinstance(event, Opened):
        return judging.opened(boot, event.content)
    return judging.not_opened(boot)


def _take_answer(boot: BootMemory, event: TvsAnswered | TvsFailed) -> Transition:
    file = asking.current(boot).file
    if isinstance(event, TvsAnswered):
        result = asking.answered(boot, event)
    else:
        result = asking.failed(boot, event)
    return judging.conclude(boot, file, result)


def _expect(state: State, event: Event) -> None:
    match event:
        case PowerOn():
            expected = state is State.OFF
        case TvsAnswered() | TvsFailed():
            expected = state in ASKING
        case Opened() | NotOpened():
            expected = state is State.OPENING_CONFIGURATION
        case _:
            expected = state in FETCHING
    if not expected:
        raise RuntimeError(f"{type(event).__name__} is not expected while {state}")


def _enter(boot: BootMemory, step: Transition) -> Transition | None:
    """Begin a state; return a step when there is nothing to wait for."""
    if boot.state in ASKING:
        asking.ask(boot)
    elif boot.state is State.RUNNING:
        _finish(boot)
    elif boot.state is State.OPENING_CONFIGURATION:
        judging.open_encrypted(boot)
    elif step in (Transition.NEXT_NAME, Transition.NEXT_SERVER, Transition.ENCRYPTED):
        fetching.request(boot)
    else:
        return fetching.begin(boot)
    return None


def _power_on(boot: BootMemory) -> Transition:
    boot.note(LogEvent.POWER_ON, model=boot.model.name, device=boot.identity.device)
    has_itl = boot.model.security_by_default
    boot.anchors = TrustAnchors.of(
        _load_list(boot, FileKind.CTL),
        # A flash may hold an ITL of another model that was emulated in it before.
        _load_list(boot, FileKind.ITL) if has_itl else None,
        digests=boot.model.digests,
        tvs_supported=boot.model.security_by_default,
    )
    boot.configuration = _load_configuration(boot)
    return Transition.POWER_ON


def _load_list(boot: BootMemory, kind: FileKind) -> TrustList | None:
    """Read an installed list; a damaged one counts as none."""
    data = boot.held[kind]
    if data is None:
        return None
    try:
        return decode_list(data)
    except DecodeError:
        boot.note(LogEvent.UNREADABLE_LIST, kind=kind.name)
        boot.held[kind] = None
        return None


def _load_configuration(boot: BootMemory) -> PhoneConfig | None:
    data = boot.held[FileKind.CONFIGURATION]
    if data is None:
        return None
    try:
        return decode_configuration(data)
    except DecodeError:
        boot.held[FileKind.CONFIGURATION] = None
        return None


def _finish(boot: BootMemory) -> None:
    boot.note(LogEvent.BOOTED, outcome=boot.report.outcome)
    boot.effects.append(Finish())
