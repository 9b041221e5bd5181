"""`help`, `set cli …`, enterprise parameters and the names of nodes."""

from typing import Final

from tokenless.services.admin.command import (
    TREE,
    Question,
    UsageError,
    Yes,
    columns,
    help_text,
)
from tokenless.services.admin.session import Session
from tokenless.services.changes import membership, security
from tokenless.services.store.parameters import Parameter

# The vendor's pages call it "Prepare Cluster for Rollback to pre 8.0".
_SHORT_NAMES: Final = {
    "rollback-pre-8.0": Parameter.ROLLBACK,
    "licence": Parameter.EXPORT_CONTROLLED,
}


def _check_switch(switch: str) -> None:
    if switch not in {"on", "off"}:
        raise UsageError(f"pagination is not {switch}", hint="type on or off")


def _check_parameter(name: str, value: str) -> None:
    security.check_parameter(_SHORT_NAMES.get(name, name), value)


@TREE.command("help [WORD...]", values=lambda *words: help_text(TREE, words))
def show_help(session: Session, *words: str) -> None:
    """Show what may be typed, or what a command does."""
    session.say(help_text(TREE, words))


@TREE.command("set cli pagination SWITCH", values=_check_switch)
def set_pagination(session: Session, switch: str) -> None:
    """Stop after each screen of output, or do not: on, off."""
    _check_switch(switch)
    session.pagination = switch == "on"
    session.say(f"Automatic pagination is turned {switch}")


@TREE.command("set enterprise NAME VALUE", publisher_only=True, values=_check_parameter)
def set_enterprise(session: Session, name: str, value: str) -> None:
    """Set an enterprise parameter, such as Version or AutoRegistration."""
    security.set_parameter(
        session.cluster, _SHORT_NAMES.get(name, name), value, by=session.by
    )
    session.announce()
    session.say(f"{name} set to {value}")
    session.say("Restart the services that use it on all nodes of the cluster")


@TREE.command("show enterprise")
def show_enterprise(session: Session) -> None:
    """Show the enterprise parameters."""
    rows = list(session.cluster.parameters().items())
    session.say(columns(("Parameter", "Value"), rows))


@TREE.command(
    "set cluster hostname NEW",
    ask=Question(
        "This changes the node's name and regenerates all its certificates. "
        "Do you want to continue (yes/no)? ",
        Yes.WORD,
    ),
)
def set_hostname(session: Session, new: str) -> None:
    """Give this node another name, and with it new certificates, all at once."""
    membership.set_hostname(session.cluster, session.node, new, by=session.by)
    session.announce()
    session.renamed(new)
    session.say(f"Hostname is {new}")
    session.say("All certificates of this node were regenerated.")
    session.say(
        "Restart its services; in a mixed cluster, run utils ctl update CTLFile."
    )
