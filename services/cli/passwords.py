"""Passwords that a command needs and no option gave: asked for, or read from a pipe."""

import sys

import click


def asked_for(
    context: click.Context, question: str, variable: str, *, confirm: bool
) -> str:
    """Ask a terminal for a password, or read a line of a script's.

    Python's getpass warns in three lines where there is no terminal.

    Args:
        context: The command's.
        question: What to ask, without a colon.
        variable: The environment variable that gives it without a question.
        confirm: Whether a person types it twice.

    Raises:
        UsageError: When there is neither a terminal nor a line.
    """
    if sys.stdin.isatty():
        asked: str = click.prompt(
            question, hide_input=True, confirmation_prompt=confirm
        )
        return asked
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError(
            f"no password, and no terminal to ask for one: set {variable}", context
        )
    return line
