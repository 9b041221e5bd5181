"""`utils fips …`: FIPS mode of this node (REFERENCE-2 8.1, observed).

That of `disable` and of `status` are inferred from it.
"""

from collections.abc import Sequence
from typing import Final

from tokenless.services.admin.command import TREE, Question, Yes
from tokenless.services.admin.commands.service import is_activated
from tokenless.services.admin.session import Session
from tokenless.services.changes import fips
from tokenless.services.node.control.client import NodeDownError
from tokenless.services.node.control.requests import RestartService, Status

_REGENERATES: Final = """
Security Warning: The operation will regenerate certificates for

1)CallManager
2)Tomcat
3)IPsec
4)TVS
5)CAPF
6)SSH
7)ITLRecovery
Any third party CA signed certificates that have been uploaded for the above
components will need to be re-uploaded. If the system is operating in mixed
mode, then the CTL client needs to be run again to update the CTL file.
If there are other servers in the cluster, please wait and do not change
the FIPS Settings on any other node until the FIPS operation on this node
is complete and the system is back up and running.
"""
_DIGEST: Final = """
If the enterprise parameter 'TFTP File Signature Algorithm' is configured
with the value 'SHA-1' which is not FIPS compliant in the current version of the
Unified Communications Manager, though the signing operation
will continue to succeed, it is recommended the parameter value be changed to
SHA-512 in order to be fully FIPS. Configuring SHA-512 as the signing algorithm
may reqiure all the phones that are provisioned in the cluster to be capable of
verifying SHA-512 signed configuration file, otherwise the phone registration
may fail. Please refer to the Cisco Unified Communications Manager Security Guide
for more details.
"""
_BAR: Final = "*" * 78
_LAST: Final = """
WARNING: Once you continue do not press Ctrl+C. Canceling this operation after it
starts will leave the system in an inconsistent state; rebooting the system and
running "utils fips status" will be required to recover.
"""
_BACKUP_BAR: Final = "*" * 56


def _question(*, enabled: bool) -> Question:
    mode = "FIPS" if enabled else "NON-FIPS"

    def text(session: Session, _arguments: Sequence[str]) -> str:
        node = session.cluster.node(session.node.name)
        fips.check_mode(node, enabled=enabled)
        # Of releases before 12.0, which sign with SHA-1 only, it is inferred.
        has_digest = enabled and session.cluster.release.chooses_digest
        return (
            f"{_REGENERATES}{_DIGEST if has_digest else ''}{_BAR}\n"
            f"This will change the system to {mode} mode and will reboot.\n"
            f"{_BAR}{_LAST}{_BAR}\nDo you want to continue (yes/no)? "
        ).lstrip("\n")

    return Question(text, Yes.WORD)


@TREE.command("utils fips enable", ask=_question(enabled=True))
def enable(session: Session) -> None:
    """Take this node into FIPS mode; its certificates are regenerated."""
    _set(session, enabled=True)


@TREE.command("utils fips disable", ask=_question(enabled=False))
def disable(session: Session) -> None:
    """Take this node out of FIPS mode; its certificates are regenerated."""
    _set(session, enabled=False)


@TREE.command("utils fips status")
def show_status(session: Session) -> None:
    """Show whether this node is in FIPS mode."""
    mode = "FIPS" if session.cluster.node(session.node.name).is_fips else "NON-FIPS"
    session.say(f"The system is operating in {mode} mode.")


def _set(session: Session, *, enabled: bool) -> None:
    node = session.cluster.node(session.node.name)
    fips.set_fips(session.cluster, node, enabled=enabled, by=session.by)
    session.refresh()
    done = "enabled" if enabled else "disabled"
    session.say("Generating certificates...Setting FIPS mode in operating system.")
    session.say(f"FIPS mode {done} successfully.")
    session.say(_BACKUP_BAR)
    session.say("It is highly recommended that after your system restarts")
    session.say("that a system backup is performed.")
    session.say(_BACKUP_BAR)
    session.say("The system will reboot in a few minutes.")
    session.announce()
    _reboot(session)


def _reboot(session: Session) -> None:
    """Restart the activated services of this node, those too that were stopped."""
    try:
        services = session.ask_node(Status())["services"]
    except NodeDownError:
        return  # it has what is new when it starts
    for each in services:
        if is_activated(session, each["name"]):
            session.ask_node(RestartService(service=each["name"]))
