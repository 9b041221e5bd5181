"""`utils itl …`: the ITL signed with another key (REFERENCE 6.2)."""

from typing import Final

from tokenless.services.admin.command import TREE, Question
from tokenless.services.admin.session import Session
from tokenless.services.changes import security
from tokenless.services.pki.uploads import load_upload

_BAR: Final = "===="
"""Before and after the hosts (REFERENCE-2 3.5); its length is inferred."""


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
