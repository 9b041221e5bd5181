"""A phone without sockets, which boots against authorities in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.rigs.cluster import DEVICE, NOW, PUB, SUB, Authority, Lab
from tokenless.phone_emulator.secd.events import (
    AskTvsServer,
    Downloaded,
    Event,
    Fetch,
    Finish,
    FlashContents,
    Install,
    NotFound,
    NotOpened,
    Opened,
    OpenEncrypted,
    PhoneBehaviour,
    PhoneIdentity,
    PowerOn,
    Server,
    ServerSilent,
    TvsAnswered,
    TvsFailed,
    TvsStage,
)
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.record import BootRecorder
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.protocol.errors import CannotDecryptError
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.trust.anchors import FileKind, VerifiedBy
from tokenless.protocol.trust.reasons import Reason


@dataclass
class Bench:
    """One phone and the nodes it can reach."""

    nodes: Mapping[str, Authority]
    """By address."""
    identity: PhoneIdentity
    contents: FlashContents = field(default_factory=FlashContents)
    cache: TvsCache = field(default_factory=TvsCache)
    now: float = NOW
    key: RSAPrivateKey | None = None
    """Of the phone's own certificate."""
    events: list[Event] = field(default_factory=list)
    secd: Secd = field(init=False)

    def __post_init__(self) -> None:
        self.secd = Secd(self.identity, self.contents, self.cache)

    def lose(self, name: str) -> None:
        """Erase one of `ctl`, `itl`, `configuration` from the phone's flash."""
        self.contents = msgspec.structs.replace(self.contents, **{name: None})

    def boot(self, recorder: BootRecorder | None = None) -> Secd:
        """Boot once; the phone keeps what it installed."""
        if recorder:
            recorder.start(self.identity, self.contents, self.cache)
        self.secd = Secd(self.identity, self.contents, self.cache)
        self.events = []
        event: Event | None = PowerOn()
        while event is not None:
            self.events.append(event)
            effects = self.secd.handle(event, self.now)
            if recorder:
                recorder.add(event, self.now, self.secd.state, effects)
            event = None
            for effect in effects:
                match effect:
                    case Fetch():
                        event = self._fetch(effect)
                    case AskTvsServer():
                        event = self._ask(effect)
                    case OpenEncrypted():
                        event = self._open(effect)
                    case Install() | Finish():
                        pass
        self.contents = self.secd.contents
        return self.secd

    def _fetch(self, effect: Fetch) -> Event:
        node = self.nodes.get(effect.server.address)
        if node is None or node.silent:
            return ServerSilent("no answer")
        data = node.fetch(effect.name)
        return NotFound() if data is None else Downloaded(data)

    def _open(self, effect: OpenEncrypted) -> Event:
        if self.key is None:
            return NotOpened()
        try:
            content = EncryptedFile.decode(effect.data).decrypt(self.key)
        except CannotDecryptError:
            return NotOpened()
        return Opened(content)

    def _ask(self, effect: AskTvsServer) -> Event:
        node = self.nodes.get(effect.server.address)
        if node is None or node.tvs_down or node.tvs_certificate is None:
            return TvsFailed("Connection refused", 1.0)
        if node.tvs_certificate.certificate.der not in effect.certificates:
            reason = "its certificate is no TVS record of the ITL"
            code = Reason.TVS_NOT_IN_ITL
            return TvsFailed(reason, 1.0, TvsStage.HANDSHAKE, code)
        return TvsAnswered(node.answer(effect.query), 1.0)


def phone(
    nodes: Mapping[str, Authority],
    *,
    model: str = "7975",
    servers: Sequence[str] = (PUB, SUB),
    habits: PhoneBehaviour | None = None,
) -> Bench:
    """Return a phone with empty flash."""
    identity = PhoneIdentity(
        device=DEVICE,
        model_name=model,
        servers=tuple(Server(address, 69) for address in servers),
        habits=habits or PhoneBehaviour(),
    )
    return Bench(nodes, identity)


def nodes_of(lab: Lab) -> dict[str, Authority]:
    """Return both nodes by address."""
    return {PUB: lab.authority("pub"), SUB: lab.authority("sub")}


def booted(lab: Lab, *, servers: Sequence[str] = (PUB, SUB)) -> Bench:
    """Return a phone that has booted once against `lab`."""
    return reboot(phone({}, servers=servers), lab)


def reboot(bench: Bench, lab: Lab) -> Bench:
    """Boot again, with `lab` as it is now."""
    bench.nodes = nodes_of(lab)
    bench.boot()
    return bench


def fate(
    bench: Bench, kind: FileKind
) -> tuple[FileAction, VerifiedBy | None, int | None]:
    """Return what became of a file: the action, who vouched, under which rule."""
    report = bench.secd.report.files[kind]
    return report.action, report.verified_by, report.rule
