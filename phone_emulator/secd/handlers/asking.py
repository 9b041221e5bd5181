"""States that ask TVS about a signer (REFERENCE 4.2, TVS use)."""

from typing import Final

from tokenless.phone_emulator.secd.events import (
    AskTvsServer,
    Server,
    TvsAnswered,
    TvsFailed,
    TvsStage,
)
from tokenless.phone_emulator.secd.handlers.context import BootMemory
from tokenless.phone_emulator.secd.handlers.search import Inquiry
from tokenless.phone_emulator.secd.log_events import LogEvent
from tokenless.phone_emulator.secd.report import TvsReport
from tokenless.phone_emulator.secd.states import Transition
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.trust.anchors import Accept, Refuse, Signed, answers_query
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType

_FAILURES: Final = {
    TvsStage.CONNECT: LogEvent.TVS_NOT_CONNECTED,
    TvsStage.HANDSHAKE: LogEvent.TVS_HANDSHAKE_FAILED,
    TvsStage.ANSWER: LogEvent.TVS_NO_ANSWER,
}


def begin(boot: BootMemory, file: Signed) -> Accept | Refuse | Transition:
    """Look for an answer: first in the cache, then with the servers."""
    cached = boot.cache.find(file.signer, boot.now)
    if cached is not None:
        boot.note(LogEvent.TVS_CACHE_HIT, serial=file.signer.serial_hex)
        return boot.anchors.judge_answer(boot.kind, file, cached, at=boot.judging_date)
    boot.note(LogEvent.TVS_CACHE_MISS, serial=file.signer.serial_hex)
    members = boot.configuration.tvs if boot.configuration else ()
    if not members:
        boot.note(LogEvent.TVS_UNAVAILABLE)
        why = "no accepted configuration names a TVS server"
        return _refusal(boot, file, Reason.NO_TVS_CONFIGURED, why)
    servers = tuple(Server(member.address, member.port) for member in members)
    boot.inquiry = Inquiry(file, servers)
    return Transition.ASK_TVS


def ask(boot: BootMemory) -> None:
    """Send the question to the present server."""
    inquiry = current(boot)
    # A new number for each question: an answer to an earlier one is noticed.
    inquiry.session_id = boot.session_id
    boot.session_id += 1
    _note_of_server(boot, LogEvent.TVS_CONNECT)
    boot.effects.append(_question(boot))


def answered(boot: BootMemory, event: TvsAnswered) -> Accept | Refuse | Transition:
    """Take a message that a server sent."""
    inquiry, answer = current(boot), event.answer
    # A wrong answer is treated as no answer: a faulty or hostile server must not be
    # able to decide in place of the next one.
    fault = _why_not_an_answer(inquiry, answer)
    if fault is not None:
        return failed(boot, TvsFailed(fault, event.milliseconds, TvsStage.ANSWER))
    _report(boot, answer, event.milliseconds)
    roles = ",".join(map(str, answer.roles))
    boot.note(
        LogEvent.TVS_ANSWERED,
        status=str(answer.status),
        roles=roles,
        sent=str(len(_question(boot).query.encode())),
        received=str(len(answer.encode())),
    )
    # Only positive answers are kept, as phones do: a signer that TVS learns of later is
    # then accepted at the next boot.
    if answer.is_trusted:
        seconds = boot.cache.add(inquiry.file.signer, answer, boot.now)
        boot.note(LogEvent.TVS_CACHED, hours=f"{seconds / 3600:g}")
    elif (
        not boot.identity.habits.negative_answer_is_final and inquiry.try_next_member()
    ):
        return Transition.NEXT_TVS
    return boot.anchors.judge_answer(
        boot.kind, inquiry.file, answer, at=boot.judging_date
    )


def failed(boot: BootMemory, event: TvsFailed) -> Refuse | Transition:
    """Ask the next server: this one could not be used."""
    inquiry = current(boot)
    _report(boot, None, event.milliseconds, event)
    _note_of_server(boot, _FAILURES[event.stage], reason=event.reason)
    if inquiry.try_next_member():
        return Transition.NEXT_TVS
    why = f"no TVS server can be used: {event.reason}"
    return _refusal(boot, inquiry.file, event.code, why)


def current(boot: BootMemory) -> Inquiry:
    """Return the present question. Raises RuntimeError when there is none."""
    if boot.inquiry is None:
        raise RuntimeError("no question was asked")
    return boot.inquiry


def _question(boot: BootMemory) -> AskTvsServer:
    inquiry = current(boot)
    # The certificates of the installed ITL, not those of a list that is being judged: a
    # new list must not name the server that vouches for it.
    pinned = boot.anchors.tvs_certificates
    return AskTvsServer(
        inquiry.server,
        boot.identity.tvs_name,
        inquiry.session_id,
        inquiry.file.signer,
        pinned,
    )


def _why_not_an_answer(inquiry: Inquiry, answer: Answer) -> str | None:
    """Return why a message is no answer to the question, None when it is one."""
    if answer.type is not MessageType.QUERY_ANSWER:
        return f"the server answered with {answer.type.name}"
    if answer.session_id != inquiry.session_id:
        return f"the server answered for session {answer.session_id}"
    if answer.is_trusted and not answers_query(inquiry.file.signer, answer):
        return "the server answered about another certificate"
    return None


def _report(
    boot: BootMemory,
    answer: Answer | None,
    milliseconds: float,
    failure: TvsFailed | None = None,
) -> None:
    inquiry = current(boot)
    status = "unreachable"
    if answer is not None:
        status = "trusted" if answer.is_trusted else "untrusted"
    boot.report.tvs.append(
        TvsReport(
            server=str(inquiry.server),
            serial=inquiry.file.signer.serial_hex,
            issuer=printable(inquiry.file.signer.issuer),
            status=status,
            roles=answer.roles if answer else (),
            ttl=answer.ttl if answer else None,
            milliseconds=milliseconds,
            reason=None if failure is None else failure.reason,
            code=None if failure is None else failure.code,
        )
    )


def _note_of_server(boot: BootMemory, moment: LogEvent, **details: str) -> None:
    server = current(boot).server
    boot.note(moment, address=server.address, port=str(server.port), **details)


def _refusal(boot: BootMemory, file: Signed, code: Reason, why: str) -> Refuse:
    reason = f"signer {printable(file.signer.subject)} is unknown; {why}"
    return Refuse(code, reason, boot.kind.refusal_rule)
