"""The CTL Client, window by window: steps 11 to 19 of the document (REFERENCE 6.5).

What was chosen is kept in the session until Finish; each window can be reloaded. Tokens
are those of the server's token store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from tokenless.protocol.codes import Role, role_text
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import ctl_client as operations
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.console.page import Page
from tokenless.services.console.visit import Visit
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.announce import Delivery, announce
from tokenless.services.pki.tokens import FileToken, Token, list_tokens, open_token
from tokenless.services.publishing.ctl import token_ctl_records
from tokenless.services.publishing.snapshot import ClusterSnapshot

_PATH: Final = "/ctl-client"
_DRAFT: Final = "ctl-client"
_MODES: Final = {
    "mixed": SecurityMode.MIXED,
    "non-secure": SecurityMode.NON_SECURE,
    "update": None,
}


@dataclass(slots=True)
class Draft:
    """The choices made so far."""

    server: str
    ignores_missing: bool = False
    mode: str = "update"
    tokens: list[str] = field(default_factory=list)
    passed: list[tuple[str, str, bool, str]] = field(default_factory=list)
    """Of the last window: address, file, whether it has it, why not."""


@dataclass(frozen=True, slots=True)
class CtlEntryRow:
    """A row of the CTL Entries."""

    type: str
    host: str
    issuer: str
    subject: str
    token: str = ""
    """The token's name, when it was added here and can be taken out."""


def show_connect(visit: Visit) -> Response:
    """Show the first window."""
    return visit.render("ctl_client/connect.html", nodes=visit.cluster.nodes)


def connect(visit: Visit) -> Response:
    """Connect to the server; without a CTL in mixed mode the client warns."""
    node = visit.cluster.node(visit.form.one("server"))
    draft = Draft(node.name, ignores_missing=visit.form.one("ignore") == "1")
    try:
        operations.check_server(
            visit.cluster, server=node, ignore_missing=draft.ignores_missing
        )
    except operations.NoFileError as error:
        return visit.render(
            "ctl_client/missing.html", server=node.name, warning=str(error)
        )
    visit.session.drafts[_DRAFT] = draft
    return visit.go(f"{_PATH}/mode")


def show_mode(visit: Visit) -> Response:
    """Show the choice of modes."""
    return visit.render("ctl_client/mode.html", draft=_draft(visit))


def choose_mode(visit: Visit) -> Response:
    """Take the mode."""
    draft = _draft(visit)
    mode = visit.form.one("mode")
    if mode not in _MODES:
        raise ServiceError("no mode was chosen", hint="choose one of the three")
    draft.mode = mode
    return visit.go(f"{_PATH}/insert")


def show_insert(visit: Visit) -> Response:
    """Ask for a token; once one is chosen, show what is on it."""
    draft = _draft(visit)
    tokens = list_tokens(visit.cluster.tokens_folder)
    chosen = visit.asked("token")
    return visit.render(
        "ctl_client/insert.html",
        draft=draft,
        tokens=[each.name for each in tokens.tokens if each.name not in draft.tokens],
        damaged=tokens.damaged,
        chosen=_token(visit.cluster, chosen) if chosen else None,
    )


def insert(visit: Visit) -> Response:
    """Add a token: the first one has to stand in an existing file."""
    draft = _draft(visit)
    token = _token(visit.cluster, visit.form.one("token"))
    if token.name in draft.tokens:
        raise ServiceError("this token was added already", hint="insert another")
    present = _present(visit.cluster, draft)
    if present is not None and not draft.tokens:
        operations.choose_signer(present, [token.certificate])
    draft.tokens.append(token.name)
    return visit.go(f"{_PATH}/entries")


def show_entries(visit: Visit) -> Response:
    """Show what the new file will list."""
    draft = _draft(visit)
    return visit.render(
        "ctl_client/entries.html", draft=draft, entries=_entries(visit.cluster, draft)
    )


def act_on_entries(visit: Visit) -> Response:
    """Take tokens out, or sign the file with the password of the one that signs."""
    draft = _draft(visit)
    if visit.form.one("order") == "delete":
        gone = set(visit.form.all("token"))
        draft.tokens = [name for name in draft.tokens if name not in gone]
        return visit.go(f"{_PATH}/entries")
    cluster = visit.cluster
    tokens: list[Token] = [_token(cluster, name) for name in draft.tokens]
    if not tokens:
        raise ServiceError("no token was inserted", hint="use Add Tokens")
    present = _present(cluster, draft)
    chosen = operations.choose_signer(present, [each.certificate for each in tokens])
    signer = next(each for each in tokens if each.certificate == chosen)
    signer.unlock(visit.form.one("password"))
    operations.update(
        cluster,
        tokens,
        mode=_MODES[draft.mode],
        ignore_missing=draft.ignores_missing,
        server=cluster.node(draft.server),
        by=visit.by,
    )
    draft.passed = _delivered(cluster)
    return visit.go(f"{_PATH}/done")


def show_done(visit: Visit) -> Response:
    """Show on which servers the file is."""
    return visit.render("ctl_client/done.html", rows=_draft(visit).passed)


def _delivered(cluster: Cluster) -> list[tuple[str, str, bool, str]]:
    addresses = {node.name: node.address for node in cluster.nodes}
    done = {Delivery.APPLIED, Delivery.OFFLINE}
    return [
        (
            addresses[each.node],
            operations.FILE_LOCATION,
            each.outcome in done,
            each.explain() or "",
        )
        for each in announce(cluster)
    ]


def _entries(cluster: Cluster, draft: Draft) -> list[CtlEntryRow]:
    """Return the records of the file to be, and which of them can be taken out."""
    added = {name: _token(cluster, name).certificate for name in draft.tokens}
    present = _present(cluster, draft)
    held = [] if present is None else operations.tokens_of(present)
    listed = {each.der: each for each in [*added.values(), *held]}
    with cluster.store.read() as connection:
        snapshot = ClusterSnapshot.read(connection)
    records = token_ctl_records(snapshot, list(listed.values()))
    names = {certificate.der: name for name, certificate in added.items()}
    return [_entry(record, names) for record in records]


def _entry(record: Record, names: dict[bytes, str]) -> CtlEntryRow:
    is_token = record.role == Role.SAST and not record.dns_name
    return CtlEntryRow(
        "Security Token" if is_token else role_text(record.role),
        "No Hostname" if is_token else record.dns_name or "",
        record.issuer_name or "",
        record.subject_name or "",
        names.get(record.certificate_der or b"", "") if is_token else "",
    )


def _present(cluster: Cluster, draft: Draft) -> TrustList | None:
    return operations.check_server(
        cluster,
        server=_server(cluster, draft),
        ignore_missing=draft.ignores_missing,
    )


def _server(cluster: Cluster, draft: Draft) -> Node:
    return cluster.node(draft.server)


def _token(cluster: Cluster, name: str) -> FileToken:
    """Return a token of the store: a path, which would open any folder, is none."""
    known: Sequence[str] = [
        each.name for each in list_tokens(cluster.tokens_folder).tokens
    ]
    if name not in known:
        raise ServiceError(
            "there is no such token in the server's token store",
            hint="`tokenless token create` makes one",
        )
    return open_token(cluster.tokens_folder, name)


def _draft(visit: Visit) -> Draft:
    draft = visit.session.drafts.get(_DRAFT)
    if not isinstance(draft, Draft):
        raise ServiceError(
            "the CTL Client is not connected", hint="begin at its first window"
        )
    return draft


PAGES: Final = (
    Page(_PATH, show_connect, connect, back=_PATH),
    Page(f"{_PATH}/mode", show_mode, choose_mode, back=f"{_PATH}/mode"),
    Page(f"{_PATH}/insert", show_insert, insert, back=f"{_PATH}/insert"),
    Page(f"{_PATH}/entries", show_entries, act_on_entries, back=f"{_PATH}/entries"),
    Page(f"{_PATH}/done", show_done),
)
