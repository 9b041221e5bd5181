"""A CAPF server and a phone in memory, and the conversations that they have."""

from dataclasses import dataclass, field

from tests.rigs import minting
from tests.rigs.minting import Identity
from tokenless.protocol.capf.elements import CapfReason, CertificateType, SudiProof
from tokenless.protocol.capf.messages import CapfMessage
from tokenless.protocol.capf.phone import (
    CapfIdentity,
    DeleteLsc,
    MakeKey,
    PhoneEffect,
    PhoneSession,
    RetryLater,
    SendMessage,
    SessionEnded,
    StoreLsc,
)
from tokenless.protocol.capf.proof import _SHA1, _SHA512, OwnCertificate, _sign
from tokenless.protocol.capf.server import (
    Deleted,
    Fetched,
    Identified,
    KeyMade,
    KeyOrder,
    ServerEvent,
    ServerSession,
    Stored,
)
from tokenless.protocol.certificates.certificate import Certificate

DEVICE = "SEP001122334455"
RSA_2048 = KeyOrder()


def phone_certificate(
    device: str = DEVICE, label: str = "phone", *, issuer: Identity | None = None
) -> Identity:
    """Return a phone's certificate of RSA-2048, issued by the lab's CAPF."""
    key = minting.rsa_key(2048, label)
    capf = issuer or minting.capf()
    parent = (minting.lab_name("CAPF-e41e7d87"), capf.key)
    certificate = minting.mint(
        minting.lab_name(device),
        key,
        serial=minting.serial_of(label),
        issuer=parent,  # type: ignore[arg-type]  # CAPF's key is RSA
    )
    return Identity(certificate, key)


def own(
    identity: Identity, kind: CertificateType = CertificateType.LSC
) -> OwnCertificate:
    return OwnCertificate(kind, identity.certificate, identity.key)


@dataclass
class Conversation:
    """Lets a server session and a phone session talk, and keeps what was said."""

    phone: PhoneSession
    server: ServerSession
    order: KeyOrder | str = field(default_factory=KeyOrder)
    """The key to order; or `delete`, `fetch`, `later`, `refuse`."""
    issued: Certificate | None = None
    """What the server stores on the phone."""
    public_key: bytes | None = None
    """What the phone makes; None: it fails."""
    said: list[bytes] = field(default_factory=list)
    events: list[ServerEvent] = field(default_factory=list)
    effects: list[PhoneEffect] = field(default_factory=list)

    def run(self) -> "Conversation":
        message: CapfMessage | None = self.server.begin()
        while message is not None:
            message = self._to_phone(message)
            if message is not None:
                message = self._to_server(message)
        return self

    def _to_phone(self, message: CapfMessage) -> CapfMessage | None:
        self.said.append(message.encode())
        effects = self.phone.handle(CapfMessage.decode(message.encode()))
        self.effects += effects
        for effect in effects:
            match effect:
                case SendMessage(answer):
                    return answer
                case MakeKey():
                    if self.public_key is None:
                        return self.phone.key_failed().message
                    return self.phone.key_made(self.public_key).message
                case SessionEnded() | RetryLater():
                    return None
                case StoreLsc() | DeleteLsc():
                    pass
        raise AssertionError(effects)

    def _to_server(self, message: CapfMessage) -> CapfMessage:
        self.said.append(message.encode())
        event = self.server.handle(CapfMessage.decode(message.encode()))
        assert event is not None
        self.events.append(event)
        match event:
            case Identified():
                return self._decided()
            case KeyMade(key) if key is None or self.issued is None:
                return self.server.end(CapfReason.DECLINED)
            case KeyMade():
                assert self.issued is not None
                return self.server.store(self.issued.der)
            case Fetched():
                return self.server.end(CapfReason.NO_ACTION)
            case Stored() | Deleted():
                return self.server.end(CapfReason.OK)

    def _decided(self) -> CapfMessage:
        match self.order:
            case "delete":
                return self.server.delete()
            case "fetch":
                return self.server.fetch()
            case "later":
                return self.server.retry_later(30)
            case KeyOrder() as order:
                return self.server.order_key(order)
            case _:
                return self.server.end(CapfReason.DECLINED)


def conversation(
    *,
    identity: CapfIdentity | None = None,
    session: int = 4,
    order: KeyOrder | str = RSA_2048,
) -> Conversation:
    """Let a phone get a certificate, or what `order` says."""
    lsc = phone_certificate()
    return Conversation(
        PhoneSession(identity or CapfIdentity(DEVICE)),
        ServerSession(session),
        order,
        lsc.certificate,
        lsc.certificate.key_info,
    ).run()


def sudi_element(session_id: int, own: OwnCertificate) -> bytes:
    """Return the value of element 16, which no phone of ours sends."""
    der = own.certificate.der
    data = session_id.to_bytes(4, "little") + der
    signatures = (_sign(own.key, data, digest) for digest in (_SHA1, _SHA512))
    return SudiProof(der, *signatures).encode()
