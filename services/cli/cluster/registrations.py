"""`tokenless device status`: which phones are registered, where, and why others not."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click

from tokenless.ground.counting import counted
from tokenless.protocol.certificates.name_text import printable
from tokenless.services.cli.cluster.administration import OpenedCluster, cluster_options
from tokenless.services.cli.file.json_output import iso
from tokenless.services.cluster.presence import (
    ItlStatus,
    Presence,
    PresenceState,
    read_presences,
)


@click.command()
@click.argument("names", nargs=-1)
@cluster_options
@click.option("--node", help="List only phones of this node.")
@click.option(
    "--state",
    type=click.Choice([each.value.lower() for each in PresenceState]),
    help="List only phones in this state.",
)
@click.option(
    "--itl",
    type=click.Choice([each.value.lower().replace(" ", "-") for each in ItlStatus]),
    help="List only phones with this ITL File Status (release 14 and later, SIP "
    "phones).",
)
def status(
    *,
    names: tuple[str, ...],
    opened: OpenedCluster,
    node: str | None,
    state: str | None,
    itl: str | None,
    as_json: bool,
) -> None:
    """Show where phones are registered, and why others are not.

    The list has all phones that a node knows, including auto-registered ones.
    """
    wanted = {name.upper() for name in names}
    with opened as cluster:
        if node is not None:
            node = cluster.node(node).name
        found = [
            presence
            for name, presence in sorted(read_presences(cluster).items())
            if (not wanted or name.upper() in wanted)
            and node in {None, presence.node}
            and state in {None, presence.state.value.lower()}
            and itl in {None, presence.itl.value.lower().replace(" ", "-")}
        ]
    if as_json:
        phones = [
            {"name": each.device, **registration_json(each)["registration"]}
            for each in found
        ]
        click.echo(json.dumps({"phones": phones}))
        return
    for each in found:
        click.echo(f"{printable(each.device)}  {presence_words(each)}")
        if each.alarms:
            click.echo(f"  last alarm: {printable(each.alarms[-1].text)}")
    counts = Counter(each.state for each in found)
    said = ", ".join(f"{count} {state.lower()}" for state, count in counts.items())
    click.echo(f"{counted(len(found), 'phone')}{f': {said}' if said else ''}")


def registration_json(presence: Presence | None) -> dict[str, Any]:
    """Return a phone's registration as a member of its JSON; null: never heard of."""
    if presence is None:
        return {"registration": None}
    return {
        "registration": {
            "state": presence.state.value.lower(),
            "registered": presence.is_registered,
            "node": presence.node,
            "since": iso(_time(presence.at)),
            "secure": presence.is_secure if presence.is_registered else None,
            "signalling": presence.signalling or None,
            "address": presence.address or None,
            "load": presence.load or None,
            "reason": presence.reason or None,
            "reason_code": presence.code or None,
            "itl_file_status": presence.itl.value,
            "alarms": [
                {"at": iso(_time(each.at)), "text": each.text}
                for each in presence.alarms
            ],
        }
    }


def presence_words(presence: Presence | None) -> str:
    """Return a phone's registration in a few words."""
    if presence is None:
        return "never registered"
    if not presence.is_registered:
        return f"{presence.words}, at {presence.node}"
    secure = "TLS" if presence.is_secure else "in clear"
    itl = "" if presence.itl is ItlStatus.UNKNOWN else f", ITL: {presence.itl}"
    return f"{presence.words}, {presence.signalling} {secure}{itl}"


def registration_lines(presence: Presence | None) -> list[str]:
    """Return the lines of `device show`."""
    lines = [f"Registration: {presence_words(presence)}"]
    if presence is not None:
        lines += [
            f"Since: {iso(_time(presence.at))}",
            f"IPv4 Address: {printable(presence.address)}".rstrip(),
            f"Active Load: {printable(presence.load)}".rstrip(),
            f"ITL File Status: {presence.itl}",
            *(
                f"Alarm {iso(_time(each.at))}: {printable(each.text)}"
                for each in presence.alarms
            ),
        ]
    return lines


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0), _LAST_SECOND), UTC)


_LAST_SECOND = 253_402_300_799
"""Of the year 9999: another host may have written anything."""
