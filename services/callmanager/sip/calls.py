"""The calls of SIP phones: requests and responses go to the leg of their dialog."""

from collections.abc import Callable
from ipaddress import IPv4Address

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sip.addresses import decode_uri
from tokenless.protocol.sip.messages import SipRequest, SipResponse, answer_to
from tokenless.services.callmanager.leg import Endpoint, Party
from tokenless.services.callmanager.sip.dialog import Source
from tokenless.services.callmanager.sip.legs import Dialogs, SipLeg
from tokenless.services.callmanager.switch import Switch


class SipCalls(Dialogs):
    """The calls of one node's SIP phones."""

    def __init__(
        self,
        switch: Switch,
        *,
        node: str,
        server: str,
        contact_of: Callable[[str], str],
        place_of: Callable[[str], str],
    ) -> None:
        """Begin without calls; `switch` connects them, for the rest see `Dialogs`."""
        super().__init__(
            node=node, server=server, contact_of=contact_of, place_of=place_of
        )
        self.switch = switch

    def new_leg(self, party: Party, source: Source) -> SipLeg:
        """Return the leg of a call that comes in."""
        return SipLeg(party, self, source)

    def is_busy(self, device: str) -> bool:
        """Return whether a device has a call."""
        return any(leg.party.device == device for leg in self.legs.values())

    def invite(
        self, request: SipRequest, party: Party, source: Source
    ) -> SipResponse | None:
        """Begin the call of a phone; return a refusal of its INVITE, if it is one."""
        known = self.legs.get(request.get("call-id"))
        if known is not None:
            # Said again, or offered again in mid-call: nothing of this is needed here.
            return answer_to(request, 488, "Not Acceptable Here")
        leg = SipLeg(party, self, source)
        try:
            offer = leg.begin(request)
            number = decode_uri(request.uri).user
        except ProtocolError:
            return answer_to(request, 400, "Bad Request", to_tag=self.new_tag())
        leg.respond(100, "Trying")
        self.legs[leg.dialog.call_id] = leg
        where = Endpoint(IPv4Address(offer.address), offer.port)
        failure = self.switch.call(leg, number, endpoint=where, offers=leg.offers)
        if failure is None:
            return None
        leg.show_ended(failure)
        return None

    def take_request(self, request: SipRequest, source: Source) -> SipResponse | None:
        """Go on with a dialog's request; return its answer, None for an ACK."""
        leg = self.legs.get(request.get("call-id"))
        if leg is None or not source.is_same_phone(leg.source):
            is_ack = request.method == "ACK"
            missing = answer_to(request, 481, "Call/Transaction Does Not Exist")
            return None if is_ack else missing
        match request.method:
            case "BYE":
                leg.take_bye()
            case "CANCEL":
                leg.take_cancel()
            case "ACK":
                return None
            case _:
                pass
        return answer_to(request, 200, "OK")

    def take_response(self, response: SipResponse, source: Source) -> None:
        """Go on with what a phone answers."""
        call_id = response.get("call-id")
        leg = self.legs.get(call_id) or self.cancelled.get(call_id)
        if leg is None or not source.is_same_phone(leg.source):
            return
        if call_id in self.legs:
            leg.take_response(response)
        elif leg.take_late_response(response):
            del self.cancelled[call_id]

    def take_timeout(self, request: SipRequest) -> None:
        """End the call of an INVITE that its phone has not answered."""
        call_id = request.get("call-id")
        self.cancelled.pop(call_id, None)
        leg = self.legs.get(call_id)
        if leg is not None and request.method == "INVITE":
            leg.take_silence()
