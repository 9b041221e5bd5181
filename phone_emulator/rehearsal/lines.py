"""The lines of a step, as an administrator would type them, parsed into actions.

admin [--node NODE | --all] [--cluster C] utils ctl update CTLFile
ctl-client set-mode mixed-mode --token A --token B
ctl-client update --token A --token B [--ignore-missing-file]
token create A
cert upload STORE token:A [--cluster C]
cert upload STORE NODE:UNIT [--cluster C]
cert import FROM-CLUSTER [--cluster C]
recovery-key export NAME [--cluster C]      recovery-key sign NAME [--cluster C]
backup take NAME                            backup restore NAME [STORE...]
phones boot [GROUP...]        phones off GROUP...       phones on GROUP...
phones delete-trust GROUP...  phones factory-reset GROUP...
phones move GROUP... --to NODE...
node stop NODE                node start NODE
node rename NODE NEW          node add NODE ADDRESS         node remove NODE
time pass DAYS
"""

import shlex
from collections.abc import Callable
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.actions import (
    Action,
    AddNode,
    Admin,
    Backup,
    CreateToken,
    CtlClient,
    ExportRecoveryKey,
    ImportCertificates,
    NodePower,
    PassTime,
    Phones,
    PhoneVerb,
    RemoveNode,
    RenameNode,
    SignWithRecoveryKey,
    UploadCertificate,
)

_IGNORE_MISSING: Final = "--ignore-missing-file"
_ALL: Final = "--all"
_MAX_DAYS: Final = 36_500


def parse_action(line: str) -> Action:
    """Parse one line.

    Raises:
        PhoneError: When the line is none of the forms above.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise PhoneError(
            f"step line {line!r}: {error}", hint="close what was quoted"
        ) from error
    parser = _PARSERS.get(words[0]) if words else None
    action = parser(words[1:]) if parser else None
    if action is None:
        raise PhoneError(
            f"step line {line!r} is not understood",
            hint="the forms are listed in docs/rehearsals.md",
        )
    return action


def _admin(words: list[str]) -> Action | None:
    node: str | None = None
    cluster: str | None = None
    everywhere = False
    while words and words[0].startswith("--"):
        match words:
            case ["--node", node, *words]:
                pass
            case ["--cluster", cluster, *words]:
                pass
            case [option, *words] if option == _ALL:
                everywhere = True
            case _:
                return None
    return Admin(shlex.join(words), node, cluster, everywhere) if words else None


def _ctl_client(words: list[str]) -> Action | None:
    mode: str | None
    match words:
        case ["set-mode", mode, *options]:
            pass
        case ["update", *options]:
            mode = None
        case _:
            return None
    others = [word for word in options if word != _IGNORE_MISSING]
    tokens = _values_of("--token", others)
    if tokens is None:
        return None
    return CtlClient(mode, tokens, len(others) < len(options))


def _values_of(option: str, words: list[str]) -> tuple[str, ...] | None:
    """Return the values of a repeated option, None when other words are among them."""
    pairs = list(zip(words[::2], words[1::2], strict=False))
    if len(words) % 2 or any(name != option for name, _ in pairs):
        return None
    return tuple(value for _, value in pairs)


def _cluster_of(options: list[str]) -> tuple[str | None] | None:
    """Return the value of `--cluster` in a tuple; None when there is something else."""
    match options:
        case []:
            return (None,)
        case ["--cluster", name]:
            return (name,)
        case _:
            return None


def _token(words: list[str]) -> Action | None:
    match words:
        case ["create", name]:
            return CreateToken(name)
        case _:
            return None


def _cert(words: list[str]) -> Action | None:
    match words:
        case ["upload", store, source, *options] if ":" in source:
            target = _cluster_of(options)
            if target is None:
                return None
            owner, _, rest = source.partition(":")
            if owner == "token":
                return UploadCertificate(store, rest, cluster=target[0])
            return UploadCertificate(
                store, None, node=owner, unit=rest, cluster=target[0]
            )
        case ["import", source, *options]:
            target = _cluster_of(options)
            return target and ImportCertificates(source, target[0])
        case _:
            return None


def _recovery_key(words: list[str]) -> Action | None:
    match words:
        case [("export" | "sign") as verb, name, *options]:
            target = _cluster_of(options)
            kind = ExportRecoveryKey if verb == "export" else SignWithRecoveryKey
            return target and kind(name, target[0])
        case _:
            return None


def _backup(words: list[str]) -> Action | None:
    match words:
        case ["take", name]:
            return Backup(name, restore=False)
        case ["restore", name, *stores]:
            return Backup(name, restore=True, stores=tuple(stores))
        case _:
            return None


def _phones(words: list[str]) -> Action | None:
    match words:
        case ["move", *rest] if "--to" in rest:
            cut = rest.index("--to")
            groups, nodes = tuple(rest[:cut]), tuple(rest[cut + 1 :])
            return Phones(PhoneVerb.MOVE, groups, nodes) if groups and nodes else None
        case [verb, *groups] if verb in set(PhoneVerb) - {PhoneVerb.MOVE}:
            return Phones(PhoneVerb(verb), tuple(groups))
        case _:
            return None


def _node(words: list[str]) -> Action | None:
    match words:
        case [("stop" | "start") as verb, name]:
            return NodePower(name, up=verb == "start")
        case ["rename", name, new]:
            return RenameNode(name, new)
        case ["add", name, address]:
            return AddNode(name, address)
        case ["remove", name]:
            return RemoveNode(name)
        case _:
            return None


def _time(words: list[str]) -> Action | None:
    match words:
        case ["pass", days] if days.isdecimal() and int(days) <= _MAX_DAYS:
            return PassTime(int(days))
        case _:
            return None


_PARSERS: Final[dict[str, Callable[[list[str]], Action | None]]] = {
    "admin": _admin,
    "backup": _backup,
    "cert": _cert,
    "ctl-client": _ctl_client,
    "node": _node,
    "phones": _phones,
    "recovery-key": _recovery_key,
    "time": _time,
    "token": _token,
}
