"""One connection of a phone with what speaks over it: bytes of the socket, and events.

Only `next_event` sends and receives. Another task that makes the phone say something
(dial, answer, hang up) calls `kick` afterwards.
"""

import ssl
import time
from ipaddress import IPv4Address
from typing import Final, TypeAlias

import trio

from tokenless.phone_emulator.registration.channels import (
    Carrier,
    OpenConnection,
    UnusableServerError,
    open_connection,
    tls_failure,
)
from tokenless.phone_emulator.registration.group import Group, Node
from tokenless.phone_emulator.registration.report import Failure
from tokenless.phone_emulator.registration.talkers.events import LastOut, PhoneEvent
from tokenless.phone_emulator.registration.talkers.sccp_phone import (
    SccpIdentity,
    SccpPhone,
)
from tokenless.phone_emulator.registration.talkers.sip_identity import SipIdentity
from tokenless.phone_emulator.registration.talkers.sip_phone import SipPhone
from tokenless.phone_emulator.registration.traits import (
    TRAITS,
    user_agent_of,
    writes_alarms_in_lower_case,
)
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.registration import Signalling

Talker: TypeAlias = SccpPhone | SipPhone
_SEND_S: Final = 10.0
"""For what is to be sent at a time: a server that reads nothing is as a silent one."""
_NO_ADDRESS = IPv4Address(0)


class Link:
    """A connection to one node of the group."""

    def __init__(self, node: Node, connection: OpenConnection, group: Group) -> None:
        self.node = node
        self.talker: Talker
        self.lost: UnusableServerError | None = None
        """The words with which TLS ended, if it had any."""
        self._connection = connection
        self._group = group
        self._pending: list[PhoneEvent] = []
        self._waiting: trio.CancelScope | None = None
        self._is_over = False
        self._is_kicked = False

    @classmethod
    async def open(
        cls, identity: PhoneIdentity, group: Group, node: Node, timeout_s: float
    ) -> "Link":
        """Connect to a node.

        Raises:
            UnusableServerError: When that cannot be done.
        """
        connection = await open_connection(
            node.server, group.carrier, group.offer, timeout_s
        )
        link = cls(node, connection, group)
        link.talker = _talker(identity, group, node, connection)
        return link

    @property
    def cipher(self) -> str | None:
        """Of TLS; None in clear."""
        return self._connection.channel.cipher

    @property
    def address(self) -> IPv4Address:
        """The phone's own."""
        return _address(self._connection.local[0])

    def close(self) -> None:
        """Close the connection."""
        self._is_over = True
        self._connection.close()

    def kick(self) -> None:
        """Let `next_event` send what the phone has to say."""
        self._is_kicked = True
        if self._waiting is not None:
            self._waiting.cancel()

    def inject(self, event: PhoneEvent) -> None:
        """Let `next_event` return something that happened elsewhere."""
        self._pending.append(event)
        self.kick()

    async def next_event(self) -> PhoneEvent | None:
        """Return what happens next; None once the connection is over."""
        while True:
            self._is_kicked = False
            self._pending += self.talker.events()
            await self._flush()
            if self._pending:
                return self._pending.pop(0)
            if self._is_over:
                return None
            if not self._is_kicked:
                await self._receive()

    async def _receive(self) -> None:
        talker = self.talker
        deadline = talker.deadline
        data = b""
        with trio.CancelScope() as scope:
            if deadline is not None:
                scope.deadline = deadline
            self._waiting = scope
            try:
                data = await self._connection.channel.receive()
            except ssl.SSLError as error:
                self._lose(error)
            except (OSError, ProtocolError):
                self._end()
        self._waiting = None
        now = trio.current_time()
        if data:
            talker.receive(data, now)
        talker.tick(now)  # even while a server never stops talking

    async def _flush(self) -> None:
        try:
            with trio.fail_after(_SEND_S):
                await self._send()
        except ssl.SSLError as error:
            self._lose(error)
        except trio.TooSlowError:
            self._end("the server reads nothing", LastOut.TCP_TIMEOUT)
        except (OSError, ProtocolError):
            self._end()

    async def _send(self) -> None:
        if self._group.carrier is Carrier.UDP and isinstance(self.talker, SipPhone):
            for datagram in self.talker.datagrams():
                await self._connection.channel.send(datagram)
        elif data := self.talker.output():
            await self._connection.channel.send(data)

    def _lose(self, error: ssl.SSLError) -> None:
        """Note what TLS 1.3 says only after the handshake."""
        offer = self._group.offer
        if offer is not None:
            self.lost = tls_failure(error, offer, self.cipher)
        self._end()

    def _end(
        self,
        why: str = "the server closed the connection",
        last: LastOut = LastOut.CLOSED,
    ) -> None:
        if not self._is_over:
            self._is_over = True
            self.talker.closed(why, last)
            self._pending += self.talker.events()


def failure_of(link: Link, last: LastOut | None) -> Failure:
    """Return why a phone is not registered over a link that is of no more use."""
    if link.lost is not None:
        return link.lost.failure
    if last is LastOut.REJECTED:
        return Failure.REJECTED
    if last in {LastOut.TCP_TIMEOUT, LastOut.KEEPALIVE_FAILURE}:
        return Failure.SILENT
    return Failure.CLOSED


def _talker(
    identity: PhoneIdentity, group: Group, node: Node, connection: OpenConnection
) -> Talker:
    traits = TRAITS[identity.model_name]
    host, port = connection.local
    if group.signalling is Signalling.SCCP:
        return SccpPhone(
            SccpIdentity(
                identity.device,
                traits.device_type,
                group.load,
                _address(host),
                traits.sccp_version,
            )
        )
    return SipPhone(
        SipIdentity(
            device=identity.device,
            model=traits.device_type,
            load=group.load,
            user_agent=user_agent_of(identity.model, group.load),
            server=node.server.address,
            address=_address(host),
            port=port,
            transport=group.carrier.value,
            suites=traits.suites if group.is_encrypting else (),
            lower_case_alarms=writes_alarms_in_lower_case(identity.model),
            lists=group.lists,
            login=group.login,
            clock=time.time,
        )
    )


def _address(host: str) -> IPv4Address:
    """Return an address for messages that hold IPv4 only."""
    try:
        return IPv4Address(host)
    except ValueError:
        return _NO_ADDRESS
