"""The REGISTERs of a SIP phone's connection, without I/O.

Their purposes, repeats over UDP, challenges, refresh and the end. A standby connection
sends REGISTER with `Expires: 0`, which ends a registration (REFERENCE-3 5.2).
"""

import re
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum, unique
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    MayComeBack,
    PhoneEvent,
    Registering,
    RegistrationState,
)
from tokenless.phone_emulator.registration.talkers.sip_digest import DigestProof
from tokenless.phone_emulator.registration.talkers.sip_identity import SipIdentity
from tokenless.protocol.phones.registration import directory_number
from tokenless.protocol.sip.messages import SipResponse
from tokenless.protocol.sip.register import (
    DEFAULT_EXPIRES_S,
    GRANTED_EXPIRES_S,
    RegisterForm,
)

_ANSWER_TIMEOUT_S: Final = 10.0
_RESEND_S: Final = 0.5
"""RFC 3261's T1: over UDP a request is sent again, each time after twice as long."""
_STANDBY_S: Final = 60.0
_BEFORE_EXPIRY_S: Final = 5.0
_OK: Final = 200
_FIRST_FAILURE: Final = 300
_SECONDS: Final = re.compile(r"\d{1,6}\Z")
_WARNING: Final = re.compile(r'\d{3} \S+ "([^"]{1,200})"')


@unique
class _Purpose(IntEnum):
    """The purpose of a REGISTER."""

    REGISTER = 0
    STAND_BY = 1
    COME_BACK = 2
    FAREWELL = 3


class SipRegistering(Registering):
    """The registration of one connection of a phone."""

    def __init__(
        self,
        identity: SipIdentity,
        proof: DigestProof,
        *,
        send: Callable[[bytes], None],
        emit: Callable[[PhoneEvent], None],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """Send nothing yet.

        Args:
            identity: What the phone says of itself.
            proof: Answers challenges.
            send: Takes a message to the server.
            emit: Takes what the runner acts on.
            random_bytes: Returns so many random bytes.
        """
        super().__init__(emit)
        self._identity = identity
        self._proof = proof
        self._send = send
        self._random = random_bytes
        self._sequence = 100
        self._purpose = _Purpose.REGISTER
        self._unanswered: bytes | None = None
        """The REGISTER that waits for its answer."""
        self._alarm = ""
        """Of that REGISTER."""
        self._answered_challenges = 0
        """By that REGISTER."""
        self._give_up_at = 0.0
        self._resend_s = _RESEND_S
        self.form = _form_of(identity, self._token(), _uuid(random_bytes(16)))
        self.tag = self._token()
        """Of the phone, in From and To."""

    def register(self, last: LastOut, now: float) -> None:
        """Send REGISTER with the alarm over a connection that is open."""
        me = self._identity
        word, load = last.value, "Load"
        if me.lower_case_alarms:
            word, load = word.lower(), "ActiveLoad"
        alarm = f"{last.code} Name={me.device} {load}={me.load} Last={word}"
        self._become(RegistrationState.REGISTERING)
        self._ask(_Purpose.REGISTER, now, alarm)

    def stand_by(self, now: float) -> None:
        """Keep a connection to the standby server alive, without registering."""
        self._ask(_Purpose.STAND_BY, now)

    def ask_to_come_back(self, now: float) -> None:
        """Ask whether a better server is there again: as a standby server is asked."""
        self._ask(_Purpose.COME_BACK, now)

    def unregister(self) -> None:
        """Say goodbye."""
        if self.state is RegistrationState.REGISTERED:
            self._ask(_Purpose.FAREWELL, None)

    def tick(self, now: float) -> None:
        """Refresh the registration, say a request again, or give the server up."""
        if self.deadline is None or now < self.deadline:
            return
        if self._unanswered is None:
            self._ask(self._purpose, now)
        elif now >= self._give_up_at:
            silent = self.state is RegistrationState.REGISTERING
            last = LastOut.TCP_TIMEOUT if silent else LastOut.KEEPALIVE_FAILURE
            self.lose("the server did not answer REGISTER", last)
        else:
            self._send(self._unanswered)
            self._resend_s *= 2
            self.deadline = min(self._give_up_at, now + self._resend_s)

    def _ask(self, purpose: _Purpose, now: float | None, alarm: str = "") -> None:
        self._purpose, self._alarm = purpose, alarm
        self._answered_challenges = 0
        self._send_register(now)

    def _send_register(self, now: float | None) -> None:
        self._sequence += 1
        lasts = self._purpose is _Purpose.REGISTER
        request = self.form.build(
            self._sequence,
            expires_s=DEFAULT_EXPIRES_S if lasts else 0,
            branch=f"z9hG4bK{self._token()}",
            tag=self.tag,
            alarm=self._alarm,
            unix_s=self._identity.unix_s,
        )
        proof = self._proof.headers(request.method, request.uri)
        request = replace(request, headers=(*request.headers, *proof))
        self._unanswered = request.encode()
        self._send(self._unanswered)
        if now is None:  # no answer is awaited
            self.deadline = None
            return
        self._give_up_at = now + _ANSWER_TIMEOUT_S
        self._resend_s = _RESEND_S
        is_datagram = self._identity.transport == "udp"
        self.deadline = now + _RESEND_S if is_datagram else self._give_up_at

    def take_answer(self, response: SipResponse, now: float) -> None:
        """Go on with what the server answers."""
        is_last = response.get("cseq").split() == [str(self._sequence), "REGISTER"]
        if not is_last or response.status < _OK or self._unanswered is None:
            return
        self._unanswered = None
        if self._proof.may_answer(response, self._answered_challenges):
            self._answered_challenges += 1
            is_farewell = self._purpose is _Purpose.FAREWELL
            self._send_register(None if is_farewell else now)
            return
        if response.status >= _FIRST_FAILURE:
            why = f"{response.status} {response.reason}"
            if warning := _WARNING.search(response.get("warning")):
                why = warning[1]
            self._reject(why)
            return
        match self._purpose:
            case _Purpose.REGISTER:
                self._registered(response, now)
            case _Purpose.STAND_BY:
                self.deadline = now + _STANDBY_S
            case _Purpose.COME_BACK:
                self.deadline = None
                self._emit(MayComeBack())
            case _Purpose.FAREWELL:
                self._part()

    def _registered(self, response: SipResponse, now: float) -> None:
        said = response.get("expires")
        granted = int(said) if _SECONDS.match(said) else GRANTED_EXPIRES_S
        if not granted:  # what a standby node answers: nobody is registered there
            self._reject("200 OK for 0 seconds")
            return
        refresh_s = max(granted - _BEFORE_EXPIRY_S, granted / 2, 0.5)
        self.deadline = now + refresh_s
        if self.state is not RegistrationState.REGISTERED:
            self._become(RegistrationState.REGISTERED)

    def _reject(self, why: str) -> None:
        self.deadline = None
        self._become(RegistrationState.REJECTED, why, LastOut.REJECTED)

    def _token(self) -> str:
        return self._random(8).hex()


def _form_of(identity: SipIdentity, token: str, user: str) -> RegisterForm:
    return RegisterForm(
        server=identity.server,
        number=directory_number(identity.device),
        device=identity.device,
        model=identity.model,
        user_agent=identity.user_agent,
        call_id=f"{identity.device[-12:].lower()}-{token}@{identity.address}",
        contact=f"{identity.address}:{identity.port}",
        transport=identity.transport,
        user=user,
    )


def _uuid(data: bytes) -> str:
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
