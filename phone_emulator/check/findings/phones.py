"""Findings from booting phones on the observed files: lock-outs and their reasons.

An empty phone starts at each node. Every phone that has the files of a node is then
served by every node, its own again and the others, as happens when the first TFTP
server does not answer. What such a phone refuses, real phones refuse: SECD's own
decisions, without sockets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from tokenless.phone_emulator.check.findings.finding import Code, Finding, finding
from tokenless.phone_emulator.check.observing.observation import (
    Member,
    Missing,
    Node,
    Observation,
)
from tokenless.phone_emulator.secd.events import (
    AskTvsServer,
    Downloaded,
    DownloadRefused,
    Effect,
    Event,
    Fetch,
    FlashContents,
    NotFound,
    NotOpened,
    OpenEncrypted,
    PhoneIdentity,
    PowerOn,
    Server,
    ServerSilent,
    TvsAnswered,
    TvsFailed,
    TvsStage,
)
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.phone_emulator.tvs_client import NOT_IN_ITL
from tokenless.protocol.phones.configuration import (
    MAX_TVS_MEMBERS,
    PhoneConfig,
    TvsMember,
)
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason

_Case = tuple[str, str, str]
"""The node of the phone's lists, the node that serves it, the phone's reaction."""


def phone_findings(seen: Observation, models: Sequence[str]) -> Iterator[Finding]:
    """Return what phones of these models would refuse."""
    nodes = [node for node in seen.nodes if not node.is_silent]
    new: dict[_Case, list[str]] = {}
    known: dict[_Case, list[str]] = {}
    older: dict[_Case, list[str]] = {}
    for model in models:
        supplied: list[tuple[Node, FlashContents]] = []
        for node in nodes:
            secd = boot(seen, model, node, FlashContents())
            supplied.append((node, _configured(secd.contents, seen)))
            for refusal in _refusals(secd):
                new.setdefault((str(node), str(node), refusal), []).append(model)
        for home, contents in supplied:
            for node in nodes:
                secd = boot(seen, model, node, contents)
                for refusal in _refusals(secd):
                    known.setdefault((str(home), str(node), refusal), []).append(model)
                if (judgement := _older_ctl(secd)) is not None:
                    older.setdefault((str(home), str(node), judgement), []).append(
                        model
                    )
    yield from map(_new_phone, new, new.values())
    yield from map(_known_phone, known, known.values())
    yield from map(_older_list, older, older.values())


def _configured(contents: FlashContents, seen: Observation) -> FlashContents:
    """Let a phone know the TVS members that were asked, if its own were not.

    Where the made-up phone of the check gets no configuration, real ones do.
    """
    asked = [member.server for member in seen.members]
    data = contents.configuration
    if data is not None:
        known = PhoneConfig.decode(data).tvs
        if any(Server(each.address, each.port) in asked for each in known):
            return contents
    assumed = PhoneConfig(
        tvs=tuple(
            TvsMember(server.address, server.port, priority)
            for priority, server in enumerate(asked[:MAX_TVS_MEMBERS])
        )
    )
    return msgspec.structs.replace(contents, configuration=assumed.encode())


def _new_phone(case: _Case, models: Sequence[str]) -> Finding:
    _, node, refusal = case
    return finding(
        Code.NEW_PHONE_LOCKED_OUT,
        node,
        f"a phone without lists ({', '.join(models)}) refuses {refusal}",
    )


def _known_phone(case: _Case, models: Sequence[str]) -> Finding:
    home, node, refusal = case
    whose = "this node's lists" if home == node else f"the lists of {home}"
    by_hand = [m for m in models if not PHONE_MODELS[m].security_by_default]
    more = f"; on a {', '.join(by_hand)}, delete the CTL by hand" if by_hand else ""
    return finding(
        Code.PHONE_LOCKED_OUT,
        node,
        f"a phone that holds {whose} ({', '.join(models)}) refuses {refusal}",
        more=more,
    )


def _older_list(case: _Case, models: Sequence[str]) -> Finding:
    home, node, judgement = case
    return finding(
        Code.OLDER_LIST_ACCEPTED,
        node,
        f"a phone that holds the lists of {home} ({', '.join(models)}) accepts "
        f"this node's older CTL: {judgement}",
    )


def _older_ctl(secd: Secd) -> str | None:
    report = secd.report.files.get(FileKind.CTL)
    return None if report is None else report.finding


def _refusals(secd: Secd) -> Iterator[str]:
    """Return refused files with their reasons."""
    for kind, report in secd.report.files.items():
        if report.action is FileAction.REJECTED:
            rule = "" if report.rule is None else f" (rule {report.rule})"
            yield f"{kind}: {report.reason}{rule}"


def boot(seen: Observation, model: str, node: Node, holding: FlashContents) -> Secd:
    """Boot a phone that one node serves.

    Args:
        seen: The cluster.
        model: The phone's model.
        node: Its only TFTP server.
        holding: What it holds at power-up.
    """
    identity = PhoneIdentity(
        device=seen.device, model_name=model, servers=(node.server,)
    )
    secd = Secd(identity, holding, TvsCache())
    event: Event | None = PowerOn()
    while event is not None:
        effects = secd.handle(event, seen.at)
        answers = (_perform(effect, seen, node, model) for effect in effects)
        event = next((answer for answer in answers if answer is not None), None)
    return secd


def _perform(effect: Effect, seen: Observation, node: Node, model: str) -> Event | None:
    match effect:
        case Fetch():
            return _fetch(effect, node)
        case AskTvsServer():
            return _ask(effect, seen, model)
        case OpenEncrypted():
            return NotOpened()  # a phone's key is in the phone
        case _:
            return None


def _fetch(effect: Fetch, node: Node) -> Event:
    file = node.files.get(effect.name, Missing("not asked for", is_absent=True))
    if isinstance(file, bytes):
        return Downloaded(file)
    if file.is_absent:
        return NotFound()
    if file.is_silence:
        return ServerSilent(file.reason)
    return DownloadRefused(file.reason)


def _ask(effect: AskTvsServer, seen: Observation, model: str) -> Event:
    member = next((each for each in seen.members if each.server == effect.server), None)
    if member is None:
        return TvsFailed("the server was not asked", 0.0)
    obstacle = _obstacle(member, effect, model)
    if obstacle is not None:
        return obstacle
    answer = member.answers.get(
        effect.signer, "the server was not asked about this signer"
    )
    if isinstance(answer, str):
        return TvsFailed(answer, 0.0)
    return TvsAnswered(replace(answer, session_id=effect.session_id), 0.0)


def _obstacle(member: Member, effect: AskTvsServer, model: str) -> TvsFailed | None:
    """Return why this phone cannot use a member."""
    if member.certificate is None:
        return TvsFailed(member.reason or "the server cannot be reached", 0.0)
    oldest, newest = PHONE_MODELS[model].tls
    if not any(oldest <= version <= newest for version in member.versions):
        said = (
            f"the server offers TLS {', '.join(member.versions)}, a {model} "
            f"speaks {' to '.join(dict.fromkeys((oldest, newest)))}"
        )
        return TvsFailed(said, 0.0, TvsStage.HANDSHAKE, Reason.TVS_TLS)
    if member.certificate not in effect.certificates:
        code = Reason.TVS_NOT_IN_ITL
        return TvsFailed(NOT_IN_ITL, 0.0, TvsStage.HANDSHAKE, code)
    return None
