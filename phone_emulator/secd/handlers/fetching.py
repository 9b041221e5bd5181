"""States that fetch a file: which name, from which server, and what if not."""

from tokenless.phone_emulator.secd import status_messages
from tokenless.phone_emulator.secd.events import Fetch, Server
from tokenless.phone_emulator.secd.files import names_of
from tokenless.phone_emulator.secd.handlers.context import BootMemory
from tokenless.phone_emulator.secd.handlers.search import FileSearch
from tokenless.phone_emulator.secd.log_events import LogEvent
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.phone_emulator.secd.states import Transition
from tokenless.protocol.trust.anchors import FileKind, Refuse
from tokenless.protocol.trust.reasons import Reason


def begin(boot: BootMemory) -> Transition | None:
    """Enter a state that fetches a new file."""
    if boot.kind is FileKind.ITL and not boot.model.security_by_default:
        return Transition.SKIPPED
    if boot.kind is FileKind.CONFIGURATION:
        _say_what_came_of_the_lists(boot)
    servers = boot.servers.usable()
    if not servers:
        return boot.fail(Reason.NO_SERVER, "no TFTP server answers")
    if boot.kind is FileKind.CONFIGURATION:
        servers = tuple(server for server in servers if _is_authorised(boot, server))
        if not servers:
            said = "the CTL does not name this TFTP server"
            return boot.refuse(
                Refuse(Reason.NOT_AUTHORISED, said, 10),
                status_messages.TFTP_NOT_AUTHORISED,
            )
    names = names_of(boot.kind, boot.identity.device, signed=wants_signed(boot))
    boot.search = FileSearch(names, servers)
    request(boot)
    return None


def request(boot: BootMemory) -> None:
    """Ask for the present name on the present server."""
    name, server = boot.search.name, boot.search.server
    boot.file_report.requested = name
    boot.note(LogEvent.FETCH, name=name, server=server.address)
    boot.effects.append(Fetch(server, name))


def wants_signed(boot: BootMemory) -> bool:
    """Return whether the phone asks for a signed configuration (rules 9 and 11)."""
    return boot.model.signed_files and boot.anchors.wants_signed_files


def not_found(boot: BootMemory) -> Transition:
    """Try the next name; a missing file is not an error (rule 1)."""
    boot.servers.note_answer(boot.search.server)
    boot.note(LogEvent.NOT_FOUND, name=boot.search.name)
    wanted, was_encrypted = boot.search.names[0], boot.search.is_encrypted
    if boot.search.try_next_name():
        return Transition.NEXT_NAME
    if boot.kind is FileKind.CONFIGURATION:
        # What the small file promises cannot be had: CAPF is asked, as after a file
        # that does not open (REFERENCE-3 2.5).
        boot.report.decrypt_failed = was_encrypted
        boot.say(status_messages.configuration_not_found(wanted))
    else:
        boot.say(status_messages.list_not_found(boot.kind))
    return boot.settle(FileAction.ABSENT, rule=1)


def refused(boot: BootMemory, reason: str) -> Transition:
    """Give the file up: the server answered, another one will not do better."""
    boot.servers.note_answer(boot.search.server)
    boot.say(status_messages.TFTP_ACCESS_ERROR)
    return _failed(boot, Reason.NOT_DOWNLOADED, reason)


def silent(boot: BootMemory, reason: str) -> Transition:
    """Try the next server."""
    boot.servers.note_silence(boot.search.server)
    if boot.search.try_next_server():
        return Transition.NEXT_SERVER
    boot.say(status_messages.TFTP_TIMEOUT)
    return _failed(boot, Reason.NO_SERVER, reason)


def _failed(boot: BootMemory, code: Reason, reason: str) -> Transition:
    requested = str(boot.file_report.requested)
    boot.note(LogEvent.DOWNLOAD_FAILED, name=requested, reason=reason)
    return boot.fail(code, reason)


def _is_authorised(boot: BootMemory, server: Server) -> bool:
    if not boot.identity.habits.authorises_tftp:
        return True
    if boot.anchors.authorises_tftp(server.address):
        return True
    boot.note(LogEvent.TFTP_NOT_AUTHORISED, server=server.address)
    return False


def _say_what_came_of_the_lists(boot: BootMemory) -> None:
    holds_a_list = any(boot.held[kind] for kind in (FileKind.CTL, FileKind.ITL))
    for message in status_messages.after_lists(
        boot.report,
        asks_tvs=boot.model.security_by_default,
        holds_a_list=holds_a_list,
    ):
        boot.say(message)
