"""CAPF sessions of both sides: each operation, each refusal, each proof."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.rigs import capf, minting
from tests.rigs.capf import DEVICE, own, phone_certificate, sudi_element
from tokenless.protocol.capf.elements import (
    CapfReason,
    CapfTag,
    CertificateType,
    Curve,
    KeyType,
    pack_certificate,
    pack_sha512_signature,
    pack_text,
)
from tokenless.protocol.capf.messages import CapfMessage, Command, capf_message
from tokenless.protocol.capf.phone import (
    CapfIdentity,
    DeleteLsc,
    MakeKey,
    PhoneSession,
    PhoneSessionState,
    RetryLater,
    SendMessage,
    SessionEnded,
    StoreLsc,
)
from tokenless.protocol.capf.proof import OwnCertificate, Proof
from tokenless.protocol.capf.server import (
    ANSWERS,
    Deleted,
    Fetched,
    Identified,
    KeyMade,
    KeyOrder,
    ServerSession,
    ServerState,
    Stored,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import verify_issued_by
from tokenless.protocol.errors import BadSignatureError, DecodeError, ProtocolError


def test_a_certificate_is_installed() -> None:
    talk = capf.conversation()
    assert talk.events == [
        Identified(DEVICE, 3, None, None),
        KeyMade(talk.public_key),
        Stored(CapfReason.OK),
    ]
    assert StoreLsc(phone_certificate().certificate) in talk.effects
    assert talk.effects[-1] == SessionEnded(CapfReason.OK)
    assert talk.server.state is ServerState.ENDED


def test_version_two_is_told_nothing_of_key_types() -> None:
    talk = capf.conversation(identity=CapfIdentity(DEVICE, version=2))
    request = CapfMessage.decode(talk.said[2])
    assert request.value(CapfTag.KEY_TYPE) is None
    assert request.number(CapfTag.KEY_SIZE) == 2048


def test_an_ec_key_is_ordered_by_its_curve() -> None:
    talk = capf.conversation(order=KeyOrder(KeyType.EC, 384, Curve.P384))
    assert MakeKey(KeyOrder(KeyType.EC, 384, Curve.P384)) in talk.effects


def test_delete() -> None:
    talk = capf.conversation(order="delete")
    assert DeleteLsc() in talk.effects
    assert talk.events[-1] == Deleted(CapfReason.OK)
    assert talk.effects[-1] == SessionEnded(CapfReason.OK)


def test_fetch() -> None:
    lsc = phone_certificate().certificate
    talk = capf.conversation(identity=CapfIdentity(DEVICE, lsc=lsc), order="fetch")
    assert talk.events[-1] == Fetched(lsc.der)
    assert talk.effects[-1] == SessionEnded(CapfReason.NO_ACTION)


def test_fetch_where_there_is_nothing() -> None:
    assert capf.conversation(order="fetch").events[-1] == Fetched(None)


def test_refused() -> None:
    talk = capf.conversation(order="refuse")
    assert talk.effects[-1] == SessionEnded(CapfReason.DECLINED)
    assert len(talk.said) == 3


def test_come_again_later() -> None:
    assert capf.conversation(order="later").effects[-1] == RetryLater(30)


def test_a_key_that_cannot_be_made() -> None:
    talk = capf.Conversation(PhoneSession(CapfIdentity(DEVICE)), ServerSession(1)).run()
    assert KeyMade(None) in talk.events
    assert talk.effects[-1] == SessionEnded(CapfReason.DECLINED)


@pytest.mark.parametrize(
    "certificate",
    [
        phone_certificate(label="another key").certificate,
        phone_certificate("SEP00AABBCCDDEE").certificate,
        None,
    ],
    ids=["another key", "another phone", "no certificate"],
)
def test_a_phone_stores_only_its_own_certificate(
    certificate: Certificate | None,
) -> None:
    phone = PhoneSession(CapfIdentity(DEVICE))
    phone.handle(ServerSession(9).begin())
    ask = {CapfTag.KEY_SIZE: b"\x08\0"}
    phone.handle(capf_message(Command.KEYGEN_REQUEST, 9, ask))
    phone.key_made(phone_certificate().certificate.key_info)
    der = b"no certificate" if certificate is None else certificate.der
    elements: dict[CapfTag, bytes | int] = {
        CapfTag.CERTIFICATE_TYPE: 1,
        CapfTag.CERTIFICATE: pack_certificate(der),
    }
    (answer,) = phone.handle(capf_message(Command.STORE_REQUEST, 9, elements))
    assert isinstance(answer, SendMessage)
    assert answer.message.number(CapfTag.REASON) == CapfReason.DECLINED


def test_every_command_in_every_state_of_the_server() -> None:
    """Only the awaited answer and a plea for patience are taken."""
    elements: dict[CapfTag, bytes | int] = {
        CapfTag.REASON: 1,
        CapfTag.VERSION: 3,
        CapfTag.DEVICE_NAME: pack_text(DEVICE),
    }
    for state in ServerState:
        for command in Command:
            session = ServerSession(7)
            session.state = state
            message = capf_message(command, 7, elements)
            if command is ANSWERS.get(state):
                assert session.handle(message) is not None
            elif command is Command.REQUEST_IN_PROGRESS and state in ANSWERS:
                assert session.handle(message) is None
                assert session.state is state
            else:
                with pytest.raises(ProtocolError, match="out of turn"):
                    session.handle(message)


def test_every_command_in_every_state_of_the_phone() -> None:
    allowed = {
        (PhoneSessionState.WAITING, Command.AUTH_REQUEST),
        (PhoneSessionState.OPEN, Command.KEYGEN_REQUEST),
        (PhoneSessionState.OPEN, Command.FETCH_REQUEST),
        (PhoneSessionState.OPEN, Command.DELETE_REQUEST),
        (PhoneSessionState.HAS_KEY, Command.STORE_REQUEST),
        *(
            (state, command)
            for state in PhoneSessionState
            for command in (Command.END_SESSION, Command.RETRY_LATER)
            if state not in (PhoneSessionState.WAITING, PhoneSessionState.ENDED)
        ),
    }
    ask = {CapfTag.KEY_SIZE: b"\x08\0"}
    for state in PhoneSessionState:
        for command in Command:
            phone = PhoneSession(CapfIdentity(DEVICE))
            phone.state = state
            message = capf_message(command, 0, ask)
            if (state, command) in allowed:
                assert phone.handle(message)
            else:
                with pytest.raises(ProtocolError):
                    phone.handle(message)


def test_another_session_is_an_error() -> None:
    server, phone = ServerSession(5), PhoneSession(CapfIdentity(DEVICE))
    (answer,) = phone.handle(server.begin())
    assert isinstance(answer, SendMessage)
    stranger = CapfMessage(Command.AUTH_RESPONSE, 6, answer.message.elements)
    with pytest.raises(ProtocolError, match="session 6 instead of 5"):
        server.handle(stranger)
    with pytest.raises(ProtocolError, match="session 6 instead of 5"):
        phone.handle(capf_message(Command.FETCH_REQUEST, 6, {}))


@pytest.mark.parametrize("missing", [CapfTag.DEVICE_NAME, CapfTag.VERSION])
def test_a_phone_must_say_its_name_and_version(missing: CapfTag) -> None:
    server = ServerSession(5)
    server.begin()
    elements: dict[CapfTag, bytes | int] = {
        CapfTag.VERSION: 3,
        CapfTag.DEVICE_NAME: pack_text(DEVICE),
    }
    del elements[missing]
    with pytest.raises(ProtocolError, match="without device name or version"):
        server.handle(capf_message(Command.AUTH_RESPONSE, 5, elements))


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        ({CapfTag.KEY_SIZE: b"\0\x07"}, "RSA keys of 7 bits"),
        ({}, "RSA keys of 0 bits"),
        ({CapfTag.KEY_TYPE: 9}, "key type 9"),
        ({CapfTag.KEY_TYPE: 1, CapfTag.CURVE: 5}, "curve 5"),
    ],
)
def test_a_phone_makes_only_keys_that_exist(
    elements: dict[CapfTag, bytes | int], why: str
) -> None:
    phone = PhoneSession(CapfIdentity(DEVICE))
    phone.handle(ServerSession(1).begin())
    with pytest.raises(ProtocolError, match=why):
        phone.handle(capf_message(Command.KEYGEN_REQUEST, 1, elements))


def test_wrong_use_is_a_bug_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="in state new"):
        ServerSession(1).fetch()
    with pytest.raises(RuntimeError, match="no key was asked for"):
        PhoneSession(CapfIdentity(DEVICE)).key_made(b"")


def proof_of(identity: OwnCertificate) -> Proof:
    talk = capf.conversation(identity=CapfIdentity(DEVICE, own=identity))
    event = talk.events[0]
    assert isinstance(event, Identified)
    assert event.proof is not None
    return event.proof


def ec_identity() -> OwnCertificate:
    key = minting.ec_key("phone")
    certificate = minting.mint(minting.lab_name(DEVICE), key, serial=5, digest="sha256")
    return OwnCertificate(CertificateType.LSC, certificate, key)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_an_existing_certificate_proves_the_phone(kind: str) -> None:
    identity = own(phone_certificate()) if kind == "RSA" else ec_identity()
    proof = proof_of(identity)
    assert proof.type == CertificateType.LSC
    proof.verify(DEVICE, identity.certificate)
    with pytest.raises(BadSignatureError):
        proof.verify("SEP00AABBCCDDEE", identity.certificate)


def test_openssl_agrees_about_the_padding() -> None:
    """The signature is the bare hash in type-1 padding, nothing else."""
    identity = phone_certificate()
    signature = proof_of(own(identity)).sha1_signature
    assert signature is not None
    public = identity.key.public_key()
    assert not isinstance(public, ec.EllipticCurvePublicKey)
    numbers = public.public_numbers()
    block = pow(int.from_bytes(signature), numbers.e, numbers.n).to_bytes(256)
    assert block[:2] == b"\0\1"
    assert block[2:235] == b"\xff" * 233
    assert block[235] == 0


@pytest.mark.parametrize("broken", ["sha1_signature", "sha512_signature"])
def test_both_signatures_are_checked(broken: str) -> None:
    identity = own(phone_certificate())
    proof = proof_of(identity)
    values = {name: getattr(proof, name) for name in Proof.__slots__}
    values[broken] = values[broken][:-1] + bytes([values[broken][-1] ^ 1])
    with pytest.raises(BadSignatureError):
        Proof(**values).verify(DEVICE, identity.certificate)


def test_a_padding_that_ends_in_the_right_hash_is_not_enough() -> None:
    """The free server compares the last bytes only; a forged block has just these."""
    key = minting.rsa_key(2048, "phone")
    identity = own(phone_certificate())
    numbers, private = key.public_key().public_numbers(), key.private_numbers()
    proof = proof_of(identity)
    assert proof.sha1_signature is not None
    block = pow(int.from_bytes(proof.sha1_signature), numbers.e, numbers.n)
    forged = b"\0\1" + bytes(234) + block.to_bytes(256)[-20:]
    signature = pow(int.from_bytes(forged), private.d, numbers.n).to_bytes(256)
    with pytest.raises(BadSignatureError):
        Proof(1, proof.certificate, signature, None, None).verify(
            DEVICE, identity.certificate
        )


def test_a_certificate_without_a_signature_proves_nothing() -> None:
    identity = own(phone_certificate())
    with pytest.raises(BadSignatureError, match="without a signature"):
        Proof(1, identity.certificate.der, None, None, None).verify(
            DEVICE, identity.certificate
        )


def sudi_proof(identity: OwnCertificate, session: int) -> Proof:
    message = capf_message(
        Command.AUTH_RESPONSE,
        1,
        {
            CapfTag.CERTIFICATE: pack_certificate(identity.certificate.der),
            CapfTag.SHA2_SIGNED_DATA: pack_sha512_signature(b"x"),
            CapfTag.SUDI_DATA: sudi_element(session, identity),
        },
    )
    proof = Proof.of_message(CapfMessage.decode(message.encode()))
    assert proof is not None
    return proof


def test_the_proof_of_the_manufacturers_certificate() -> None:
    identity = own(phone_certificate(), CertificateType.MIC)
    assert sudi_proof(identity, 77).verify_sudi(77) == identity.certificate
    with pytest.raises(BadSignatureError):
        sudi_proof(identity, 77).verify_sudi(78)
    assert proof_of(identity).verify_sudi(4) is None
    with pytest.raises(BadSignatureError, match="needs an RSA key"):
        sudi_proof(ec_identity(), 77).verify_sudi(77)


def test_the_session_id_of_a_sudi_proof_is_little_endian() -> None:
    identity = own(phone_certificate(), CertificateType.MIC)
    with pytest.raises(BadSignatureError):
        sudi_proof(identity, 0x01000000).verify_sudi(1)


def test_a_key_is_not_shown() -> None:
    shown = repr(CapfIdentity(DEVICE, password="4711", own=own(phone_certificate())))
    assert "4711" not in shown
    assert "RSAPrivateKey" not in shown


def test_who_issued_a_certificate() -> None:
    lsc, capf_certificate = phone_certificate().certificate, minting.capf().certificate
    verify_issued_by(lsc, capf_certificate)
    verify_issued_by(capf_certificate, capf_certificate)
    for other in (minting.server().certificate, lsc):
        with pytest.raises(BadSignatureError, match="did not sign"):
            verify_issued_by(lsc, other)
    damaged = bytearray(lsc.der)
    damaged[-1] ^= 1
    with pytest.raises(BadSignatureError):
        verify_issued_by(Certificate.decode(bytes(damaged)), capf_certificate)


def test_damaged_sudi_certificates_are_decode_errors() -> None:
    identity = own(phone_certificate(), CertificateType.MIC)
    proof = sudi_proof(identity, 1)
    assert proof.sudi is not None
    damaged = type(proof.sudi)(b"x", b"y", b"z")
    with pytest.raises(DecodeError):
        Proof(2, b"x", None, None, damaged).verify_sudi(1)
