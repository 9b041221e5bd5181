"""The lines of a step, as an administrator would type them, and what they mean.

admin [--node NODE] utils ctl update CTLFile
ctl-client set-mode mixed-mode --token A --token B
ctl-client update --token A --token B
token create A
cert upload Phone-SAST-trust token:A
phones boot [GROUP...]        phones off GROUP...       phones on GROUP...
phones delete-trust GROUP...  phones factory-reset GROUP...
node stop NODE                node start NODE
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from phone_emulator.errors import PhoneError


@dataclass(frozen=True, slots=True)
class Admin:
    """A command of the administration shell of a node; its questions get a yes."""

    line: str
    node: str | None
    """None: the publisher."""


@dataclass(frozen=True, slots=True)
class CtlClient:
    """The CTL Client with some tokens; the first one signs."""

    mode: str | None
    """The security mode to set, or None to update the file only."""
    tokens: tuple[str, ...]
    ignore_missing: bool = False
    """Click OK on error 2: mixed mode, and no CTL file on the server."""


@dataclass(frozen=True, slots=True)
class CreateToken:
    """A new security token, kept with the rehearsal's cluster."""

    name: str


@dataclass(frozen=True, slots=True)
class UploadCertificate:
    """A certificate for a trust store."""

    store: str
    token: str
    """The token whose certificate it is."""


_IGNORE_MISSING: Final = "--ignore-missing-file"


@unique
class PhoneVerb(StrEnum):
    """What can be done to phones."""

    BOOT = "boot"
    OFF = "off"
    ON = "on"
    DELETE_TRUST = "delete-trust"
    FACTORY_RESET = "factory-reset"


@dataclass(frozen=True, slots=True)
class Phones:
    """Something done to groups of phones; no group means all that are on."""

    verb: PhoneVerb
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodePower:
    """A node that goes down or comes back."""

    node: str
    up: bool


Action = Admin | CtlClient | CreateToken | UploadCertificate | Phones | NodePower


def parse_action(line: str) -> Action:
    """Parse one line.

    Raises:
        PhoneError: When the line is none of the forms above.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise PhoneError(f"step line {line!r}: {error}") from error
    parser = _PARSERS.get(words[0]) if words else None
    action = parser(words[1:]) if parser else None
    if action is None:
        raise PhoneError(
            f"step line {line!r} is not understood",
            hint="the forms are listed in docs/rehearsals.md",
        )
    return action


def _admin(words: list[str]) -> Action | None:
    match words:
        case ["--node", node, _, *_]:
            return Admin(shlex.join(words[2:]), node)
        case [_, *_]:
            return Admin(shlex.join(words), None)
        case _:
            return None


def _ctl_client(words: list[str]) -> Action | None:
    mode: str | None
    match words:
        case ["set-mode", mode, *options]:
            pass
        case ["update", *options]:
            mode = None
        case _:
            return None
    ignore_missing = _IGNORE_MISSING in options
    options = [word for word in options if word != _IGNORE_MISSING]
    tokens = _values_of("--token", options)
    return None if tokens is None else CtlClient(mode, tokens, ignore_missing)


def _values_of(option: str, words: list[str]) -> tuple[str, ...] | None:
    """Return the values of a repeated option, None when other words are among them."""
    pairs = list(zip(words[::2], words[1::2], strict=False))
    if len(words) % 2 or any(name != option for name, _ in pairs):
        return None
    return tuple(value for _, value in pairs)


def _token(words: list[str]) -> Action | None:
    match words:
        case ["create", name]:
            return CreateToken(name)
        case _:
            return None


def _cert(words: list[str]) -> Action | None:
    match words:
        case ["upload", store, source] if source.startswith("token:"):
            return UploadCertificate(store, source.removeprefix("token:"))
        case _:
            return None


def _phones(words: list[str]) -> Action | None:
    match words:
        case [verb, *groups] if verb in set(PhoneVerb):
            return Phones(PhoneVerb(verb), tuple(groups))
        case _:
            return None


def _node(words: list[str]) -> Action | None:
    match words:
        case [("stop" | "start") as verb, name]:
            return NodePower(name, up=verb == "start")
        case _:
            return None


_PARSERS: Final[dict[str, Callable[[list[str]], Action | None]]] = {
    "admin": _admin,
    "ctl-client": _ctl_client,
    "token": _token,
    "cert": _cert,
    "phones": _phones,
    "node": _node,
}
