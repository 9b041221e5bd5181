"""How a fleet stands, at the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.live import Live
from rich.table import Table

from tokenless.ground.counting import counted
from tokenless.ground.terminal import watch_console
from tokenless.phone_emulator.fleet.lines import FleetRegistrations
from tokenless.phone_emulator.registration.report import RegistrationOutcome
from tokenless.protocol.certificates.name_text import printable


@contextmanager
def standings_view() -> Iterator[Callable[[FleetRegistrations], None]]:
    """Show a live table of how a fleet stands, twice a second; yield what renews it.

    When standard error is a terminal, else nowhere.
    """
    console = watch_console()
    if not console.is_terminal:
        yield lambda _registrations: None
        return
    latest: list[FleetRegistrations] = []

    def renew(registrations_now: FleetRegistrations) -> None:
        latest[:] = [registrations_now]

    with Live(
        get_renderable=lambda: _registrations_table(latest[-1] if latest else None),
        console=console,
        refresh_per_second=2,
    ):
        yield renew


def standing_lines(registrations_now: FleetRegistrations) -> Iterator[str]:
    """Return in words how a fleet stands, for the end of a run."""
    now = registrations_now
    secure = now.outcomes[RegistrationOutcome.REGISTERED_SECURE]
    yield (
        f"{now.registered} of {counted(now.phones, 'phone')} registered, "
        f"{secure} of them over TLS"
    )
    for node, count in sorted(now.nodes.items()):
        if count:
            yield f"  at {printable(node)}: {count}"
    for code, count in sorted(now.reasons.items()):
        if count:
            yield f"  not at its first node: {count} ({code})"


def _registrations_table(registrations_now: FleetRegistrations | None) -> Table:
    table = Table(title="phones")
    table.add_column("state")
    table.add_column("phones", justify="right")
    if registrations_now is None:
        return table
    for outcome, count in registrations_now.outcomes.items():
        if count:
            table.add_row(outcome.value, str(count))
    for node, count in sorted(registrations_now.nodes.items()):
        table.add_row(f"at {printable(node)}", str(count))
    for code, count in sorted(registrations_now.reasons.items()):
        if count:
            table.add_row(f"not at its first node: {code}", str(count))
    table.add_row("of", str(registrations_now.phones))
    table.add_row("registrations", str(registrations_now.registrations))
    return table
