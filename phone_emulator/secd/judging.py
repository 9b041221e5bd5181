"""What becomes of a file that has arrived: verdicts are `protocol.trust_anchors`'."""

from typing import Final, assert_never

from tokenless.phone_emulator.secd import asking, fetching, status_messages
from tokenless.phone_emulator.secd.context import Boot
from tokenless.phone_emulator.secd.decoding import decode_configuration, decode_list
from tokenless.phone_emulator.secd.moments import Moment
from tokenless.phone_emulator.secd.report import Action
from tokenless.phone_emulator.secd.states import Step
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.name_text import printable
from tokenless.protocol.phone_models import Transport
from tokenless.protocol.reasons import Reason
from tokenless.protocol.signed_file import SignedFile
from tokenless.protocol.trust_anchors import (
    Accept,
    AskTvs,
    FileKind,
    Refuse,
    Signed,
    VerifiedBy,
)
from tokenless.protocol.trust_list import MAX_LOADED_LENGTH

_VERIFIED: Final = {
    VerifiedBy.FIRST_USE: Moment.LEAP_OF_FAITH,
    VerifiedBy.TVS: Moment.VERIFIED_BY_TVS,
}
_UNSIGNED_RULE = 11


def examine(boot: Boot, data: bytes, transport: Transport) -> Step:
    """Take a downloaded file."""
    boot.transport = transport
    boot.servers.note_answer(boot.search.server)
    boot.note(Moment.FETCHED, name=boot.search.name, length=str(len(data)))
    if boot.kind is not FileKind.CONFIGURATION:
        # Sites without CUCM serve empty lists so that phones go on (observed).
        return _examine_list(boot, data) if data else fetching.not_found(boot)
    if fetching.wants_signed(boot):
        return _examine_signed_configuration(boot, data)
    return _take_configuration(boot, data, _UNSIGNED_RULE)


def _examine_list(boot: Boot, data: bytes) -> Step:
    if len(data) > MAX_LOADED_LENGTH:
        # About 39 certificates of 2048 bits: phones fail to load it (REFERENCE 1.10).
        too_large = f"{len(data)} bytes: a phone loads no list over 64 KB"
        return _refuse(boot, Reason.TOO_LONG, too_large)
    try:
        file = decode_list(data)
    except DecodeError as error:
        return _refuse(boot, Reason.MALFORMED, f"malformed: {error}")
    boot.file_report.signer = printable(file.signer.subject)
    installs_again = boot.identity.habits.identical_file_is_an_update
    if data == boot.held[boot.kind] and not installs_again:
        boot.note(Moment.UNCHANGED, kind=boot.kind)
        return boot.settle(Action.UNCHANGED, rule=8)
    return _judge(boot, file)


def _examine_signed_configuration(boot: Boot, data: bytes) -> Step:
    try:
        file = SignedFile.decode(data)
    except DecodeError as error:
        return _refuse(boot, Reason.MALFORMED, f"not a signed file: {error}")
    boot.file_report.signer = printable(file.signer.subject)
    return _judge(boot, file)


def _refuse(boot: Boot, code: Reason, said: str) -> Step:
    return boot.refuse(Refuse(code, said, boot.kind.refusal_rule))


def _judge(boot: Boot, file: Signed) -> Step:
    verdict = boot.anchors.judge(boot.kind, file, at=boot.judging_date)
    if isinstance(verdict, AskTvs):
        boot.note(
            Moment.SIGNER_UNKNOWN,
            kind=boot.kind,
            subject=file.signer.subject,
            serial=file.signer.serial_hex,
        )
        return conclude(boot, file, asking.begin(boot, file))
    return conclude(boot, file, verdict)


def conclude(boot: Boot, file: Signed, result: Accept | Refuse | Step) -> Step:
    """Carry out a final verdict; a step says that there is none yet."""
    match result:
        case Step():
            return result
        case Refuse():
            return boot.refuse(result)
        case Accept():
            return _accept(boot, file, result)
        case _:
            assert_never(result)


def _accept(boot: Boot, file: Signed, verdict: Accept) -> Step:
    report = boot.file_report
    report.verified_by, report.finding = verdict.verified_by, verdict.finding
    if isinstance(file, SignedFile):
        by = "TVS" if verdict.verified_by is VerifiedBy.TVS else verdict.verified_by
        boot.note(Moment.CONFIGURATION_VERIFIED, name=boot.search.name, by=by)
        return _take_configuration(boot, file.payload, verdict.rule)
    moment = _VERIFIED.get(verdict.verified_by, Moment.VERIFIED)
    boot.note(moment, kind=boot.kind, by=verdict.verified_by)
    boot.anchors = boot.anchors.with_list(boot.kind, file)
    action = boot.replace(file.data)
    boot.note(Moment.UPDATED, kind=boot.kind)
    # The seed's lines: what TVS once said is forgotten with every new list.
    boot.cache.flush()
    boot.note(Moment.FLUSH)
    return boot.settle(action, rule=verdict.rule)


def _take_configuration(boot: Boot, payload: bytes, rule: int) -> Step:
    try:
        configuration = decode_configuration(payload)
    except DecodeError as error:
        said = f"malformed configuration: {error}"
        return boot.refuse(Refuse(Reason.MALFORMED, said, rule))
    has_ctl = boot.held[FileKind.CTL] is not None
    boot.report.needs_ctl = configuration.security_mode > 1 and not has_ctl
    boot.note(Moment.CONFIGURATION_ACCEPTED, name=boot.search.name)
    if boot.transport is Transport.HTTP:
        boot.say(status_messages.configuration_by_http(boot.search.name))
    if payload == boot.held[boot.kind]:
        return boot.settle(Action.UNCHANGED, rule=rule)
    return boot.settle(boot.replace(payload), rule=rule)
