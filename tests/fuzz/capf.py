"""Fuzz CAPF: the streams of both sides with their sessions, and encrypted files.

The first byte of an input says how the rest is cut, as for TVS. Messages that come out
are given to a session of that side: only ProtocolError may end it. What is decoded is
written as it was read. An encrypted file that is decoded is decrypted, too.
"""

from functools import cache

from tests.fuzz.engine import Seeded
from tests.rigs import capf, encrypted
from tokenless.protocol.capf.messages import CapfMessage, Command
from tokenless.protocol.capf.phone import CapfIdentity, MakeKey, PhoneSession
from tokenless.protocol.capf.server import Identified, KeyMade, KeyOrder, ServerSession
from tokenless.protocol.capf.stream import FROM_PHONES, FROM_SERVERS, CapfStream
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.files.encrypted_file import EncryptedFile

BOUND = 8192
SESSION = 4


def outcome_of(
    commands: frozenset[Command], pieces: list[bytes]
) -> tuple[list[CapfMessage], str | None]:
    """Return the messages that came out, and the error that ended it."""
    stream, found = CapfStream(commands, max_buffered_bytes=BOUND), []
    try:
        for piece in pieces:
            stream.receive(piece)
            while (message := stream.next_event()) is not None:
                found.append(message)
            assert stream.buffered_bytes <= BOUND
    except ProtocolError as error:
        assert stream.buffered_bytes == 0
        return found, str(error)
    return found, None


def messages_in(commands: frozenset[Command], data: bytes) -> list[CapfMessage]:
    """Cut an input; raise ProtocolError where the stream does."""
    size, data = data[0] % 64 + 1 if data else 1, data[1 : BOUND + 1]
    whole = outcome_of(commands, [data])
    cut = outcome_of(commands, [data[i : i + size] for i in range(0, len(data), size)])
    assert cut == whole
    for message in whole[0]:
        assert CapfMessage.decode(message.encode()) == message
    if whole[1] is not None:
        raise ProtocolError(whole[1])
    return whole[0]


def server_target(data: bytes) -> None:
    """What phones send."""
    session = ServerSession(SESSION)
    session.begin()
    for message in messages_in(FROM_PHONES, data):
        event = session.handle(message)
        match event:
            case Identified(device, _, _, proof):
                if proof is not None:
                    certificate = Certificate.decode(proof.certificate)
                    proof.verify(device, certificate)
                    proof.verify_sudi(SESSION)
                session.order_key(KeyOrder())
            case KeyMade():
                session.store(b"\x30\0")
            case _:
                pass


def phone_target(data: bytes) -> None:
    """What servers send."""
    session = PhoneSession(CapfIdentity(capf.DEVICE))
    for message in messages_in(FROM_SERVERS, data):
        for effect in session.handle(message):
            if isinstance(effect, MakeKey):
                session.key_made(made_key())


@cache
def made_key() -> bytes:
    """Return the public key that a phone says it has made."""
    return capf.phone_certificate().certificate.key_info


def encrypted_target(data: bytes) -> None:
    """Decode an encrypted file, check its signature, decrypt it."""
    file = EncryptedFile.decode(data)
    assert file.encode() == data
    file.decrypt(encrypted.phone().key)  # type: ignore[arg-type]  # it is RSA
    file.verify(encrypted.signer().certificate.public_key)


@cache
def said() -> list[bytes]:
    """Return what both sides say when a phone with a certificate gets a new one."""
    own = capf.own(capf.phone_certificate(label="old"))
    return capf.conversation(identity=CapfIdentity(capf.DEVICE, own=own)).said


def seeds() -> dict[str, Seeded]:
    """Return each target with what it starts from."""
    phone, server = b"".join(said()[1::2]), b"".join(said()[0::2])
    return {
        "capf-server": (server_target, [b"\6" + phone, b"\6" + said()[1]]),
        "capf-phone": (phone_target, [b"\6" + server, b"\6" + said()[0]]),
        "encrypted-files": (encrypted_target, [encrypted.encrypted_by_hand()]),
    }
