"""Calls between two nodes: the caller's node keeps the call, the other one its phone.

    caller's node                                   called phone's node
    Call ── RemoteLeg ──  Ring, OpenMedia, …  ──▶  _HostedCall ── leg of the phone
              ▲                                        │
              └──── Alerting, Answered, MediaOpened ◀──┘

What a leg would be told goes over the link and is told to the phone's own leg there;
what that one reports comes back. The vendor's nodes do the same by other means.
Keys travel on the link (REFERENCE-4 3.1), which is TLS between known certificates.
"""

from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address
from typing import Protocol

from tokenless.protocol import cluster_link as words
from tokenless.protocol.cluster_link import LinkMessage, PhoneEntry
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.srtp import SCCP_SUITE, SrtpKeys
from tokenless.services.callmanager.directory import Elsewhere
from tokenless.services.callmanager.leg import (
    CallFailure,
    Endpoint,
    KeyOffers,
    Leg,
    Media,
    Party,
)
from tokenless.services.callmanager.link_keys import (
    media_of,
    offers_of,
    packed,
    packed_offers,
    unpacked,
)
from tokenless.services.callmanager.switch import Switch

LocalLeg = Callable[[str], "Leg | CallFailure"]
"""Takes a device's name, returns a leg of its phone if it is registered here."""


class Links(Protocol):
    """Connections to the other nodes."""

    def send(self, node: str, message: LinkMessage) -> bool:
        """Say something to a node; return whether it is connected."""

    def is_open(self, node: str) -> bool:
        """Return whether a node is connected."""


class RemoteLeg(Leg):
    """The called phone, at another node."""

    def __init__(self, number: int, there: Elsewhere, links: Links) -> None:
        super().__init__(_party_of(there.phone))
        self.number = number
        self.node = there.node
        self._is_sip = there.phone.is_sip
        self._links = links

    @property
    def brings_keys(self) -> bool:
        """Return whether the phone makes the key that it sends with (SIP)."""
        return self._is_sip

    @property
    def confirms_ringing(self) -> bool:
        """The other node says when it rings, or that it is busy."""
        return True

    def show_ringing(self, other: Party) -> None:
        """Have the other node ring the phone."""
        caller = words.Caller(
            other.device, other.number, int(other.security), other.address
        )
        self._say(words.Ring(self.number, self.party.device, caller))

    def show_alerting(self, other: Party) -> None:
        """Do nothing: a phone that is called hears no other one ring."""

    def open_media(self, other: Party, keys: SrtpKeys | None) -> None:  # noqa: ARG002
        """Have the phone listen."""
        self._say(words.OpenMedia(self.number, packed(keys)))

    def connect_media(self, where: Endpoint, media: Media) -> None:
        """Have the phone send."""
        self._say(
            words.ConnectMedia(
                self.number,
                str(where.address),
                where.port,
                packed(media.sends_with),
                packed(media.receives_with),
                (media.suite or SCCP_SUITE).name,
            )
        )

    def show_connected(self, other: Party, status: SecurityStatus) -> None:  # noqa: ARG002
        """Show how secure the call is."""
        self._say(words.Connected(self.number, int(status)))

    def show_ended(self, failure: CallFailure | None) -> None:
        """Show that the call has ended."""
        self._say(words.CallEnded(self.number, failure))

    def _say(self, message: LinkMessage) -> None:
        # A link that is down ends the call by `RemoteCalls.cut`.
        self._links.send(self.node, message)


class _HostedCall:
    """A call that another node keeps, for the leg of the phone that is called here."""

    def __init__(
        self, number: int, node: str, caller: Party, calls: "RemoteCalls"
    ) -> None:
        self.caller = caller
        self.leg: Leg | None = None
        self._number = number
        self._node = node
        self._calls = calls

    def is_caller(self, _leg: Leg) -> bool:
        """No leg here is the caller's."""
        return False

    def alerting(self) -> None:
        """Tell the caller's node that the phone rings."""
        self._say(words.Alerting(self._number))

    def answer(self) -> None:
        """Tell the caller's node that the phone was lifted."""
        self._say(words.Answered(self._number))

    def media_opened(
        self, _leg: Leg, endpoint: Endpoint, offers: KeyOffers | None = None
    ) -> None:
        """Tell the caller's node where the phone listens, and what it offers."""
        known = offers or {}
        self._say(
            words.MediaOpened(
                self._number,
                str(endpoint.address),
                endpoint.port,
                packed(known.get(SCCP_SUITE)),
                packed_offers(known),
            )
        )

    def hang_up(self, leg: Leg, failure: CallFailure | None = None) -> None:
        """End the call here, and tell the caller's node."""
        if self._calls.forget_hosted(self._node, self._number):
            self._say(words.HungUp(self._number, failure))
            leg.show_ended(failure)
            leg.call = None

    def take(self, message: LinkMessage) -> None:
        """Tell the phone what the caller's node wants."""
        leg = self.leg
        if leg is None:
            return
        match message:
            case words.OpenMedia(keys=keys):
                leg.open_media(self.caller, unpacked(keys))
            case words.ConnectMedia() as connect:
                where = _endpoint(connect.address, connect.port)
                if where is None:
                    self.hang_up(leg, CallFailure.MEDIA)
                    return
                leg.connect_media(where, media_of(connect))
            case words.Connected(status=status):
                leg.show_connected(self.caller, SecurityStatus(status))
            case words.CallEnded(failure=failure):
                self.end(_failure(failure))
            case _:
                pass

    def end(self, failure: CallFailure | None) -> None:
        """End the call here only."""
        self._calls.forget_hosted(self._node, self._number)
        leg, self.leg = self.leg, None
        if leg is not None:
            leg.show_ended(failure)
            leg.call = None

    def _say(self, message: LinkMessage) -> None:
        self._calls.links.send(self._node, message)


class RemoteCalls:
    """Calls of one node with phones of other nodes."""

    def __init__(self, switch: Switch, links: Links, find_local: LocalLeg) -> None:
        """Begin without calls.

        Args:
            switch: Of this node.
            links: To the other nodes.
            find_local: Finds phones that are registered here.
        """
        self.links = links
        self._switch = switch
        self._find_local = find_local
        self._out: dict[int, RemoteLeg] = {}
        self._hosted: dict[tuple[str, int], _HostedCall] = {}

    def leg_of(self, there: Elsewhere) -> Leg | CallFailure:
        """Return the leg of a call to a phone at another node."""
        is_usable = _endpoint(there.phone.address, 1) is not None
        if not is_usable or not self.links.is_open(there.node):
            return CallFailure.NOT_REGISTERED
        self._out = {n: leg for n, leg in self._out.items() if leg.call is not None}
        leg = RemoteLeg(self._switch.new_reference(), there, self.links)
        self._out[leg.number] = leg
        return leg

    def take(self, node: str, message: LinkMessage) -> None:
        """Do what another node says of a call."""
        match message:
            case words.Ring() as ring:
                self._ring(node, ring)
            case (
                words.OpenMedia(call=number)
                | words.ConnectMedia(call=number)
                | words.Connected(call=number)
                | words.CallEnded(call=number)
            ):
                hosted = self._hosted.get((node, number))
                if hosted is not None:
                    hosted.take(message)
            case (
                words.Alerting(call=number)
                | words.Answered(call=number)
                | words.MediaOpened(call=number)
                | words.HungUp(call=number)
            ):
                leg = self._out.get(number)
                if leg is not None and leg.node == node:
                    _report(leg, message)
            case _:
                pass

    def cut(self, node: str) -> None:
        """End all calls with a node that cannot be reached or heard any more."""
        for leg in list(self._out.values()):
            if leg.node == node and leg.call is not None:
                leg.call.hang_up(leg, None)
        for (other, _), hosted in list(self._hosted.items()):
            if other == node:
                hosted.end(None)

    def forget_hosted(self, node: str, number: int) -> bool:
        """Forget a call that another node keeps; return whether it was known."""
        return self._hosted.pop((node, number), None) is not None

    def _ring(self, node: str, ring: words.Ring) -> None:
        if (node, ring.call) in self._hosted:
            return
        caller = ring.caller
        party = Party(
            caller.device,
            caller.number,
            DeviceSecurity(caller.security),
            caller.address,
        )
        leg: Leg | CallFailure = CallFailure.MEDIA
        if _endpoint(caller.address, 1) is not None:
            leg = self._find_local(ring.device)
        if isinstance(leg, CallFailure):
            self.links.send(node, words.HungUp(ring.call, leg))
            return
        hosted = _HostedCall(ring.call, node, party, self)
        self._hosted[node, ring.call] = hosted
        hosted.leg, leg.call = leg, hosted
        leg.reference = leg.reference or self._switch.new_reference()
        leg.show_ringing(party)
        hosted.alerting()


def _report(leg: RemoteLeg, message: LinkMessage) -> None:
    """Report the other node's events of a call to the call here."""
    call = leg.call
    if call is None:
        return
    match message:
        case words.Alerting():
            call.alerting()
        case words.Answered():
            call.answer()
        case words.MediaOpened() as opened:
            where = _endpoint(opened.address, opened.port)
            if where is None:
                call.hang_up(leg, CallFailure.MEDIA)
            else:
                call.media_opened(leg, where, offers_of(opened))
        case words.HungUp(failure=failure):
            call.hang_up(leg, _failure(failure))
        case _:
            pass


def _party_of(phone: PhoneEntry) -> Party:
    return Party(
        phone.device, phone.number, DeviceSecurity(phone.security), phone.address
    )


def _endpoint(address: str, port: int) -> Endpoint | None:
    try:
        return Endpoint(IPv4Address(address), port)
    except AddressValueError:
        return None


def _failure(said: str | None) -> CallFailure | None:
    """Return another node's reason; one of a newer program is taken for busy."""
    if said is None:
        return None
    try:
        return CallFailure(said)
    except ValueError:
        return CallFailure.BUSY
