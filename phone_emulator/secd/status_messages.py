"""The status messages of a phone (REFERENCE 4.4; texts of the administration guide).

`CTL Installed` says that there was none before, `Trust List updated` that one changed.
"""

from typing import Final

from phone_emulator.secd.report import Action, BootReport
from protocol.trust_anchors import FileKind

TFTP_TIMEOUT: Final = "TFTP timeout"
TFTP_ACCESS_ERROR: Final = "TFTP access error"
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
    installed = tuple(action is Action.INSTALLED for action in actions.values())
    if any(installed):
        messages.append(_INSTALLED[installed[0], installed[1]])
    if Action.UPDATED in actions.values():
        messages.append("Trust List updated")
    if Action.REJECTED in actions.values():
        messages.append("Trust List update failed" if asks_tvs else "CTL update failed")
    if not holds_a_list:
        messages.append("No Trust List installed")
    return messages
