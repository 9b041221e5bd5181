"""Phones that have to prove a password: 401, and what counts as a proof."""

from dataclasses import replace

import pytest

from tests.rigs.sip_desk import PHONE, Phones, phones, register
from tokenless.protocol.phones.registration import (
    DeviceProfile,
    RegisterFailure,
    Signalling,
)
from tokenless.protocol.sip.digest import Challenge, Credentials, DigestAccount, ha1_of
from tokenless.protocol.sip.messages import SipRequest
from tokenless.services.callmanager.sip.digest import NONCE_LIFE_S, DigestCheck

ACCOUNT = DigestAccount("alice", ha1_of("alice", "secret"))


class Desk:
    """An office that asks one phone for a proof, and its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.phones: Phones = phones()
        profile = DeviceProfile(PHONE, Signalling.SIP, digest=ACCOUNT)
        self.phones.office.registrar.find_device = {PHONE: profile}.get
        self.phones.office.digest = DigestCheck(lambda: self.now)

    def challenge(self, request: SipRequest) -> Challenge:
        response = self.phones.ask(request)
        assert response.status == 401
        return Challenge.decode(response.get("www-authenticate"))

    def prove(
        self,
        challenge: Challenge,
        account: DigestAccount = ACCOUNT,
        *,
        count: int = 1,
        expires_s: int = 3600,
    ) -> SipRequest:
        request = register(expires_s=expires_s)
        said = Credentials.answer(
            challenge,
            account,
            "REGISTER",
            request.uri,
            client_nonce="c",
            count=count,
        )
        return with_proof(request, said)

    @property
    def is_registered(self) -> bool:
        return self.phones.office.registrar.find(PHONE) is not None


def with_proof(request: SipRequest, said: Credentials) -> SipRequest:
    headers = (*request.headers, ("Authorization", said.encode()))
    return replace(request, headers=headers)


def test_a_phone_that_proves_its_password_registers_and_refreshes() -> None:
    desk = Desk()
    challenge = desk.challenge(register())
    assert not desk.is_registered
    assert desk.phones.ask(desk.prove(challenge)).status == 200
    assert desk.phones.ask(desk.prove(challenge, count=2)).status == 200
    # Not without a proof, and not with one that was seen before.
    for request in (
        register(),
        register(expires_s=0),
        desk.prove(challenge),
        desk.prove(challenge, count=2, expires_s=0),
    ):
        assert desk.phones.ask(request).status == 401
        assert desk.is_registered
    assert desk.phones.ask(desk.prove(challenge, count=3, expires_s=0)).status == 200
    assert not desk.is_registered


@pytest.mark.parametrize(
    "account",
    [DigestAccount("alice", ha1_of("alice", "guess")), replace(ACCOUNT, user="bob")],
)
def test_another_password_is_refused_and_noted(account: DigestAccount) -> None:
    desk = Desk()
    challenge = desk.challenge(register())
    assert desk.phones.ask(desk.prove(challenge, account)).status == 401
    (absence,) = desk.phones.office.registrar.absences()
    assert absence.failure is RegisterFailure.AUTHENTICATION_ERROR
    assert not desk.is_registered


def test_an_old_or_foreign_nonce_is_stale_where_the_password_is_right() -> None:
    """A phone may answer once more; no failure is noted of it (RFC 7616 3.3)."""
    desk = Desk()
    challenge = desk.challenge(register())
    desk.now += NONCE_LIFE_S + 1
    again = desk.challenge(desk.prove(challenge))
    assert again.is_stale
    assert desk.phones.ask(desk.prove(again)).status == 200
    for nonce in ("", "x", "ff.ff.ff", "1.\u0661.2", f"{again.nonce}0"):
        assert desk.challenge(desk.prove(Challenge(nonce), count=9)).is_stale
    assert list(desk.phones.office.registrar.absences()) == []
    wrong = DigestAccount("alice", ha1_of("alice", "guess"))
    assert not desk.challenge(desk.prove(Challenge("x"), wrong)).is_stale


def test_a_proof_for_another_realm_is_none_and_no_failure() -> None:
    desk = Desk()
    elsewhere = replace(desk.challenge(register()), realm="another")
    assert not desk.challenge(desk.prove(elsewhere)).is_stale
    assert list(desk.phones.office.registrar.absences()) == []


def test_a_proof_of_another_address_method_or_qop_is_none() -> None:
    desk = Desk()
    elsewhere = desk.phones.office.digest.challenge("127.0.0.77")
    assert desk.phones.ask(desk.prove(elsewhere)).status == 401
    mine = desk.challenge(register())
    for method, uri in (("INVITE", register().uri), ("REGISTER", "sip:elsewhere")):
        said = Credentials.answer(mine, ACCOUNT, method, uri, client_nonce="c")
        assert desk.phones.ask(with_proof(register(), said)).status == 401
    without = replace(
        Credentials.answer(mine, ACCOUNT, "REGISTER", register().uri, client_nonce="c"),
        count="",
    )
    without = replace(without, response=without.response_for(ACCOUNT.ha1, "REGISTER"))
    assert desk.phones.ask(with_proof(register(), without)).status == 401
    assert not desk.is_registered
