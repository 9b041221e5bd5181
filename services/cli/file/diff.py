"""`tokenless file diff`: what a phone with one list makes of another."""

import json
from pathlib import Path
from typing import Any

import click

from tokenless.command_line import json_option
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.codes import role_name
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.list_diff import (
    ListDiff,
    Reaction,
    diff_lists,
    format_anchors,
    kind_of,
    survives_as_signer,
)
from tokenless.services.cli.file.input import load_trust_list
from tokenless.services.errors import ServiceError


@click.command()
@click.argument("old", type=INPUT_FILE)
@click.argument("new", type=INPUT_FILE)
@click.option(
    "--beside",
    type=INPUT_FILE,
    help="The other list that the phone holds: its ITL if OLD is a CTL, else its CTL.",
)
@json_option
def diff(old: Path, new: Path, beside: Path | None, *, as_json: bool) -> None:
    """Tell whether a phone that holds OLD would install NEW.

    The output also says which signers the phone trusts then. Exit status 0 when the
    phone installs NEW, alone or after asking TVS; 1 when it refuses NEW.
    """
    held = None if beside is None else load_trust_list(beside)
    result = diff_lists(*_of_one_kind(old, new), beside=held)
    if as_json:
        click.echo(json.dumps(_describe(result)))
    else:
        for line in (result.sentence, *_details(result)):
            click.echo(line)
    if result.outcome is Reaction.REFUSES:
        raise ServiceError(
            f"phones with {old} refuse {new}",
            hint="sign it with a key that the old list has as SAST",
        )


def _of_one_kind(old: Path, new: Path) -> tuple[TrustList, TrustList]:
    """Load both lists; a phone never puts an ITL in the place of a CTL.

    Raises:
        ServiceError: When one is a CTL and the other an ITL.
    """
    lists = load_trust_list(old), load_trust_list(new)
    kinds = [kind_of(each).value.removesuffix("File.tlv") for each in lists]
    if kinds[0] != kinds[1]:
        raise ServiceError(
            f"{old} and {new} are lists of two kinds: {kinds[0]} and {kinds[1]}",
            hint="compare two lists of one kind; --beside takes the other one that "
            "the phone holds",
        )
    return lists


def _details(result: ListDiff) -> list[str]:
    lines = [format_anchors(change) for change in result.anchors]
    if result.outcome is not Reaction.IDENTICAL and not survives_as_signer(result):
        lines.append("No SAST of the old list is in the new one: there is no way back.")
    if result.finding is not None:
        lines.append(f"Note: {result.finding}.")
    return lines


def _describe(result: ListDiff) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "sentence": result.sentence,
        "finding": result.finding,
        "anchors": [
            {
                "role": role_name(change.role),
                "role_code": change.role,
                "surviving": list(change.surviving),
                "lost": list(change.lost),
                "gained": list(change.gained),
            }
            for change in result.anchors
        ],
    }
