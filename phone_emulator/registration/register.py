"""Register a phone at the first node of its group that takes it.

    report = await register_once(phone, network)

registers, unregisters, and reports the result. `register_in_order` keeps the connection
for phones that stay registered.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from tokenless.phone_emulator.phone import Network, Phone
from tokenless.phone_emulator.registration.channels import UnusableServerError
from tokenless.phone_emulator.registration.group import Group, Node
from tokenless.phone_emulator.registration.link import Link, failure_of
from tokenless.phone_emulator.registration.report import Attempt, RegistrationReport
from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    RegistrationState,
    RegistrationStateChanged,
)
from tokenless.phone_emulator.secd.events import PhoneIdentity

_FAREWELL_S: Final = 2.0


async def register_once(
    phone: Phone, network: Network, *, own: Path | None = None
) -> RegistrationReport:
    """Register a phone that has booted, and say goodbye again.

    Args:
        phone: The phone; its flash has its servers and its trust lists.
        network: What it shares with others.
        own: A certificate with its key in PEM, instead of the flash's LSC or MIC.
    """
    group = group_of(phone, network, own=own)
    link, attempts = await register_in_order(
        phone.identity, group, network.register_timeout_s
    )
    report = report_of(phone.identity, group, link, attempts)
    if link is not None:
        await part(link)
    return report


def group_of(phone: Phone, network: Network, *, own: Path | None = None) -> Group:
    """Return nodes and method of a phone's registration, from its flash."""
    if own is None and phone.certificates is not None:
        own = phone.certificates.present_file
    return Group.of(
        phone.identity,
        phone.flash.load(),
        own=own,
        tls=network.tls,
        ports=network.secure_ports,
    )


async def register_in_order(
    identity: PhoneIdentity,
    group: Group,
    timeout_s: float,
    last: LastOut = LastOut.INITIALIZED,
) -> tuple[Link | None, tuple[Attempt, ...]]:
    """Register at the first node that takes the phone.

    Args:
        identity: Which phone it is.
        group: Where and how it registers.
        timeout_s: For one connection.
        last: Why it was out of service.

    Returns:
        The connection that it is registered over, None where no node takes it, and the
        nodes that were tried in vain.
    """
    attempts: list[Attempt] = []
    for node in group.nodes:
        try:
            link = await Link.open(identity, group, node, timeout_s)
            await register_over(link, last)
        except UnusableServerError as error:
            attempts.append(attempt_at(node, group, error))
        else:
            return link, tuple(attempts)
    return None, tuple(attempts)


async def register_over(link: Link, last: LastOut) -> None:
    """Register over a connection that is open; close it when that fails.

    Raises:
        UnusableServerError: When the server refuses, is silent, or goes away.
    """
    try:
        link.talker.register(last, trio.current_time())
        await _until_registered(link)
    except BaseException:
        link.close()
        raise


async def _until_registered(link: Link) -> None:
    while (event := await link.next_event()) is not None:
        match event:
            case RegistrationStateChanged(state=RegistrationState.REGISTERED):
                # A server may take a phone and refuse it in one breath.
                if link.talker.state is RegistrationState.REGISTERED:
                    return
            case RegistrationStateChanged(
                state=RegistrationState.REJECTED | RegistrationState.LOST,
                why=why,
                last=ended,
            ):
                raise UnusableServerError(failure_of(link, ended), why)
            case _:
                pass
    raise UnusableServerError(failure_of(link, LastOut.CLOSED), "it went away")


async def part(link: Link) -> None:
    """Say goodbye and close; a server that does not answer is not waited for long."""
    with trio.move_on_after(_FAREWELL_S):
        link.talker.unregister()
        while (event := await link.next_event()) is not None:
            if (
                isinstance(event, RegistrationStateChanged)
                and event.state is not RegistrationState.REGISTERED
            ):
                break
    link.close()


def attempt_at(node: Node, group: Group, error: UnusableServerError) -> Attempt:
    """Return what a report says of a node that was tried in vain."""
    return Attempt(
        node.name,
        str(node.server),
        group.offer is not None,
        error.failure,
        str(error),
    )


def report_of(
    identity: PhoneIdentity,
    group: Group,
    link: Link | None,
    attempts: Sequence[Attempt],
) -> RegistrationReport:
    """Return the report of a phone that is registered over a link, or over none."""
    report = RegistrationReport(
        identity.device,
        identity.model_name,
        group.signalling,
        attempts=_with_cause(group, attempts),
    )
    if link is None:
        return report
    return RegistrationReport(
        identity.device,
        identity.model_name,
        group.signalling,
        link.node.name,
        str(link.node.server),
        link.node.priority,
        link.cipher,
        link.talker.number,
        tuple(attempts),
    )


def _with_cause(group: Group, attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Return the attempts; of a phone that knows no node, one that says why."""
    if attempts or group.failure is None:
        return tuple(attempts)
    return (Attempt("", "", is_secure=False, failure=group.failure),)
