"""The CTL Client with tokens: rules, messages, the file (REFERENCE 6.5, 1.7).

A new CTL needs two tokens. An existing one is changed by a token that stands in it; the
other tokens of the file stay. The file that counts is the one on the server, so that an
administrator who deletes it there starts again, as the vendor's document says.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import Signer
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import ListForm
from tokenless.services.changes.security import SecurityMode, publish_ctl, write_mode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import read_certificates
from tokenless.services.publishing.ctl import (
    FIREWALL_FUNCTION,
    OtherServer,
    TokenOrder,
    token_ctl_records,
)
from tokenless.services.publishing.snapshot import ClusterSnapshot

FILE_LOCATION: Final = "/usr/local/cm/tftp/CTLFile.tlv"
"""The file's path in the CTL Client's table of servers."""
RESTART_REMINDER: Final = (
    "You must restart all the Cisco Unified Communications Manager and TFTP nodes in "
    "the Cluster."
)
"""The sentence of the client's last window (observed)."""
UNSUPPORTED: Final = (
    "the vendor does not support the CTL Client from release 14 on; `utils ctl` makes "
    "the CTL without tokens"
)
"""What to say where `Release.supports_ctl_client` is false."""
LEAST_TOKENS: Final = 2
MAX_OTHERS: Final = 16
_OTHER_ROLES: Final = frozenset({Role.TFTP, Role.FIREWALL})
_KIND_OF_RECORD: Final[Mapping[int | None, Role]] = {
    Role.TFTP: Role.TFTP,
    FIREWALL_FUNCTION: Role.FIREWALL,
    Role.FIREWALL: Role.FIREWALL,
}
"""What the record of a server outside of the cluster was added as."""

_NOT_IN_FILE: Final = (
    "The Security Token you have inserted does not exist in the CTL File Please remove "
    "any Security Tokens already inserted and insert another Security Token. Click Ok "
    "when done."
)
_NO_FILE: Final = (
    "No CTL File exists on the server but the Call Manager Cluster Security Mode is in "
    "Secure Mode. For the system to function, you must create the CTL File and set "
    "Call Manager Cluster the Secure Mode."
)


class TokenNotInFileError(ServiceError):
    """Error 1: none of the tokens stands in the server's CTL."""


class NoFileError(ServiceError):
    """Error 2: mixed mode, and the server has no CTL. OK ignores it."""


def check_server(
    cluster: Cluster, *, server: Node | None = None, ignore_missing: bool = False
) -> TrustList | None:
    """Return the CTL that lies on the server, as the client does when it connects.

    Args:
        cluster: The cluster.
        server: The node that it connects to; the publisher when None.
        ignore_missing: Whether OK was clicked on error 2.

    Raises:
        NoFileError: When the cluster is in mixed mode and the server has none.
        ServiceError: When the release has no tokens, or the server's file is damaged.
    """
    if not cluster.release.has_tokens:
        raise ServiceError(
            f"release {cluster.version} has no hardware tokens",
            hint="use `utils ctl`",
        )
    node = cluster.publisher if server is None else server
    try:
        data = node.ctl_file.read_bytes()
    except FileNotFoundError:
        if cluster.is_mixed and not ignore_missing:
            raise NoFileError(
                _NO_FILE, hint="continue with --ignore-missing-file"
            ) from None
        return None
    try:
        return TrustList.decode(data)
    except DecodeError as error:
        raise ServiceError(
            f"CTLFile.tlv on {node.name} is damaged: {error}",
            hint="delete it with `file delete tftp CTLFile.tlv`",
        ) from None


def tokens_of(ctl: TrustList) -> list[Certificate]:
    """Return the tokens of a CTL: a token's record names no server (REFERENCE 1.7)."""
    tokens = []
    for record in ctl.records:
        if record.is_sast and not record.dns_name and record.certificate_der:
            with suppress(DecodeError):
                tokens.append(Certificate.decode(record.certificate_der))
    return tokens


def others_of(cluster: Cluster, ctl: TrustList) -> list[OtherServer]:
    """Return the servers of a CTL that do not belong to the cluster.

    Its own nodes stand in the list by name or, of the CTL Client, by address.
    """
    own = {text for node in cluster.nodes for text in (node.name, node.address)}
    found = []
    for record in ctl.records:
        kind = _KIND_OF_RECORD.get(record.role)
        if kind is None or not record.dns_name or record.dns_name in own:
            continue
        if record.certificate_der:
            with suppress(DecodeError):
                certificate = Certificate.decode(record.certificate_der)
                found.append(OtherServer(kind, record.dns_name, certificate))
    return found


def other_server(
    cluster: Cluster, role: Role, address: str, data: bytes
) -> OtherServer:
    """Return a server for Add TFTP or Add Firewall.

    The vendor's client asks the server itself for its certificate, on port 2444, which
    nothing serves here: so it is given as a file.

    Raises:
        ServiceError: When it is not an IPv4 address, is a node of the cluster, or the
            file holds anything but one certificate.
    """
    if role not in _OTHER_ROLES:
        raise ServiceError(
            f"{role.name} is not a server's role", hint="add a TFTP server or firewall"
        )
    try:
        where = str(IPv4Address(address.strip()))
    except AddressValueError:
        raise ServiceError(
            f"{address.strip()[:64]!r} is not an IPv4 address",
            hint="give the address that phones use",
        ) from None
    if any(node.address == where for node in cluster.nodes):
        raise ServiceError(
            f"{where} is a node of this cluster, which the file always lists",
            hint="add servers of other clusters only",
        )
    certificates = read_certificates(data)
    if len(certificates) > 1:
        raise ServiceError(
            f"the file holds {len(certificates)} certificates",
            hint="give the certificate that the server presents",
        )
    return OtherServer(role, where, certificates[0])


def choose_signer(
    present: TrustList | None, tokens: Sequence[Certificate]
) -> Certificate:
    """Return which of the inserted tokens has to sign, and so needs its password.

    Args:
        present: The server's CTL, None when it has none.
        tokens: The tokens, in the order in which they were inserted.

    Raises:
        TokenNotInFileError: When the file has none of them.
        ServiceError: When there are not two of them for a new file, or one is given
            twice.
    """
    if len({token.der for token in tokens}) < len(tokens):
        raise ServiceError("the same token was given twice", hint="insert another one")
    if present is None:
        if len(tokens) < LEAST_TOKENS:
            raise ServiceError(
                f"a new CTL file needs at least {LEAST_TOKENS} tokens, "
                f"{len(tokens)} given",
                hint="insert another one",
            )
        return tokens[0]
    known = {token.der for token in tokens_of(present)}
    for token in tokens:
        if token.der in known:
            return token
    raise TokenNotInFileError(
        _NOT_IN_FILE,
        hint="or delete the file with `file delete tftp CTLFile.tlv` and start again",
    )


def update(
    cluster: Cluster,
    tokens: Sequence[Signer],
    *,
    mode: SecurityMode | None = None,
    ignore_missing: bool = False,
    server: Node | None = None,
    others: Sequence[OtherServer] | None = None,
    by: str,
) -> TrustList:
    """Make a CTL that a token signs, in one transaction with the mode; return it.

    Nodes take it as they follow the cluster's revision.

    Args:
        cluster: The cluster.
        tokens: The inserted tokens; the one that `choose_signer` names is unlocked.
        mode: The mode to set; None updates the file only.
        ignore_missing: Whether OK was clicked on error 2.
        server: The node that the client connects to; the publisher when None.
        others: Servers outside of the cluster; None keeps those of the present file.
        by: The administrator, for the audit log.

    Raises:
        TokenNotInFileError: Error 1.
        NoFileError: Error 2.
        ServiceError: As `choose_signer`, `check_server` and the token itself; or mixed
            mode without the licence; or an update in a cluster that has no CTL.
    """
    present = check_server(cluster, server=server, ignore_missing=ignore_missing)
    _check_goal(cluster, mode, present)
    others = _checked_others(cluster, others, present)
    chosen = choose_signer(present, [token.certificate for token in tokens])
    signer = next(token for token in tokens if token.certificate == chosen)
    with cluster.store.change(*_audited(mode, chosen), by=by) as change:
        if mode is not None:
            write_mode(change, mode)
        snapshot = ClusterSnapshot.read(change.connection)
        order = order_tokens(present, [token.certificate for token in tokens])
        records = token_ctl_records(snapshot, order, others)
        return publish_ctl(change, snapshot, records, signer, ListForm.CTL_CLIENT)


def _check_goal(
    cluster: Cluster, mode: SecurityMode | None, present: TrustList | None
) -> None:
    """Refuse to update what a non-secure cluster does not have."""
    if mode is None and present is None and not cluster.is_mixed:
        raise ServiceError(
            "the cluster is in non-secure mode and has no CTL file",
            hint="set mixed mode first",
        )


def _checked_others(
    cluster: Cluster,
    others: Sequence[OtherServer] | None,
    present: TrustList | None,
) -> Sequence[OtherServer]:
    """Return the servers outside of the cluster: those given, or those of the file."""
    if others is None:
        others = [] if present is None else others_of(cluster, present)
    if len(others) > MAX_OTHERS:
        raise too_many_others()
    return others


def too_many_others() -> ServiceError:
    """Return the error for more servers of other clusters than a list may have."""
    return ServiceError(
        f"the list would have over {MAX_OTHERS} servers of other clusters",
        hint="add fewer",
    )


def _audited(mode: SecurityMode | None, signer: Certificate) -> tuple[str, str]:
    """Return what the audit log says of an update: the action, and its detail."""
    goal = "update CTL" if mode is None else f"set cluster mode {mode.name.lower()}"
    return f"CTL Client: {goal}", f"token {signer.subject_text}"


def order_tokens(
    present: TrustList | None, tokens: Sequence[Certificate]
) -> TokenOrder:
    """Return where the new file's tokens stand: those inserted, those of the old file.

    Args:
        present: The server's CTL, None when it has none.
        tokens: The tokens, in the order in which they were inserted.
    """
    if present is None:
        return TokenOrder(before=tokens[1:], after=tokens[:1])
    held = {each.der: each for each in tokens_of(present)}
    signer = [each for each in tokens if each.der in held][:1]
    before = {each.der: each for each in [*signer, *held.values()]}
    after = [each for each in tokens if each.der not in held]
    return TokenOrder(list(before.values()), after)
