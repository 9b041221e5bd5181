"""A goal as a person writes it: "regenerate CallManager, TVS, CAPF"."""

import re
from collections.abc import Iterable
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.model import Site
from tokenless.phone_emulator.planner.steps import Regenerate
from tokenless.protocol.codes import UNITS, TrustStore

_FORM: Final = 'write it as "regenerate CallManager, TVS, CAPF" or "CallManager@NODE"'
_VERB: Final = re.compile(r"\s*(?:regenerate\b)?(.*)", re.IGNORECASE | re.DOTALL)


def parse_goal(text: str, site: Site) -> tuple[Regenerate, ...]:
    """Read a goal: units, each on all its nodes, or on one (`UNIT@NODE`).

    Raises:
        PhoneError: When it names no unit, or a node that there is not.
    """
    match = _VERB.fullmatch(text)
    rest = match[1] if match else ""
    words = [part.strip() for part in re.split(r"[,;]| and ", rest) if part.strip()]
    goal = tuple(dict.fromkeys(step for word in words for step in _steps(word, site)))
    if not goal:
        raise PhoneError(f"{text!r} names no certificate", hint=_FORM)
    return goal


def _steps(word: str, site: Site) -> Iterable[Regenerate]:
    name, _, node_name = (part.strip() for part in word.partition("@"))
    if node_name:
        return [regeneration(name, node_name, site)]
    unit = _unit(name)
    return [Regenerate(unit, node) for node in site.holders(unit)]


def regeneration(unit_name: str, node_name: str, site: Site) -> Regenerate:
    """Return the step that replaces one certificate.

    Raises:
        PhoneError: When there is no such unit or node, or the node has none of it.
    """
    unit, node = _unit(unit_name), node_number(node_name, site)
    if node not in site.holders(unit):
        raise PhoneError(
            f"{unit} is the publisher's, for the whole cluster", hint=f"write {unit}"
        )
    return Regenerate(unit, node)


def _unit(name: str) -> TrustStore:
    for unit in UNITS:
        if unit.lower() == name.lower():
            return unit
    raise PhoneError(
        f"there is no certificate {name!r}", hint=f"units are {', '.join(UNITS)}"
    )


def node_number(name: str, site: Site) -> int:
    """Return a node's number.

    Raises:
        PhoneError: When there is none of that name.
    """
    for number, known in enumerate(site.nodes):
        if known.lower() == name.lower():
            return number
    raise PhoneError(
        f"there is no node {name!r}", hint=f"nodes are {', '.join(site.nodes)}"
    )
