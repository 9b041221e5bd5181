"""What a CAPF session keeps, and the exact words of its refusals."""

import pytest

from tests.rigs import capf, minting
from tests.rigs.capf import DEVICE
from tokenless.protocol.capf.elements import (
    CapfReason,
    CapfTag,
    SudiProof,
    pack_certificate,
    pack_text,
)
from tokenless.protocol.capf.messages import CapfMessage, Command, capf_message
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.proof import Proof
from tokenless.protocol.capf.server import Identified, ServerSession, ServerState
from tokenless.protocol.errors import BadSignatureError, ProtocolError

SESSION = 5


def begun() -> ServerSession:
    server = ServerSession(SESSION)
    server.begin()
    return server


def test_a_typed_string_reaches_the_decision() -> None:
    identity = CapfIdentity(DEVICE, password="4711")
    event = capf.conversation(identity=identity).events[0]
    assert event == Identified(DEVICE, 3, "4711", None)


def test_without_a_type_a_certificate_is_of_none() -> None:
    der = minting.capf().certificate.der
    elements: dict[CapfTag, bytes | int] = {CapfTag.CERTIFICATE: pack_certificate(der)}
    proof = Proof.of_message(capf_message(Command.AUTH_RESPONSE, 1, elements))
    assert proof == Proof(0, der, None, None, None)


def test_a_phone_that_shall_come_later_ends_the_session() -> None:
    server = begun()
    elements: dict[CapfTag, bytes | int] = {
        CapfTag.VERSION: 3,
        CapfTag.DEVICE_NAME: pack_text(DEVICE),
    }
    server.handle(capf_message(Command.AUTH_RESPONSE, SESSION, elements))
    later = server.retry_later(30)
    assert later.value(CapfTag.RETRY_DELAY) == b"\0\0\0\x1e"
    with pytest.raises(RuntimeError, match="in state ended"):
        server.end(CapfReason.OK)


@pytest.mark.parametrize(
    ("state", "command", "words"),
    [
        (
            ServerState.AUTHENTICATION,
            Command.AUTH_RESPONSE,
            "AUTH_RESPONSE without device name or version",
        ),
        (
            ServerState.STORING,
            Command.STORE_RESPONSE,
            "STORE_RESPONSE without a reason",
        ),
        (
            ServerState.DELETING,
            Command.DELETE_RESPONSE,
            "DELETE_RESPONSE without a reason",
        ),
    ],
)
def test_an_answer_that_lacks_something_says_what(
    state: ServerState, command: Command, words: str
) -> None:
    server = begun()
    server.state = state
    with pytest.raises(ProtocolError) as refused:
        server.handle(CapfMessage.decode(capf_message(command, SESSION, {}).encode()))
    assert str(refused.value) == words


def test_a_signature_that_does_not_hold_is_named() -> None:
    identity = capf.phone_certificate()
    der, right = identity.certificate.der, identity.certificate
    for proof, words in (
        (
            Proof(1, der, None, None, None),
            "the certificate came without a signature",
        ),
        (
            Proof(1, der, bytes(256), None, None),
            "the sha1 signature was not made by the certificate's key",
        ),
        (
            Proof(1, der, None, bytes(256), None),
            "the sha512 signature was not made by the certificate's key",
        ),
    ):
        with pytest.raises(BadSignatureError) as refused:
            proof.verify(DEVICE, right)
        assert str(refused.value) == words


def test_a_sudi_proof_of_another_kind_of_key_says_so() -> None:
    key = minting.ec_key("phone")
    der = minting.mint(minting.lab_name(DEVICE), key, serial=5, digest="sha256").der
    sudi = SudiProof(der, b"", b"")
    with pytest.raises(BadSignatureError) as refused:
        Proof(1, der, None, None, sudi).verify_sudi(1)
    assert str(refused.value) == "a SUDI proof needs an RSA key"
