"""The CTL Client, window by window: steps 11 to 19 of the document (REFERENCE 6.5).

What was chosen is kept in the session until Finish; each window can be reloaded. Each
connection has choices of its own, named in the path: two tabs of one session do not mix
theirs. A form of a page that is older than the choices is refused. Tokens are those of
the server's token store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from starlette.responses import Response

from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import console_users
from tokenless.services.changes import ctl_client as operations
from tokenless.services.changes.ctl_entries import (
    CtlEntry,
    draft_entries,
    token_information,
)
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.console.ctl_drafts import (
    Draft,
    draft_of,
    draft_to_change,
    keep_draft,
)
from tokenless.services.console.sessions import NoticeKind
from tokenless.services.console.texts import text
from tokenless.services.console.visit import Page, Visit
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.announce import Delivery
from tokenless.services.pki.tokens import FileToken, Token, list_tokens, open_token
from tokenless.services.publishing.ctl import OtherServer
from tokenless.services.store.console_users import ConsoleRole

_PATH: Final = "/ctl-client"
_ONE_AT_ONCE: Final = Lock()
"""For passwords, whose check takes 64 MiB."""
_OTHERS: Final = {"tftp": Role.TFTP, "firewall": Role.FIREWALL}
_WINDOWS: Final = f"{_PATH}/{{draft}}"
_MODES: Final = {
    "mixed": SecurityMode.MIXED,
    "non-secure": SecurityMode.NON_SECURE,
    "update": None,
}


@dataclass(frozen=True, slots=True)
class CtlEntryRow:
    """A row of the CTL Entries."""

    entry: CtlEntry
    field: str = ""
    """`token` or `other`, when the entry can be taken out."""
    value: str = ""
    """Names it in that field."""


def show_connect(visit: Visit) -> Response:
    """Show the first window."""
    return visit.render("ctl_client/connect.html", nodes=visit.cluster.nodes)


def connect(visit: Visit) -> Response:
    """Connect to the server; without a CTL in mixed mode the client warns.

    Raises:
        ServiceError: When the name or the password is wrong, or the role only reads.
    """
    node = visit.cluster.node(visit.form.one("server"))
    draft = Draft(node.name, _administrator(visit))
    keep_draft(visit.session, draft)
    try:
        _take_others(visit.cluster, draft)
    except operations.NoFileError as error:
        return visit.render("ctl_client/missing.html", draft=draft, warning=str(error))
    if not visit.cluster.release.supports_ctl_client:
        visit.session.notify(NoticeKind.WARNING, operations.UNSUPPORTED)
    return _go(visit, draft, "mode")


def _go(visit: Visit, draft: Draft, window: str) -> Response:
    return visit.go(f"{_PATH}/{draft.name}/{window}")


def _administrator(visit: Visit) -> str:
    """Check name and password as the server does, with the same lock-out."""
    console = visit.console
    if console.asks_nobody:
        return visit.by
    if not console.throttle.take(visit.client):
        raise ServiceError(text("sign-in.throttled"))
    with _ONE_AT_ONCE:
        outcome = console_users.sign_in(
            visit.cluster, visit.form.one("name"), visit.form.one("password")
        )
    if outcome.user is None:
        raise ServiceError(text("ctl-client.refused"))
    console.throttle.give_back(visit.client)
    if outcome.user.role is not ConsoleRole.CHANGE:
        raise ServiceError(text("error.role"), hint="connect as another user")
    return outcome.user.name


def ignore_missing(visit: Visit) -> Response:
    """Go on without a file: OK was clicked on the warning."""
    draft = draft_to_change(visit)
    draft.ignores_missing = True
    _take_others(visit.cluster, draft)
    return _go(visit, draft, "mode")


def _take_others(cluster: Cluster, draft: Draft) -> None:
    present = _present(cluster, draft)
    draft.others = [] if present is None else operations.others_of(cluster, present)


def show_mode(visit: Visit) -> Response:
    """Show the choice of modes."""
    return visit.render("ctl_client/mode.html", draft=draft_of(visit))


def choose_mode(visit: Visit) -> Response:
    """Take the mode."""
    draft = draft_to_change(visit)
    mode = visit.form.one("mode")
    if mode not in _MODES:
        raise ServiceError("no mode was chosen", hint="choose one of the three")
    draft.mode = mode
    return _go(visit, draft, "insert")


def show_insert(visit: Visit) -> Response:
    """Ask for a token; once one is chosen, show its certificate."""
    draft = draft_of(visit)
    tokens = list_tokens(visit.cluster.tokens_folder)
    chosen = visit.asked("token")
    return visit.render(
        "ctl_client/insert.html",
        draft=draft,
        tokens=[each.name for each in tokens.tokens if each.name not in draft.tokens],
        damaged=tokens.damaged,
        chosen=chosen,
        information=_information(visit.cluster, chosen) if chosen else (),
    )


def _information(cluster: Cluster, name: str) -> tuple[tuple[str, str], ...]:
    return token_information(_token(cluster, name).certificate)


def insert(visit: Visit) -> Response:
    """Add a token: the first one has to stand in an existing file."""
    draft = draft_to_change(visit)
    token = _token(visit.cluster, visit.form.one("token"))
    if token.name in draft.tokens:
        raise ServiceError("this token was added already", hint="insert another")
    present = _present(visit.cluster, draft)
    if present is not None and not draft.tokens:
        operations.choose_signer(present, [token.certificate])
    draft.tokens.append(token.name)
    return _go(visit, draft, "entries")


def show_entries(visit: Visit) -> Response:
    """Show what the new file will list."""
    draft = draft_of(visit)
    return visit.render(
        "ctl_client/entries.html", draft=draft, entries=_entries(visit.cluster, draft)
    )


def act_on_entries(visit: Visit) -> Response:
    """Take entries out, or sign the file with the password of the token that signs."""
    draft = draft_to_change(visit)
    if visit.form.one("order") == "delete":
        gone, others = set(visit.form.all("token")), set(visit.form.all("other"))
        draft.tokens = [name for name in draft.tokens if name not in gone]
        draft.others = [each for each in draft.others if _value(each) not in others]
        return _go(visit, draft, "entries")
    cluster = visit.cluster
    # Other windows may change what stands in the draft while this one signs.
    mode, servers = _MODES[draft.mode], list(draft.others)
    tokens: list[Token] = [_token(cluster, name) for name in draft.tokens]
    if not tokens:
        raise ServiceError("no token was inserted", hint="use Add Tokens")
    present = _present(cluster, draft)
    chosen = operations.choose_signer(present, [each.certificate for each in tokens])
    signer = next(each for each in tokens if each.certificate == chosen)
    visit.plan()
    visit.step("ctl-client.signing", token=signer.name)
    signer.unlock(visit.form.one("password"))
    operations.update(
        cluster,
        tokens,
        mode=mode,
        ignore_missing=draft.ignores_missing,
        server=cluster.node(draft.server),
        others=servers,
        by=draft.user,
    )
    draft.passed = _delivered(visit)
    return _go(visit, draft, "done")


def show_add(visit: Visit) -> Response:
    """Ask for a server outside of the cluster."""
    draft = draft_of(visit)
    kind, _ = _kind(visit)
    return visit.render("ctl_client/add.html", draft=draft, kind=kind)


def add(visit: Visit) -> Response:
    """Add a TFTP server or a firewall, with the certificate of a file."""
    draft = draft_to_change(visit)
    _, role = _kind(visit)
    file = visit.form.files.get("file")
    if file is None or not file.data:
        raise ServiceError("no file was chosen", hint="choose the certificate")
    other = operations.other_server(
        visit.cluster, role, visit.form.one("address"), file.data
    )
    if _value(other) in {_value(each) for each in draft.others}:
        raise ServiceError(
            f"{other.address} is an entry already",
            hint=("delete the existing one first"),
        )
    if len(draft.others) >= operations.MAX_OTHERS:
        raise operations.too_many_others()
    draft.others.append(other)
    return _go(visit, draft, "entries")


def _kind(visit: Visit) -> tuple[str, Role]:
    kind = str(visit.part("kind"))
    role = _OTHERS.get(kind)
    if role is None:
        raise ServiceError("only TFTP servers and firewalls are added")
    return kind, role


def _value(other: OtherServer) -> str:
    return f"{other.role.name} {other.address}"


def show_done(visit: Visit) -> Response:
    """Show on which servers the file is."""
    return visit.render("ctl_client/done.html", rows=draft_of(visit).passed)


def _delivered(visit: Visit) -> list[tuple[str, str, bool, str]]:
    addresses = {node.name: node.address for node in visit.cluster.nodes}
    done = {Delivery.APPLIED, Delivery.OFFLINE}
    return [
        (
            addresses[each.node],
            operations.FILE_LOCATION,
            each.outcome in done,
            each.explain() or "",
        )
        for each in visit.deliver()
    ]


def _entries(cluster: Cluster, draft: Draft) -> list[CtlEntryRow]:
    """Return the rows of the file to be, and which of them can be taken out."""
    added = {name: _token(cluster, name).certificate for name in draft.tokens}
    names = {certificate.der: name for name, certificate in added.items()}
    values: dict[tuple[int, str], str] = {
        (each.function, each.address): _value(each) for each in draft.others
    }
    return [
        _row(entry, names, values)
        for entry in draft_entries(
            cluster, _present(cluster, draft), list(added.values()), draft.others
        )
    ]


def _row(
    entry: CtlEntry,
    names: Mapping[bytes, str],
    values: Mapping[tuple[int, str], str],
) -> CtlEntryRow:
    record = entry.record
    if entry.is_token:
        name = names.get(record.certificate_der or b"")
        return CtlEntryRow(entry, "" if name is None else "token", name or "")
    other = values.get((record.role, record.dns_name or ""))
    return CtlEntryRow(entry, "" if other is None else "other", other or "")


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


PAGES: Final = (
    Page(_PATH, show_connect, connect, back=_PATH),
    Page(f"{_WINDOWS}/missing", act=ignore_missing, back=_PATH),
    Page(f"{_WINDOWS}/add/{{kind}}", show_add, add, back=f"{_WINDOWS}/add/{{kind}}"),
    Page(f"{_WINDOWS}/mode", show_mode, choose_mode, back=f"{_WINDOWS}/mode"),
    Page(f"{_WINDOWS}/insert", show_insert, insert, back=f"{_WINDOWS}/insert"),
    Page(
        f"{_WINDOWS}/entries", show_entries, act_on_entries, back=f"{_WINDOWS}/entries"
    ),
    Page(f"{_WINDOWS}/done", show_done),
)
