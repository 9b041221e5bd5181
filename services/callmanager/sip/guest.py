"""SIP as a guest of the stream server: REGISTER, its refresh and its end."""

from collections.abc import Callable
from typing import Final

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.alarms import PhoneAlarm, TrustListReport
from tokenless.protocol.phones.registration import (
    Claim,
    RegisterFailure,
    Signalling,
    UnregisterReason,
)
from tokenless.protocol.sip.addresses import decode_address
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
)
from tokenless.protocol.sip.register import (
    DEVICE_PARAMETER,
    Registration,
    accept,
    read_register,
    refuse,
)
from tokenless.protocol.sip.stream import SipStream
from tokenless.services.callmanager.peers import peer_of
from tokenless.services.callmanager.registration import Request, log_refusal
from tokenless.services.callmanager.sip.dialog import Source
from tokenless.services.callmanager.sip.digest import Proof
from tokenless.services.callmanager.sip.stations import (
    SipCallControl,
    SipCount,
    SipStation,
)
from tokenless.services.store.registrations import ItlReport
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import Guest, GuestTools
from tokenless.services.stream_server.message_session import MessageSession

WARNINGS: Final = {
    RegisterFailure.SECURITY_MISMATCH: (
        "Device security mismatch: expected {expected}, received {received}"
    ),
    RegisterFailure.AUTHENTICATED_DEVICE_EXISTS: (
        "Registration is active for another client"
    ),
    RegisterFailure.AUTHENTICATION_ERROR: "TLS authentication failure",
    RegisterFailure.INVALID_X509_NAME: "TLS authentication failure",
    RegisterFailure.INVALID_TLS_CIPHER: "TLS authentication failure",
}
"""Texts of the Warning, observed or listed (REFERENCE-3 5.2)."""
_OTHER_WARNING: Final = "Unable to find a device for the registration"
"""For a device that is not in the database [I]."""
_ALLOWED: Final = "REGISTER, INVITE, ACK, BYE, CANCEL, UPDATE, OPTIONS, NOTIFY, REFER"
_MAX_HOST: Final = 128


def answer(
    call_control: SipCallControl, message: SipMessage, source: Source, now: float
) -> SipResponse | None:
    """Return the response to a message, None for one that gets none.

    Args:
        call_control: The node's registrations.
        message: What came.
        source: Where from.
        now: Monotonic seconds.
    """
    if isinstance(message, SipResponse):
        call_control.calls.take_response(message, source)
        return None
    match message.method:
        case "REGISTER":
            return _register(call_control, message, source, now)
        case "INVITE":
            return _invite(call_control, message, source)
        case "ACK" | "BYE" | "CANCEL" | "UPDATE":
            return call_control.calls.take_request(message, source)
        case _:
            return _answer_rest(call_control, message, source)


def _answer_rest(
    call_control: SipCallControl, request: SipRequest, source: Source
) -> SipResponse:
    """Answer requests that are neither registrations nor calls."""
    tag = call_control.new_tag()
    match request.method:
        case "REFER":
            _note_alarm(call_control, request, source)
            return answer_to(request, 202, "Accepted", to_tag=tag)
        case "OPTIONS" | "NOTIFY":
            return answer_to(request, 200, "OK", to_tag=tag)
        case _:
            call_control.cells[SipCount.IGNORED] += 1
            allow = (("Allow", _ALLOWED),)
            return answer_to(request, 405, "Method Not Allowed", allow, to_tag=tag)


def _invite(
    call_control: SipCallControl, request: SipRequest, source: Source
) -> SipResponse | None:
    """Begin a call of a registered phone, over its registered connection.

    Its contact names the device; a call in clear in the name of a secure device is
    refused, as its registration would be.
    """
    try:
        contact = decode_address(request.get("contact"))
    except ProtocolError:
        return answer_to(request, 400, "Bad Request", to_tag=call_control.new_tag())
    device = contact.parameters.get(DEVICE_PARAMETER, "")
    registration = call_control.registrar.find(device)
    # Otherwise another client could call in the name of any registered phone.
    station = call_control.stations.get(device)
    is_its_own = station is not None and source.is_same_phone(station.source)
    if registration is None or not is_its_own:
        return answer_to(request, 403, "Forbidden", to_tag=call_control.new_tag())
    challenge = _challenge(call_control, request, device, source, of_registration=True)
    if challenge is not None:
        return challenge
    return call_control.calls.invite(
        request, call_control.party_of(registration), source
    )


def _note_alarm(
    call_control: SipCallControl, request: SipRequest, source: Source
) -> None:
    """Keep an alarm of a registered phone; another's word is not taken.

    From release 14 on an alarm may say which ITL the phone holds.
    """
    try:
        alarm = PhoneAlarm.decode(request.body)
    except ProtocolError:
        return
    report = TrustListReport.of(alarm)
    device = alarm.parameters.get("DeviceName", "")
    station = call_control.stations.get(device)
    if station is None or not source.is_same_phone(station.source):
        return
    if report is None:
        station.alarms.take(station, device, lambda: alarm.words)
        return
    found = call_control.registrar.find(report.device)
    if found is None or not call_control.settings.notes_itl:
        return
    said = ItlReport(
        report.itl.server[:_MAX_HOST], report.itl.digest, call_control.registrar.now
    )
    call_control.registrar.report_itl(report.device, station, said)


def _register(
    call_control: SipCallControl, request: SipRequest, source: Source, now: float
) -> SipResponse:
    try:
        register = read_register(request)
    except ProtocolError:
        call_control.cells[SipCount.REFUSED] += 1
        return answer_to(request, 400, "Bad Request", to_tag=call_control.new_tag())
    known = call_control.stations.get(register.device)
    is_refresh = known is not None and known.is_refreshed_by(register, source)
    challenge = _challenge(
        call_control, request, register.device, source, of_registration=is_refresh
    )
    if challenge is not None:
        return challenge
    if register.expires_s == 0:
        return _end(call_control, request, register, source)
    claim = Claim(register.device, Signalling.SIP, register.model)
    station = known or SipStation(call_control, register, source)
    failure = call_control.registrar.register(
        Request(
            claim, source.peer, source.address, register.load, is_refresh=is_refresh
        ),
        station,
    )
    if failure is not None:
        return _refuse(call_control, request, register.device, failure, source)
    call_control.cells[
        SipCount.REGISTERED if known is None else SipCount.REFRESHED
    ] += 1
    granted = min(register.expires_s, call_control.settings.expires_s)
    station.expires_at = now + granted
    call_control.bind(station, register, source)
    if not is_refresh:
        station.begin_alarms()
        if register.alarm is not None:
            text = f"{register.alarm}: Load={register.load} Last={register.last}"
            station.alarms.take(station, register.device, lambda: text)
    return _accept(call_control, request, granted, source)


def _challenge(
    call_control: SipCallControl,
    request: SipRequest,
    device: str,
    source: Source,
    *,
    of_registration: bool,
) -> SipResponse | None:
    """Return a 401 where the device's profile asks for a proof that is not there."""
    profile = call_control.registrar.profile_of(device, of_registration=of_registration)
    if profile is None or profile.digest is None:
        return None
    proof = call_control.digest.check(profile, request, source.address)
    if proof is Proof.GOOD:
        return None
    if proof is Proof.WRONG:
        call_control.cells[SipCount.REFUSED] += 1
        log_refusal(
            source.log, device, source.address, RegisterFailure.AUTHENTICATION_ERROR
        )
        call_control.registrar.note_failure(
            device, source.address, RegisterFailure.AUTHENTICATION_ERROR
        )
    asked = call_control.digest.challenge(source.address, is_stale=proof is Proof.STALE)
    return answer_to(
        request,
        401,
        "Unauthorized",
        (("WWW-Authenticate", asked.encode()),),
        to_tag=call_control.new_tag(),
    )


def _end(
    call_control: SipCallControl,
    request: SipRequest,
    register: Registration,
    source: Source,
) -> SipResponse:
    """Answer a farewell, or a phone that greets its standby node.

    Only the phone itself may end its registration: a secure one is ended by a client
    with the same certificate, one in clear by a client in clear at the same address.
    Anybody else's farewell is answered as at a standby node, where the registration is
    in clear: TLS proves who a client is, not that it is this device.
    """
    binding = call_control.registrar.find(register.device)
    station = call_control.stations.get(register.device)
    if binding is not None and station is not None:
        if not binding.peer.is_secure and not source.is_same_phone(station.source):
            return _accept(call_control, request, 0, source)
        if binding.peer.is_secure and binding.peer != source.peer:
            failure = RegisterFailure.AUTHENTICATED_DEVICE_EXISTS
            return _refuse(call_control, request, register.device, failure, source)
        call_control.release(register.device)
        reason = UnregisterReason.DEVICE_UNREGISTERED
        call_control.registrar.unregister(register.device, station, reason)
    return _accept(call_control, request, 0, source)


def _accept(
    call_control: SipCallControl, request: SipRequest, expires_s: int, source: Source
) -> SipResponse:
    return accept(
        request,
        expires_s=expires_s,
        server=call_control.settings.server,
        tag=call_control.new_tag(),
        received=source.address,
    )


def _refuse(
    call_control: SipCallControl,
    request: SipRequest,
    device: str,
    failure: RegisterFailure,
    source: Source,
) -> SipResponse:
    call_control.cells[SipCount.REFUSED] += 1
    log_refusal(source.log, device, source.address, failure)
    clear, secure = "TCP/UDP", "TLS"
    received, expected = (secure, clear) if source.peer.is_secure else (clear, secure)
    why = WARNINGS.get(failure, _OTHER_WARNING)
    text = why.format(expected=expected, received=received)
    return refuse(request, node=call_control.node, why=text, tag=call_control.new_tag())


class SipGuest(Guest):
    """The sessions of one node's SIP ports over TCP and TLS."""

    def __init__(
        self,
        call_control: SipCallControl,
        tools: GuestTools,
        *,
        clock: Callable[[], float],
    ) -> None:
        self.call_control = call_control
        self.log = tools.log
        self.clock = clock
        # The counts of datagrams are added to the same cells.
        call_control.cells = tools.cells

    def open_session(self, connection: Connection) -> "SipSession":
        """Return what answers one phone."""
        return SipSession(connection, self)


class SipSession(MessageSession[SipMessage]):
    """One phone's connection."""

    __slots__ = ("_guest", "_source")

    def __init__(self, connection: Connection, guest: SipGuest) -> None:
        super().__init__(connection, SipStream())
        self._guest = guest
        peer = peer_of(connection)
        transport = "TLS" if peer.is_secure else "TCP"
        self._source = Source(
            connection.address,
            peer,
            connection.push,
            guest.log,
            transport,
            connection.reconsider,
        )

    @property
    def is_kept(self) -> bool:
        """Return whether a registered phone is reached over it: one a device.

        A phone that registers over another connection is reached over that one only,
        so that nobody keeps more connections than devices.
        """
        return self._source.devices > 0

    def _take(self, message: SipMessage) -> None:
        guest = self._guest
        response = answer(guest.call_control, message, self._source, guest.clock())
        if response is not None:
            self.connection.send(response.encode())
