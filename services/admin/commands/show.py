"""`show …` of trust lists, phone models, version and TVS cache."""

from pathlib import Path
from typing import Final

from tokenless import __version__
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.features import FEATURES
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.show_output.lines import ListKind, show_missing, show_trust_list
from tokenless.services.admin.certificate_text import local_time_at
from tokenless.services.admin.command import TREE, UsageError, columns
from tokenless.services.admin.session import Session
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import ShowMetrics, ShowTvsCache
from tokenless.services.store.audit import read_audit

_MOST_DIGITS: Final = 6


@TREE.command("show ctl")
def show_ctl(session: Session) -> None:
    """Show this node's CTL file."""
    _show(session, session.node.tftp_folder / "CTLFile.tlv", "CTL")


@TREE.command("show itl")
def show_itl(session: Session) -> None:
    """Show this node's ITL file."""
    _show(session, session.node.tftp_folder / "ITLFile.tlv", "ITL")


def _show(session: Session, file: Path, kind: ListKind) -> None:
    """Print a list; that there is none is an answer, a damaged one is an error."""
    try:
        data = file.read_bytes()
        modified = file.stat().st_mtime
    except FileNotFoundError:
        session.say(show_missing(kind))
        return
    try:
        trust_list = TrustList.decode(data)
    except DecodeError as error:
        session.say(f"Length of {kind} file: {len(data)}")
        session.say(f"Error parsing the {kind} File.")
        raise ServiceError(
            f"{file.name} on {session.node.name} is damaged: {error}",
            hint="delete it and make a new one",
        ) from None
    when = local_time_at(modified)
    session.say(show_trust_list(trust_list, kind=kind, modified=when))


@TREE.command("show version active")
def show_version(session: Session) -> None:
    """Show which release the cluster behaves as."""
    session.say(f"Active Master Version: {session.cluster.version}")
    session.say(f"Active Version Installed Software Options: tokenless {__version__}")


@TREE.command("show phone-features")
def show_phone_features(session: Session) -> None:
    """Show which phone models support Security By Default."""
    session.say("Unified CM Phone Feature List: Security By Default")
    session.say()
    rows = [
        (
            model.name,
            "Supported" if model.security_by_default else "Not supported",
            FEATURES[model.name].sbd.source,
        )
        for model in sorted(PHONE_MODELS.values(), key=lambda model: model.name)
    ]
    session.say(columns(("Model", "Security By Default", "Source"), rows))


@TREE.command("show tvs cache")
def show_tvs_cache(session: Session) -> None:
    """Show the certificates that this node's TVS answers for."""
    entries = session.ask_node(ShowTvsCache())["entries"]
    rows = [
        (entry["cache"], ",".join(map(str, entry["roles"])), entry["key"])
        for entry in entries
    ]
    session.say(columns(("Cache", "Roles", "Unique Key"), rows))
    session.say(f"\n{len(rows)} certificates")


@TREE.command("show metrics")
def show_metrics(session: Session) -> None:
    """Show what the process that serves this node counts, as Prometheus reads it."""
    session.say(session.ask_node(ShowMetrics())["text"])


def _check_count(count: str = "0") -> None:
    if not count.isdecimal():
        raise UsageError(f"{count} is not a number", hint="usage: show audit [COUNT]")


@TREE.command("show audit [COUNT]", values=_check_count)
def show_audit(session: Session, count: str = "20") -> None:
    """Show who changed what, the newest changes last."""
    _check_count(count)
    with session.cluster.store.read() as connection:
        entries = read_audit(connection, limit=int(count[:_MOST_DIGITS]))
    rows = [
        (
            local_time_at(entry.at),
            entry.by,
            entry.action,
            entry.detail,
        )
        for entry in entries
    ]
    session.say(columns(("Time", "By", "Action", "Detail"), rows))
