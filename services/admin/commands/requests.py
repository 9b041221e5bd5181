"""`set csr gen`, `show csr`, `set cert import own` (REFERENCE 6.4, REFERENCE-2 3.5)."""

from tokenless.protocol.codes import TrustStore
from tokenless.services.admin.command import TREE
from tokenless.services.admin.commands.certificates import own_unit, pasted
from tokenless.services.admin.session import Session
from tokenless.services.changes import identities
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import load_upload


@TREE.command("set csr gen NAME", values=own_unit)
def generate_request(session: Session, name: str) -> None:
    """Make a signing request for one of this node's own certificates."""
    unit = own_unit(name)
    identities.check_can_request(session.cluster, session.node, unit)
    includes_ou = None
    if session.cluster.release.asks_for_ou:
        answer = session.ask("Include OU in CSR (yes|no)? ").strip().lower()
        includes_ou = answer in {"y", "yes"}
    wanted = identities.RequestOrder(includes_ou=includes_ou)
    identities.request(session.cluster, session.node, unit, wanted, by=session.by)
    # The newer of the two published outputs has two blanks (observed).
    blanks = "  " if session.cluster.release.asks_for_ou else " "
    session.say(f"Successfully Generated CSR{blanks}for {unit}")


@TREE.command("show csr list own")
def list_requests(session: Session) -> None:
    """List this node's signing requests that wait for their answers."""
    for unit in TrustStore:
        if not unit.is_trust_store and identities.has_pending(session.node, unit):
            session.say(f"{unit}/{unit}.csr")


@TREE.command("show csr own NAME", values=own_unit)
def show_request(session: Session, name: str) -> None:
    """Show the signing request of a unit, to be given to a CA."""
    unit = own_unit(name.partition("/")[0])
    session.say(identities.pending(session.node, unit).pem.decode().strip())


@TREE.command("set cert import own NAME [FILE]", values=own_unit)
def import_own(session: Session, name: str, file: str | None = None) -> None:
    """Take a CA's answer, pasted or from a file, as this node's own certificate."""
    unit = own_unit(name)
    waiting = identities.pending(session.node, unit)
    is_shared = any(
        node.name != session.node.name
        and identities.has_pending(node, unit)
        and identities.pending(node, unit).der == waiting.der
        for node in session.cluster.nodes
    )
    if is_shared and session.cluster.release.imports_shared_in_gui_only:
        raise ServiceError(
            "multi-server certificates cannot be imported by the CLI from 14SU2 on",
            hint=f"use `tokenless cert import {unit} FILE`",
        )
    data = pasted(session) if file is None else load_upload(session.file(file))
    taken = identities.import_own(
        session.cluster, session.node, unit, data, by=session.by
    )
    session.announce()
    session.say(f"Successfully imported certificate for {unit}.")
    session.say(
        f"Please restart services related to {unit} for the new certificate to\n"
        "become active."
    )
    if taken.warning is not None:
        session.say(f"WARNING: {taken.warning}")
