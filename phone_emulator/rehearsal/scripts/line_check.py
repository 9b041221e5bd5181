"""Checks every line of a script before anything is played.

`line_arguments` checks each argument of a line. Commands of the administration shell
are read by the shell's own grammar, without running them. What depends on the state of
a cluster (a command that is refused) is found when it is played only.
"""

import json
import re
from pathlib import Path
from typing import Final

from tokenless.ground.toml_files import line_of
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    AddNode,
    Admin,
    Backup,
    CreateToken,
    ExportRecoveryKey,
    LineAction,
    NodePower,
    Phones,
    RemoveNode,
    RenameNode,
    SetSetting,
    SignCertificate,
    UploadCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.line_arguments import (
    LineError,
    LinePlace,
    ScriptNames,
    check_argument,
    check_known,
    check_setting,
    check_unit,
    nearest,
)
from tokenless.phone_emulator.rehearsal.scripts.lines import Line, parse_line
from tokenless.phone_emulator.rehearsal.scripts.permitted import unserved_nodes
from tokenless.phone_emulator.rehearsal.scripts.script import (
    MAIN_CLUSTER,
    Group,
    Script,
    Step,
)
from tokenless.phone_emulator.rehearsal.scripts.script_files import at_release
from tokenless.phone_emulator.rehearsal.scripts.switched_off import check_switched_on
from tokenless.protocol.codes import EVERY_ROLE, UNITS_OF_PUBLISHER, NodeRole, units_of
from tokenless.protocol.errors import TokenlessError
from tokenless.protocol.release import Release
from tokenless.services.admin.shell import check_line
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.errors import SettingError

_HOST_NAME_COMMAND: Final = ("set", "cluster", "hostname")
_REGENERATE: Final = ("set", "cert", "regen")
_STEP_HEAD: Final = re.compile(r"\s*\[\[\s*steps\s*\]\]")
_SERVICE: Final = ("utils", "service")
_ROLES: Final = {"tftp": NodeRole.TFTP, "callmanager": NodeRole.CALLMANAGER}
"""The role of a service, by the last word of its name."""


def check_file(path: Path, script: Script) -> None:
    """Check the lines of a script that was read from a file, in all its variants.

    Raises:
        PhoneError: When a line cannot be done; names the file and the line.
    """
    for variant in script.variants or (None,):
        try:
            check_lines(script, variant)
        except LineError as error:
            line = _source_line(path, error)
            place = f"{path}:{line}" if line else str(path)
            raise PhoneError(f"{place}: {error}", hint=error.hint) from None
        except SettingError as error:
            line = line_of(path.read_text(encoding="utf-8"), error.keys)
            place = f"{path}:{line}" if line and error.is_override else str(path)
            raise PhoneError(f"{place}: {error}", hint=error.hint) from None
        except TokenlessError as error:
            raise PhoneError(f"{path}: {error}", hint=error.hint) from None


def _source_line(path: Path, error: LineError) -> int | None:
    """Return the line of the file in which a line of `run` stands, as far as found."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    heads = [n for n, text in enumerate(lines) if _STEP_HEAD.match(text)]
    if len(heads) < error.step:
        return None
    written = (json.dumps(error.line, ensure_ascii=False), f"'{error.line}'")
    for number in range(heads[error.step - 1], len(lines)):
        if any(each in lines[number] for each in written):
            return number + 1
    return heads[error.step - 1] + 1


def check_lines(script: Script, variant: str | None = None) -> None:
    """Check the lines of a script.

    Args:
        script: The script, as its file has it.
        variant: Of which variant; its steps and the common ones are checked.

    Raises:
        PhoneError: When a line cannot be done; says which, and what comes nearest.
        ConfigurationError: When a cluster's settings cannot be used.
    """
    configs = _configs(script if variant is None else at_release(script, variant))
    names = ScriptNames(
        [group.name for group in script.groups],
        {name: _ordered(config) for name, config in configs.items()},
        [name for name, _ in unserved_nodes(script.unserved)],
        [pool.name for pool in configs[MAIN_CLUSTER].device_pools],
        {node.name: node.activated for each in configs.values() for node in each.nodes},
        {name: Release.parse(each.cluster.version) for name, each in configs.items()},
    )
    for group in script.groups:
        _check_group(group, names)
    for number, step in enumerate(script.steps, 1):
        if variant is None or not step.only or variant in step.only:
            _check_step(step, number, names)


def _check_group(group: Group, names: ScriptNames) -> None:
    for node in group.tftp:
        if node not in names.tftp_nodes:
            what = "does not serve TFTP" if node in names.nodes else "is not a node"
            raise PhoneError(
                f"group {group.name} has the TFTP server {node}, which {what}"
                + ("" if node in names.nodes else " of the rehearsal"),
                hint=nearest("node", node, names.tftp_nodes),
            )
    if group.pool is not None and group.pool not in names.pools:
        raise PhoneError(
            f"group {group.name} has the device pool {group.pool}, which is not one "
            "of the cluster",
            hint=nearest("device pool", group.pool, names.pools),
        )


def _ordered(config: ClusterConfig) -> list[str]:
    """Return the names of nodes, the publisher first."""
    return [n.name for n in sorted(config.nodes, key=lambda n: not n.publisher)]


def served_nodes(script: Script) -> dict[str, frozenset[NodeRole]]:
    """Return the nodes of a script's first cluster and their roles, publisher first.

    Raises:
        ConfigurationError: When its settings cannot be used.
    """
    config = _configs(script)[MAIN_CLUSTER]
    roles = {node.name: node.activated for node in config.nodes}
    return {name: roles[name] for name in _ordered(config)}


def _configs(script: Script) -> dict[str, ClusterConfig]:
    settings = {MAIN_CLUSTER: script.cluster, **script.others}
    found = {}
    for name, each in settings.items():
        try:
            found[name] = load_config(None, each)
        except SettingError as error:
            if not error.is_override:
                raise
            is_main = name == MAIN_CLUSTER
            raise error.below(*(["cluster"] if is_main else ["others", name])) from None
    return found


def _check_step(step: Step, number: int, names: ScriptNames) -> None:
    for place, text in enumerate(step.run, 1):
        where = LinePlace(number, step.title, place, text)
        line = _parsed(text, where)
        for name, values in line.values.named().items():
            for value in values:
                check_argument(name, value, names, where)
        may_be_refused = step.refused and place == len(step.run)
        _check_action(line, names, where)
        if isinstance(line.action, SetSetting):
            _check_setting(line.action, where)
        if isinstance(line.action, Admin):
            _check_admin(line.action, names, where, may_be_refused=may_be_refused)
        if not may_be_refused:
            _check_power(line.action, names, where)
            _follow(line.action, names)


def _parsed(text: str, where: LinePlace) -> Line:
    try:
        return parse_line(text)
    except PhoneError as error:
        raise LineError(where, str(error), hint=error.hint) from None


def _check_action(line: Line, names: ScriptNames, where: LinePlace) -> None:
    """Check what goes beyond single arguments."""
    match line.action:
        case UploadCertificate(token=None, node=node, unit=unit):
            check_known("node", node or "", names.all_nodes, where)
            check_unit(unit or "", names, where)
        case SignCertificate(unit=unit, node=node):
            if node is not None:
                check_known("node", node, names.all_nodes, where)
            check_unit(unit, names, where)
        case UploadCertificate(token=token):
            check_known("token", token or "", names.tokens, where)
        case Phones(to=nodes):
            for each in nodes:
                check_known("TFTP node", each, names.tftp_nodes, where)
        case NodePower(node=node):
            check_known("node", node, names.nodes, where)
        case RemoveNode(node=node):
            if any(node == nodes[0] for nodes in names.clusters.values()):
                reason = f"{node} is the publisher"
                raise LineError(where, reason, hint="only subscribers can be removed")
        case _:
            pass


def _check_setting(action: SetSetting, where: LinePlace) -> None:
    try:
        check_setting(action.key, action.value)
    except PhoneError as error:
        raise LineError(where, str(error), hint=error.hint) from None


def _check_power(action: LineAction, names: ScriptNames, where: LinePlace) -> None:
    try:
        check_switched_on(action, names.clusters, names.off)
    except PhoneError as error:
        raise LineError(where, str(error), hint=error.hint) from None


def _follow(action: LineAction, names: ScriptNames) -> None:
    """Follow what a line changes about the names."""
    match action:
        case CreateToken(name=name):
            names.tokens.append(name)
        case ExportRecoveryKey(name=name):
            names.keys.append(name)
        case Backup(name=name, restore=False):
            names.backups.append(name)
        case NodePower(node=node, up=up):
            (names.off.discard if up else names.off.add)(node)
        case RenameNode(node=node, new=new):
            _rename(names, node, new)
        case AddNode(node=node):
            names.clusters[MAIN_CLUSTER].append(node)
        case RemoveNode(node=node):
            for nodes in names.clusters.values():
                nodes[:] = [each for each in nodes if each != node]
            names.off.discard(node)
        case _:
            pass


def _check_admin(
    action: Admin, names: ScriptNames, where: LinePlace, *, may_be_refused: bool
) -> None:
    try:
        command = check_line(action.line)
    except TokenlessError as error:
        raise LineError(where, str(error), hint=error.hint) from None
    nodes = names.clusters[action.cluster or MAIN_CLUSTER]
    on = action.node or nodes[0]
    is_subscriber = all(on != each[0] for each in names.clusters.values() if each)
    if may_be_refused:
        return
    if command.publisher_only and is_subscriber:
        raise LineError(
            where,
            f"{command.synopsis} is a command of the publisher",
            hint="leave --node out",
        )
    if command.words == _REGENERATE and (is_subscriber or action.everywhere):
        _check_unit(action, on, names, where)
    role = _ROLES.get(action.line.split()[-1].casefold())
    is_order = command.words[:2] == _SERVICE and not action.everywhere
    if is_order and role is not None and role not in names.roles.get(on, EVERY_ROLE):
        raise LineError(
            where,
            f"{on} does not have the role {role}",
            hint="name a node that has it with --node, or all with --all",
        )
    if command.words == _HOST_NAME_COMMAND and not action.everywhere:
        _rename(names, on, action.line.split()[len(_HOST_NAME_COMMAND)])


def _check_unit(action: Admin, on: str, names: ScriptNames, where: LinePlace) -> None:
    """Check that subscribers have the unit; before 14 they have a CAPF certificate."""
    clusters = names.clusters
    homes = (name for name, nodes in clusters.items() if on in nodes)
    home = action.cluster or next(homes, MAIN_CLUSTER)
    there = units_of(is_publisher=False, release=names.releases[home])
    unit = action.line.split()[len(_REGENERATE)].lower()
    alone = {each.lower() for each in UNITS_OF_PUBLISHER if each not in there}
    if unit in alone and len(clusters[home]) > 1:
        raise LineError(
            where,
            f"only the publisher has the unit {unit}",
            hint="leave --node and --all out",
        )


def _rename(names: ScriptNames, node: str, new: str) -> None:
    for nodes in names.clusters.values():
        nodes[:] = [new if each == node else each for each in nodes]
