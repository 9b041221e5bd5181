"""`show cert …` and `set cert …` (REFERENCE 6.4)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from protocol.codes import TrustStore
from services.admin.certificate_text import certificate_text, description
from services.admin.command import TREE, Question, UsageError, Yes
from services.admin.session import Session
from services.cluster import certificates
from services.errors import ServiceError
from services.store.certificates import StoredCertificate

_RECOVERY_WARNING: Final = (
    "WARNING: If you are using a tokenless CTL and if the CallManager certificate is "
    "recently\ngenerated, please ensure that the CTL File already has the new "
    "CallManager certificate and is\nupdated to the endpoints, before generating the "
    "ITL Recovery certificate. Are you sure want\nto proceed?"
)
_PROCEED: Final = "Proceed with regeneration (yes|no)? "
_END: Final = "-----END CERTIFICATE-----"


@TREE.command("show cert list own")
def list_own(session: Session) -> None:
    """List this node's own certificates."""
    for each in certificates.own(session.cluster, session.node):
        session.say(f"{each.store}/{each.store}.pem: {description(each.certificate)}")


@TREE.command("show cert list trust")
def list_trust(session: Session) -> None:
    """List the certificates of the trust stores."""
    for each in certificates.trust(session.cluster, session.node):
        session.say(f"{each.store}/{_file_name(each)}: {description(each.certificate)}")


@TREE.command("show cert own NAME")
def show_own(session: Session, name: str) -> None:
    """Show one of this node's own certificates."""
    unit = _unit(name.partition("/")[0])
    for each in certificates.own(session.cluster, session.node):
        if each.store is unit:
            session.say(certificate_text(each.certificate))
            return
    raise ServiceError(
        f"{session.node.name} has no {unit} certificate", hint="see show cert list own"
    )


@TREE.command("show cert trust NAME")
def show_trust(session: Session, name: str) -> None:
    """Show a certificate of a trust store, named as its list names it."""
    session.say(certificate_text(_find_trusted(session, name).certificate))


def _regeneration_question(_session: Session, arguments: Sequence[str]) -> str:
    unit = _unit(arguments[0])
    if unit is TrustStore.ITLRECOVERY:
        return f"{_RECOVERY_WARNING}\n{_PROCEED}"
    return (
        "WARNING: This operation will overwrite any CA signed certificate previously "
        f"imported for  {unit}\n{_PROCEED}"
    )


@TREE.command("set cert regen NAME", ask=Question(_regeneration_question, Yes.WORD))
def regenerate(session: Session, name: str) -> None:
    """Replace one of this node's own certificates and its key."""
    unit = _unit(name)
    certificates.regenerate(session.cluster, session.node, unit, by=session.by)
    session.say(f"Successfully Regenerated Certificate for {unit}.")
    services = "the services" if unit is TrustStore.ITLRECOVERY else "services"
    session.say(
        f"You must restart {services} related to {unit} for the regenerated "
        "certificates to become active."
    )
    session.announce()


@TREE.command("set cert import trust PURPOSE [FILE]")
def import_trust(session: Session, purpose: str, file: str | None = None) -> None:
    """Put a certificate, pasted or from a file, into a trust store."""
    store = _trust_store(purpose)
    if file is None:
        data = "\n".join(_pasted(session)).encode()
    else:
        data = Path(file).read_bytes()
    uploaded = certificates.upload(session.cluster, store, data, by=session.by)
    session.say("Import of trust certificate is successful")
    if warning := uploaded.warning:
        session.say(f"WARNING: {warning}")
    session.announce()
