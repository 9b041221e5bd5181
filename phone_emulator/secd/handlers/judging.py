"""Apply the verdict of `protocol.trust.anchors` to a file that has arrived."""

from typing import Final, assert_never

from tokenless.phone_emulator.secd import status_messages
from tokenless.phone_emulator.secd.events import OpenEncrypted
from tokenless.phone_emulator.secd.files import decode_configuration, decode_list
from tokenless.phone_emulator.secd.handlers import asking, fetching
from tokenless.phone_emulator.secd.handlers.context import BootMemory
from tokenless.phone_emulator.secd.log_events import LogEvent
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.phone_emulator.secd.states import Transition
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.encrypted_file import ENCRYPTED_SUFFIX, EncryptedFile
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import MAX_LOADED_LENGTH
from tokenless.protocol.phones.capf_decision import is_hash_of
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import Transport
from tokenless.protocol.trust.anchors import (
    Accept,
    AskTvs,
    FileKind,
    Refuse,
    Signed,
    VerifiedBy,
)
from tokenless.protocol.trust.reasons import Reason

_VERIFIED: Final = {
    VerifiedBy.FIRST_USE: LogEvent.LEAP_OF_FAITH,
    VerifiedBy.TVS: LogEvent.VERIFIED_BY_TVS,
}
_UNSIGNED_RULE = 11


def examine(boot: BootMemory, data: bytes, transport: Transport) -> Transition:
    """Take a downloaded file."""
    boot.transport = transport
    boot.servers.note_answer(boot.search.server)
    boot.note(LogEvent.FETCHED, name=boot.search.name, length=str(len(data)))
    if boot.kind is not FileKind.CONFIGURATION:
        # Sites without CUCM serve empty lists so that phones go on (observed).
        return _examine_list(boot, data) if data else fetching.not_found(boot)
    if fetching.wants_signed(boot) or boot.search.is_encrypted:
        return _examine_signed_configuration(boot, data)
    return _take_configuration(boot, data, _UNSIGNED_RULE)


def _examine_list(boot: BootMemory, data: bytes) -> Transition:
    if len(data) > MAX_LOADED_LENGTH:
        # About 39 certificates of 2048 bits: phones fail to load it (REFERENCE 1.10).
        too_large = f"the list has {len(data)} bytes: a phone loads no list over 64 KB"
        return _refuse(boot, Reason.TOO_LONG, too_large)
    try:
        file = decode_list(data)
    except DecodeError as error:
        return _refuse(boot, Reason.MALFORMED, f"malformed: {error}")
    _note_signer(boot, file)
    installs_again = boot.identity.habits.identical_file_is_an_update
    if data == boot.held[boot.kind] and not installs_again:
        boot.note(LogEvent.UNCHANGED, kind=boot.kind)
        return boot.settle(FileAction.UNCHANGED, rule=8)
    return _judge(boot, file)


def _examine_signed_configuration(boot: BootMemory, data: bytes) -> Transition:
    kind = EncryptedFile if boot.search.is_encrypted else SignedFile
    try:
        file: SignedFile = kind.decode(data)
    except DecodeError as error:
        return _refuse(boot, Reason.MALFORMED, f"not a signed file: {error}")
    _note_signer(boot, file)
    return _judge(boot, file)


def _note_signer(boot: BootMemory, file: Signed) -> None:
    boot.file_report.signer = printable(file.signer.subject)
    boot.file_report.signer_id = file.signer


def _refuse(boot: BootMemory, code: Reason, said: str) -> Transition:
    return boot.refuse(Refuse(code, said, boot.kind.refusal_rule))


def _judge(boot: BootMemory, file: Signed) -> Transition:
    verdict = boot.anchors.judge(boot.kind, file, at=boot.judging_date)
    if isinstance(verdict, AskTvs):
        boot.note(
            LogEvent.SIGNER_UNKNOWN,
            kind=boot.kind,
            subject=file.signer.subject,
            serial=file.signer.serial_hex,
        )
        return conclude(boot, file, asking.begin(boot, file))
    return conclude(boot, file, verdict)


def conclude(
    boot: BootMemory, file: Signed, result: Accept | Refuse | Transition
) -> Transition:
    """Carry out a final verdict; a step says that there is none yet."""
    match result:
        case Transition():
            return result
        case Refuse():
            return boot.refuse(result)
        case Accept():
            return _accept(boot, file, result)
        case _:
            assert_never(result)


def _accept(boot: BootMemory, file: Signed, verdict: Accept) -> Transition:
    report = boot.file_report
    report.verified_by, report.finding = verdict.verified_by, verdict.finding
    if isinstance(file, SignedFile):
        by = "TVS" if verdict.verified_by is VerifiedBy.TVS else verdict.verified_by
        boot.note(LogEvent.CONFIGURATION_VERIFIED, name=boot.search.name, by=by)
        if isinstance(file, EncryptedFile):
            boot.encrypted, boot.encrypted_rule = file.data, verdict.rule
            return Transition.OPEN
        return _take_configuration(boot, file.payload, verdict.rule)
    moment = _VERIFIED.get(verdict.verified_by, LogEvent.VERIFIED)
    boot.note(moment, kind=boot.kind, by=verdict.verified_by)
    # From here on the new list decides: the ITL is judged by the CTL of the same boot,
    # the configuration by both (REFERENCE 4.2).
    boot.anchors = boot.anchors.with_list(boot.kind, file)
    action = boot.replace(file.data)
    boot.note(LogEvent.UPDATED, kind=boot.kind)
    # The seed's lines: what TVS once said is forgotten with every new list.
    boot.cache.flush()
    boot.note(LogEvent.FLUSH)
    return boot.settle(action, rule=verdict.rule)


def _take_configuration(boot: BootMemory, payload: bytes, rule: int) -> Transition:
    try:
        configuration = decode_configuration(payload)
    except DecodeError as error:
        said = f"malformed configuration: {error}"
        return boot.refuse(Refuse(Reason.MALFORMED, said, rule))
    boot.report.configuration = configuration
    if configuration.encrypted and not configuration.full_config:
        return _fetch_encrypted(boot, configuration)
    has_ctl = boot.held[FileKind.CTL] is not None
    boot.report.needs_ctl = configuration.security_mode > 1 and not has_ctl
    boot.note(LogEvent.CONFIGURATION_ACCEPTED, name=boot.search.name)
    if boot.transport is Transport.HTTP:
        boot.say(status_messages.configuration_by_http(boot.search.name))
    # An identical file changes nothing (rule 8).
    if payload == boot.held[boot.kind]:
        return boot.settle(FileAction.UNCHANGED, rule=rule)
    return boot.settle(boot.replace(payload), rule=rule)


def _fetch_encrypted(boot: BootMemory, companion: PhoneConfig) -> Transition:
    """Go on with the encrypted configuration, if it is for the phone's certificate."""
    boot.note(
        LogEvent.ENCRYPTED_CONFIGURATION,
        name=boot.search.name,
        hash=companion.certificate_hash or "none",
    )
    if boot.search.is_encrypted:
        said = "an encrypted file that holds a small configuration"
        return boot.refuse(Refuse(Reason.MALFORMED, said, _UNSIGNED_RULE))
    if not is_hash_of(companion, boot.certificate_hash):
        return _needs_capf(boot, "certHash is not that of the phone's certificate")
    boot.search.turn_to(f"{boot.identity.device}.cnf.xml{ENCRYPTED_SUFFIX}")
    return Transition.ENCRYPTED


def open_encrypted(boot: BootMemory) -> None:
    """Have the phone's key open the verified file."""
    if boot.encrypted is None:
        raise RuntimeError("nothing is to be opened")
    boot.effects.append(OpenEncrypted(boot.encrypted))


def opened(boot: BootMemory, content: bytes) -> Transition:
    """Take the content of the encrypted configuration."""
    boot.report.opened = True
    boot.note(LogEvent.CONFIGURATION_DECRYPTED, name=boot.search.name)
    return _take_configuration(boot, content, boot.encrypted_rule)


def not_opened(boot: BootMemory) -> Transition:
    """Keep the installed file: the phone's key does not open the new one."""
    boot.report.decrypt_failed = True
    return _needs_capf(boot, "the phone's key does not decrypt it")


def _needs_capf(boot: BootMemory, said: str) -> Transition:
    boot.note(LogEvent.NOT_DECRYPTED, reason=said)
    boot.say(status_messages.configuration_refused(str(boot.file_report.requested)))
    return boot.fail(Reason.NOT_DECRYPTED, said)
