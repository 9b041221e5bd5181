"""Boot a phone on observed files: SECD's own decisions, no sockets."""

from dataclasses import replace

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
    ServerSilent,
    TvsAnswered,
    TvsFailed,
    TvsStage,
)
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.phone_emulator.tvs_client import NOT_IN_ITL
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.trust.reasons import Reason


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
