"""`utils ctl …`, `utils itl …`: the cluster's trust lists (REFERENCE 6.1, 6.2)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from tokenless.services.admin.command import TREE, Question
from tokenless.services.admin.session import Session
from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.pki.uploads import load_upload
from tokenless.services.store.parameters import TRUE, Parameter

_RESTART_SERVICES: Final = (
    "Please Restart the TFTP and Cisco CallManager services on all nodes in the "
    "cluster that run these services"
)
_RESET_PHONES: Final = (
    "You must reset all phones to ensure they received the updated CTL file.\n"
    "You must restart Cisco CTIManager services on all the nodes in the cluster that "
    "have the service activated."
)
# 11.6 and later no longer switch auto-registration off, they warn of it (observed).
_WARNS_OF_AUTO_REGISTRATION: Final = (11, 6)
_BAR: Final = "===="
"""Before and after the hosts (REFERENCE-2 3.5); its length is inferred."""


def _mixed_mode_question(session: Session, _arguments: Sequence[str]) -> str:
    if session.cluster.release < _WARNS_OF_AUTO_REGISTRATION:
        return (
            "This operation sets the cluster to Mixed mode. "
            "Do you want to continue? (y/n):"
        )
    # Seen with auto-registration on; what remains without it is inferred.
    has_auto = session.cluster.parameters()[Parameter.AUTO_REGISTRATION] == TRUE
    warning = "  Auto-registration is enabled on at least one CM node." * has_auto
    return (
        f"This operation will set the cluster to Mixed mode.{warning} "
        "Do you want to continue? (y/n): "
    )


@TREE.command(
    "utils ctl set-cluster mixed-mode",
    publisher_only=True,
    ask=Question(_mixed_mode_question),
)
def set_mixed_mode(session: Session) -> None:
    """Move the cluster to mixed mode and make a CTL without tokens."""
    operation = partial(security.set_cluster_mode, mode=SecurityMode.MIXED)
    doing, done = "Moving Cluster to Mixed Mode", "Cluster set to Mixed Mode"
    _change(session, doing, operation, done)


@TREE.command(
    "utils ctl set-cluster non-secure-mode",
    publisher_only=True,
    ask=Question(
        "This operation will set the cluster to non secure mode. "
        "Do you want to continue? (y/n):"
    ),
)
def set_non_secure_mode(session: Session) -> None:
    """Move the cluster to non-secure mode; the CTL stays, its servers emptied."""
    operation = partial(security.set_cluster_mode, mode=SecurityMode.NON_SECURE)
    doing, done = "Moving Cluster to Non Secure Mode", "Cluster set to Non Secure Mode"
    _change(session, doing, operation, done)


@TREE.command(
    "utils ctl update CTLFile",
    publisher_only=True,
    ask=Question("This operation updates the CTLFile. Do you want to continue? (y/n):"),
)
def update_ctl(session: Session) -> None:
    """Make a new CTL from the cluster's certificates, without tokens."""
    _change(session, "Updating CTL file", security.update_ctl, "CTL file Updated")


@TREE.command(
    "utils ctl reset localkey",
    publisher_only=True,
    ask=Question("This operation resets the CTLFile. Do you want to continue? (y/n):"),
)
def reset_ctl(session: Session) -> None:
    """Sign the CTL with the other SAST key, for phones that lost the first."""
    operation = security.reset_ctl_localkey
    _change(session, "Resetting CTL file", operation, "CTL file reset")


def _change(
    session: Session, doing: str, operation: Callable[..., None], done: str
) -> None:
    """Make a change, wait until every running node has its CTL, print the next step."""
    session.say(doing)
    operation(session.cluster, by=session.by)
    session.announce()
    session.say(done)
    if session.cluster.release < _WARNS_OF_AUTO_REGISTRATION:
        session.say(_RESTART_SERVICES)
    else:
        session.say(_RESET_PHONES)


@TREE.command(
    "utils itl reset localkey",
    publisher_only=True,
    ask=Question("This operation resets the ITLFile. Do you want to continue? (y/n):"),
)
def reset_localkey(session: Session) -> None:
    """Give every TFTP node an ITL signed by the other SAST."""
    _say_generated(session)
    security.reset_itl_localkey(session.cluster, by=session.by)
    session.announce()
    _say_transferred(session)


@TREE.command("utils itl reset remotekey FILE", publisher_only=True)
def reset_remotekey(session: Session, file: str) -> None:
    """Give every TFTP node an ITL signed by another cluster's ITLRecovery key."""
    password = session.ask_secret("Enter the password of the key file: ")
    _say_generated(session)
    key_file = load_upload(session.file(file))
    security.reset_itl_remotekey(session.cluster, key_file, password, by=session.by)
    session.announce()
    _say_transferred(session)


def _say_generated(session: Session) -> None:
    session.say("Name is None")
    session.say("Generating the reset ITL file.....")


def _say_transferred(session: Session) -> None:
    names = [node.name for node in session.cluster.nodes if node.serves_tftp]
    session.say("The reset ITL file was generated successfully")
    session.say("Locating active Tftp servers in the cluster.....")
    session.say("Following is the list of Active tftp servers in the cluster")
    session.say(_BAR)
    session.say("\n".join(names))
    session.say(_BAR)
    session.say(f"Number of Active TFTP servers in the cluster : {len(names)}")
    session.say(
        "Transferring new reset ITL file to the TFTP server nodes in the cluster"
        "........."
    )
    for name in names:
        session.say(f"Successfully transferred reset ITL to node {name}")
