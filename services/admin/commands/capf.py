"""`utils capf …`: LSCs of the cluster's phones (REFERENCE-3 3.6)."""

from datetime import UTC

from tokenless.services.admin.command import TREE, Question, Yes, columns
from tokenless.services.admin.session import Session
from tokenless.services.changes.capf import delete_stale_lscs, stale_lscs


@TREE.command("utils capf stale-lsc list")
def list_stale(session: Session) -> None:
    """List phones whose LSC has ended, or whose issuer is not trusted any more."""
    stale = stale_lscs(session.cluster)
    session.say(f"Number of stale LSCs: {len(stale)}")
    if stale:
        rows = [
            (each.device.name, each.certificate.issuer_text, each.why.value)
            for each in stale
        ]
        session.say(columns(("Device", "Issuer", "Reason"), rows))


@TREE.command(
    "utils capf stale-lsc delete all",
    publisher_only=True,
    ask=Question(
        "This deletes all stale LSCs from the database. Do you want to continue "
        "(yes|no)? ",
        yes=Yes.WORD,
    ),
)
def delete_stale(session: Session) -> None:
    """Forget all stale LSCs; their phones keep them until CAPF gives them others."""
    deleted = delete_stale_lscs(session.cluster, by=session.by)
    session.announce()
    session.say(f"Number of stale LSCs deleted: {len(deleted)}")


@TREE.command("utils capf lsc list")
def list_lscs(session: Session) -> None:
    """List the certificates of phones that CAPF knows."""
    rows = [
        (
            device.name,
            device.capf.status_words,
            ""
            if device.certificate is None
            else f"{device.certificate.not_after.astimezone(UTC):%Y-%m-%d}",
            "" if device.certificate is None else device.certificate.issuer_text,
        )
        for device in session.cluster.devices()
    ]
    if not rows:
        session.say("No devices are configured.")
        return
    session.say(columns(("Device", "CAPF status", "LSC ends", "Issuer"), rows))
