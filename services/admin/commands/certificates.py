"""`show cert …`, `set cert …`, signing requests (REFERENCE 6.4, REFERENCE-2 3.5)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tokenless.protocol.codes import TrustStore, trust_store_of
from tokenless.protocol.release import Release
from tokenless.services.admin.certificate_text import (
    certificate_text,
    description,
    local_time,
    shown_name,
)
from tokenless.services.admin.command import TREE, Question, Yes
from tokenless.services.admin.session import Session
from tokenless.services.changes import certificates, identities, trust_stores
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import MAX_UPLOAD_BYTES, load_upload
from tokenless.services.store.certificates import StoredCertificate

_RECOVERY_WARNING: Final = (
    "WARNING: If you are using a tokenless CTL and if the CallManager certificate is "
    "recently\ngenerated, please ensure that the CTL File already has the new "
    "CallManager certificate and is\nupdated to the endpoints, before generating the "
    "ITL Recovery certificate. Are you sure want\nto proceed?"
)
_PROCEED: Final = "Proceed with regeneration (yes|no)? "
_END: Final = "-----END CERTIFICATE-----"
_PEM: Final = ".pem"
_NO_WORD: Final = re.compile(r"[^\w.@+-]+")


def own_unit(name: str, *_: str) -> TrustStore:
    """Return a unit that nodes have an own certificate of.

    Raises:
        ServiceError: When there is none of that name.
    """
    unit = certificates.find_store(name)
    if unit.is_trust_store:
        own = ", ".join(store for store in TrustStore if not store.is_trust_store)
        raise ServiceError(
            f"{unit} is a trust store, not a node's own certificate",
            hint=f"units: {own}",
        )
    return unit


def _trust_store(name: str, *_: str) -> TrustStore:
    """Return a trust store, named itself or by its unit (REFERENCE-2 3.5).

    Raises:
        ServiceError: When there is none of that name.
    """
    store = certificates.find_store(name)
    if store is not TrustStore.ITLRECOVERY and not store.is_trust_store:
        return trust_store_of(store)
    if not store.is_trust_store:
        raise ServiceError(
            f"{store} has no trust store",
            hint=f"trust stores: {', '.join(certificates.trust_stores())}",
        )
    return store


@TREE.command("show cert list own")
def list_own(session: Session) -> None:
    """List this node's own certificates."""
    for each in certificates.own(session.cluster, session.node):
        session.say(f"{each.store}/{each.store}{_PEM}: {description(each.certificate)}")


@TREE.command("show cert list trust")
def list_trust(session: Session) -> None:
    """List the certificates of the trust stores."""
    for each in certificates.trust(session.cluster):
        name = _trusted_name(each, session.cluster.release)
        session.say(f"{name}: {description(each.certificate)}")


@TREE.command(
    "show cert own NAME", values=lambda name: own_unit(name.partition("/")[0])
)
def show_own(session: Session, name: str) -> None:
    """Show one of this node's own certificates: CallManager, or as the list has it."""
    unit = certificates.find_store(name.partition("/")[0])
    session.say(
        certificate_text(
            certificates.own_certificate(session.cluster, session.node, unit),
            session.cluster.release,
        )
    )


@TREE.command("show cert trust NAME")
def show_trust(session: Session, name: str) -> None:
    """Show a certificate of a trust store, named as the list has it."""
    session.say(
        certificate_text(
            _find_trusted(session, name).certificate, session.cluster.release
        )
    )


@TREE.command("show cert history")
def show_history(session: Session) -> None:
    """List this node's replaced certificates, which `set cert restore` brings back."""
    for each in certificates.history(session.cluster, session.node):
        serial, name = each.certificate.serial_hex, shown_name(each.certificate.subject)
        session.say(f"{each.store} {serial}: {name}")


@TREE.command("show cert expiry")
def show_expiry(session: Session) -> None:
    """List when the certificates in use end, the next one first."""
    for each in certificates.expiry(session.cluster):
        certificate = each.placed.certificate
        session.say(
            f"{local_time(certificate.not_after)} ({each.days_left} days) "
            f"{each.placed.store} {shown_name(certificate.subject)}"
        )


def _regeneration_question(_session: Session, arguments: Sequence[str]) -> str:
    unit = certificates.find_store(arguments[0])
    if unit is TrustStore.ITLRECOVERY:
        return f"{_RECOVERY_WARNING}\n{_PROCEED}"
    return (
        "WARNING: This operation will overwrite any CA signed certificate previously "
        f"imported for  {unit}\n{_PROCEED}"
    )


@TREE.command(
    "set cert regen NAME",
    ask=Question(_regeneration_question, Yes.WORD),
    values=own_unit,
)
def regenerate(session: Session, name: str) -> None:
    """Replace one of this node's own certificates and its key."""
    unit = certificates.find_store(name)
    certificates.regenerate(session.cluster, session.node, unit, by=session.by)
    session.announce()
    session.say(f"Successfully Regenerated Certificate for {unit}.")
    # The vendor's two outputs differ in this article (observed).
    the = "the " if unit is TrustStore.ITLRECOVERY else ""
    session.say(
        f"You must restart {the}services related to {unit} for the regenerated "
        "certificates to become active."
    )


@TREE.command("set cert restore NAME SERIAL", values=own_unit)
def restore(session: Session, name: str, serial: str) -> None:
    """Put a replaced certificate of this node into use again."""
    unit = certificates.find_store(name)
    certificates.restore(session.cluster, session.node, unit, serial, by=session.by)
    session.announce()
    session.say(f"Successfully Restored Certificate for {unit}.")


@TREE.command("set cert import trust PURPOSE [FILE]", values=_trust_store)
def import_trust(session: Session, purpose: str, file: str | None = None) -> None:
    """Put a certificate, pasted or from a file, into a trust store."""
    store = _trust_store(purpose)
    data = pasted(session) if file is None else load_upload(session.file(file))
    uploaded = trust_stores.upload(session.cluster, store, data, by=session.by)
    session.announce()
    session.say("Import of trust certificate is successful")
    for line in uploaded.explain():
        session.say(f"WARNING: {line}")
    if uploaded.warning is not None:
        session.say(f"WARNING: {uploaded.warning}")


@TREE.command(
    "set cert delete NAME",
    ask=Question(
        "Are you sure you want to delete this certificate (yes|no)? ", Yes.WORD
    ),
)
def delete(session: Session, name: str) -> None:
    """Take a certificate out of a trust store, named as the list has it."""
    found = _find_trusted(session, name)
    serial = found.certificate.serial_hex
    trust_stores.delete(session.cluster, found.store, serial, by=session.by)
    session.announce()
    session.say(f"Successfully deleted {name}")


def _trusted_name(placed: StoredCertificate, release: Release) -> str:
    """Return `<store>/<common name>-<serial>.pem`: common names alone repeat.

    From 14SU1 on it is the vendor's, with the whole serial number after an underscore
    (REFERENCE-2 2.1). It is one word, so that it can be typed without quotes.
    """
    certificate = placed.certificate
    common_name = (certificate.subject.get("CN") or "unnamed").strip()
    name = _NO_WORD.sub("_", common_name)
    if release.names_trust_by_serial:
        return f"{placed.store}/{name}_{certificate.serial_hex}{_PEM}"
    return f"{placed.store}/{name}-{certificate.serial_hex[:8]}{_PEM}"


def _find_trusted(session: Session, name: str) -> StoredCertificate:
    release, wanted = session.cluster.release, name.removesuffix(_PEM)
    for each in certificates.trust(session.cluster):
        if wanted == _trusted_name(each, release).removesuffix(_PEM):
            return each
    raise ServiceError(
        f"no trust store has {name}", hint="use a name of show cert list trust"
    )


def pasted(session: Session) -> bytes:
    """Ask for a certificate's PEM text, up to its last line.

    What is too long for any certificate is not read to its end.
    """
    session.say("Paste the Certificate and Hit Enter")

    def lines() -> Iterator[bytes]:
        line, left = None, MAX_UPLOAD_BYTES
        while line not in {"", _END} and left >= 0:
            line = session.ask("").strip()
            # A terminal's bytes that are not UTF-8 come as surrogates.
            yield (data := line.encode(errors="surrogateescape"))
            left -= len(data) + 1

    return b"\n".join(lines())


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
