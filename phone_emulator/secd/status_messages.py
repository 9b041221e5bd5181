"""The status messages of a phone (REFERENCE 4.4; texts of the administration guide).

`CTL Installed` says that there was none before, `Trust List updated` that one changed.
"""

from datetime import UTC, datetime
from typing import Final

from tokenless.phone_emulator.secd.report import BootReport, FileAction
from tokenless.protocol.phones.models import LogForm
from tokenless.protocol.trust.anchors import FileKind

TFTP_TIMEOUT: Final = "TFTP timeout"
TFTP_ACCESS_ERROR: Final = "TFTP access error"
_NOON: Final = 12
TFTP_NOT_AUTHORISED: Final = "TFTP server not authorized"
"""A server that the CTL does not name (the vendor's sentence, phone guides)."""
ERASING_LISTS: Final = "Erasing CTL and ITL files"
_INSTALLED: Final = {
    (True, True): "CTL and ITL installed",
    (True, False): "CTL Installed",
    (False, True): "ITL installed",
}


def list_not_found(kind: FileKind) -> str:
    """Return the message about a list that no server has; it is not an error."""
    return f"File Not Found <{kind}>"


def configuration_not_found(name: str) -> str:
    """Return the message about a missing configuration."""
    return f"File not found <{name}>"


def configuration_by_http(name: str) -> str:
    """Return the message about a configuration that was taken over HTTP (observed)."""
    return f"{name}(HTTP)"


def configuration_refused(name: str) -> str:
    """Return the message about a configuration that did not pass."""
    return f"TFTP Error : {name}"


def after_lists(report: BootReport, *, asks_tvs: bool, holds_a_list: bool) -> list[str]:
    """Return what a phone says once both lists are dealt with."""
    actions = {
        kind: report.files[kind].action if kind in report.files else None
        for kind in (FileKind.CTL, FileKind.ITL)
    }
    messages = []
    installed = tuple(action is FileAction.INSTALLED for action in actions.values())
    if any(installed):
        messages.append(_INSTALLED[installed[0], installed[1]])
    if FileAction.UPDATED in actions.values():
        messages.append("Trust List updated")
    if FileAction.REJECTED in actions.values():
        messages.append("Trust List update failed" if asks_tvs else "CTL update failed")
    if not holds_a_list:
        messages.append("No Trust List installed")
    return messages


def line_of(at: float, text: str, form: LogForm) -> str:
    """Write a message with its time, as the model's screen and web page show it.

    1:33:26a TFTP Error : SEP….cnf.xml.sgn        79xx
    [8:52:30am 10/01/19] ITL installed            78xx, 88xx
    """
    moment = datetime.fromtimestamp(at, UTC)
    clock = f"{moment:%I:%M:%S}".removeprefix("0")
    half = "a" if moment.hour < _NOON else "p"
    if form is LogForm.SECD:
        return f"{clock}{half} {text}"
    return f"[{clock}{half}m {moment:%m/%d/%y}] {text}"
