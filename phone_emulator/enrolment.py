"""A phone's connection to CAPF: servers, attempts, proof (REFERENCE-3 3.6).

A session that could not be held is tried three times, 30 seconds apart; what the server
decided is final. Between tries the caller's clock sleeps, so that rehearsals need not.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import trio

from tokenless.phone_emulator.capf_client import (
    CapfOutcome,
    CapfRequest,
    CapfResult,
    run_capf,
)
from tokenless.phone_emulator.own_certificates import OwnCertificates, make_key
from tokenless.phone_emulator.secd.events import (
    AskTvsServer,
    FlashContents,
    PhoneIdentity,
    Server,
)
from tokenless.phone_emulator.secd.log_events import LogEntry, LogEvent
from tokenless.phone_emulator.tvs_client import TlsRange, TvsUnreachableError, ask_tvs
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.proof import OwnCertificate, PhoneKey
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.capf_decision import CapfPlan
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.device_security import CapfAuthMode
from tokenless.protocol.tvs.messages import FIRST_SESSION_ID

TRIES: Final = 3
BETWEEN_S: Final = 30.0
_CAPF_VERSION: Final = 3
CHANGED: Final = frozenset({CapfResult.INSTALLED, CapfResult.DELETED})
"""Results after which a phone fetches everything again."""
Sleep = Callable[[float], Awaitable[object]]
MakeKeyNow = Callable[[KeyOrder], PhoneKey]
"""Makes a key; slow, so it runs in a thread."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The result of a connection to CAPF."""

    plan: CapfPlan
    result: CapfResult | None
    """None while the phone waits for a person to type the string."""
    reason: str = ""
    server: str = ""
    tries: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return `capf` of `phone boot --json`."""
        return {
            "cause": self.plan.cause.value,
            "mode": self.plan.mode.name.lower().replace("_", "-"),
            "result": "waits-for-string" if self.result is None else self.result.value,
            "reason": self.reason or None,
            "server": self.server or None,
            "tries": self.tries,
        }


def moments_of(ended: Enrolment, at: float) -> list[LogEntry]:
    """Return what the console log tells of it."""
    details = {
        "cause": ended.plan.cause.value,
        "server": ended.server,
        "reason": ended.reason,
    }
    if ended.result is None:
        return [LogEntry(LogEvent.CAPF_WAITS, at, details)]
    details["result"] = ended.result.value
    last = LogEvent.CAPF_END if ended.result.is_final else LogEvent.CAPF_FAILED
    return [LogEntry(LogEvent.CAPF_BEGIN, at, details), LogEntry(last, at, details)]


@dataclass(frozen=True, slots=True)
class EnrolmentSite:
    """The state of a phone that connects to CAPF."""

    identity: PhoneIdentity
    certificates: OwnCertificates
    contents: FlashContents
    config: PhoneConfig
    tls: TlsRange
    timeout_s: float
    sleep: Sleep = trio.sleep
    make: MakeKeyNow = make_key

    async def make_key(self, order: KeyOrder) -> PhoneKey:
        """Make the key that CAPF orders."""
        return await trio.to_thread.run_sync(self.make, order)

    def known(self) -> frozenset[bytes]:
        """Return the certificates that the installed lists have for CAPF (role 4).

        A CTL that names CAPF is the last word: in mixed mode sessions fail after a
        regeneration until the CTL is updated, whatever the ITL says (REFERENCE 7.6).
        """
        return self._of_ctl() or frozenset(
            self._records(Role.CAPF, self.contents.ctl, self.contents.itl)
        )

    def _of_ctl(self) -> frozenset[bytes]:
        return frozenset(self._records(Role.CAPF, self.contents.ctl))

    @property
    def untrusted(self) -> str:
        """Return why a server is not trusted, for the reason that is shown."""
        if self._of_ctl():
            return (
                "the CTL has another certificate for CAPF (role 4): update the CTL, or "
                "restart CAPF if it still shows the certificate of before a "
                "regeneration"
            )
        return "neither CTL nor ITL has its certificate for CAPF (role 4), nor TVS"

    def _records(self, role: Role, *lists: bytes | None) -> list[bytes]:
        matching = []
        for data in lists:
            try:
                records = () if data is None else TrustList.decode(data).records
            except DecodeError:
                continue
            matching += [
                record.certificate_der
                for record in records
                if record.role == role and record.certificate_der is not None
            ]
        return matching

    async def vouches(self, certificate: Certificate) -> bool:
        """Ask TVS whether a certificate is CAPF's, one member after the other."""
        if self._of_ctl():
            return False
        pinned = tuple(self._records(Role.TVS, self.contents.itl))
        asked = SignerId(
            certificate.subject_text,
            certificate.issuer_text,
            certificate.serial_number,
        )
        for member in self.config.tvs if pinned else ():
            question = AskTvsServer(
                Server(member.address, member.port),
                self.identity.tvs_name,
                FIRST_SESSION_ID,
                asked,
                pinned,
            )
            try:
                answer = await ask_tvs(question, self.tls, self.timeout_s)
            except TvsUnreachableError:
                continue
            is_same = answer.certificate == certificate.der
            return answer.is_trusted and is_same and Role.CAPF in answer.roles
        return False


async def enrol(
    site: EnrolmentSite, plan: CapfPlan, *, string: str | None = None
) -> Enrolment:
    """Go to CAPF, unless a person has to type the string first."""
    if plan.waits_for_string:
        return Enrolment(plan, None)
    identity = _identity(site, plan, string)
    ended = Enrolment(plan, CapfResult.CONNECT_FAILED)
    for number in range(1, TRIES + 1):
        for member in plan.servers:
            server = Server(member.address, member.port)
            outcome = await _session(site, server, identity)
            ended = Enrolment(plan, outcome.result, outcome.reason, str(server), number)
            if outcome.result.is_final:
                return ended
        if number < TRIES:
            await site.sleep(BETWEEN_S)
    return ended


async def believes_capf(site: EnrolmentSite, plan: CapfPlan) -> bool:
    """Tell whether a phone would speak with CAPF; nothing is said to it."""
    nobody = CapfIdentity(site.identity.device)
    for member in plan.servers:
        server = Server(member.address, member.port)
        outcome = await _session(site, server, nobody, only_looks=True)
        if outcome.result is CapfResult.NO_ACTION:
            return True
    return False


async def _session(
    site: EnrolmentSite,
    server: Server,
    identity: CapfIdentity,
    *,
    only_looks: bool = False,
) -> CapfOutcome:
    return await run_capf(
        CapfRequest(
            server,
            identity,
            site.known(),
            site.vouches,
            site.make_key,
            site.certificates,
            site.tls,
            site.timeout_s,
            site.untrusted,
            only_looks,
        )
    )


def _identity(site: EnrolmentSite, plan: CapfPlan, string: str | None) -> CapfIdentity:
    lsc = site.certificates.lsc
    identity = CapfIdentity(
        site.identity.device,
        _CAPF_VERSION,
        lsc=None if lsc is None else lsc.certificate,
    )
    match plan.mode:
        case CapfAuthMode.STRING:
            return replace(identity, password=string)
        case CapfAuthMode.NULL_STRING:
            return identity
        case CapfAuthMode.EXISTING_LSC:
            return replace(identity, own=lsc or site.certificates.mic)
        case CapfAuthMode.EXISTING_MIC:
            return replace(identity, own=_mic_first(site.certificates))


def _mic_first(certificates: OwnCertificates) -> OwnCertificate | None:
    return certificates.mic or certificates.lsc
