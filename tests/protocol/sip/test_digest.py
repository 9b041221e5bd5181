"""Digest authentication: the RFC's example, and what is no proof."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sip.digest import (
    Challenge,
    Credentials,
    DigestAccount,
    ha1_of,
)

ACCOUNT = DigestAccount("alice", ha1_of("alice", "secret"))
CHALLENGE = Challenge("n0nce")
URI = "sip:10.48.47.155"
PROOF = Credentials.answer(CHALLENGE, ACCOUNT, "REGISTER", URI, client_nonce="c")


def test_the_example_of_rfc_2617() -> None:
    realm = "testrealm@host.com"
    account = DigestAccount("Mufasa", ha1_of("Mufasa", "Circle Of Life", realm))
    said = Credentials.answer(
        Challenge("dcd98b7102dd2f0e8b11d0f600bfb0c093", realm),
        account,
        "GET",
        "/dir/index.html",
        client_nonce="0a4f113b",
    )
    assert said.response == "6629fae49393a05397450978507c4ef1"
    assert said.proves(account, "GET")


def test_challenges_and_credentials_go_there_and_back() -> None:
    for challenge in (CHALLENGE, Challenge("x", 'a "realm"', is_stale=True)):
        assert Challenge.decode(challenge.encode()) == challenge
    assert Credentials.decode(PROOF.encode()) == PROOF
    old = replace(PROOF, count="", client_nonce="")
    assert Credentials.decode(old.encode()) == old


@pytest.mark.parametrize(
    "said",
    [
        replace(PROOF, user="bob"),
        replace(PROOF, uri="sip:10.48.47.156"),
        replace(PROOF, nonce="other"),
        replace(PROOF, count="00000002"),
        replace(PROOF, client_nonce="d"),
        replace(PROOF, response="0" * 32),
        replace(PROOF, count=""),
    ],
)
def test_a_proof_is_of_all_that_it_says(said: Credentials) -> None:
    assert PROOF.proves(ACCOUNT, "REGISTER")
    assert not said.proves(ACCOUNT, "REGISTER")
    assert not PROOF.proves(ACCOUNT, "INVITE")
    assert not PROOF.proves(replace(ACCOUNT, ha1=ha1_of("alice", "x")), "REGISTER")


WHOLE = PROOF.encode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic QQ==",
        "Digest",
        WHOLE.replace("Digest", "Diggest"),
        WHOLE.replace('response="', 'response="zz'),
        WHOLE.replace("qop=auth", "qop=auth-int"),
        WHOLE.replace("nc=00000001", "nc=1"),
        WHOLE + ', username="bob"',
        WHOLE + ', x="' + "y" * 2000 + '"',
        WHOLE + ', open="',
        WHOLE + ", a=b" * 30,
        WHOLE.replace("uri=", "url="),
    ],
)
def test_malformed_credentials_are_refused(value: str) -> None:
    with pytest.raises(ProtocolError):
        Credentials.decode(value)


def test_another_algorithm_is_no_challenge_to_answer() -> None:
    with pytest.raises(ProtocolError):
        Challenge.decode('Digest realm="r", nonce="n", algorithm=SHA-256')


@given(st.text(max_size=80))
def test_random_values_cause_protocol_errors_only(text: str) -> None:
    for decode in (Credentials.decode, Challenge.decode):
        with contextlib.suppress(ProtocolError):
            decode("Digest " + text)


def test_what_is_as_good_as_a_password_is_in_no_description() -> None:
    assert ACCOUNT.ha1 not in repr(ACCOUNT)
