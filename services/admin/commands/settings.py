"""`help`, `set cli …`, enterprise parameters and the names of nodes."""

from services.admin.command import TREE, UsageError
from services.admin.help import help_text
from services.admin.session import Session


@TREE.command("help [WORD...]")
def show_help(session: Session, *words: str) -> None:
    """Show what may be typed, or what a command does."""
    session.say(help_text(TREE, words))


@TREE.command("set cli pagination SWITCH")
def set_pagination(session: Session, switch: str) -> None:
    """Stop after each screen of output, or do not: on, off."""
    if switch not in {"on", "off"}:
        raise UsageError(f"pagination is on or off, not {switch}")
    session.pagination = switch == "on"
    session.say(f"Automatic pagination is turned {switch}")
