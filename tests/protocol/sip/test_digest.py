"""Digest authentication: the RFC's example, and what is no proof."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sip.digest import Challenge, Credentials, DigestAccount, ha1_of

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
TWICE = "a parameter of Digest twice, or too long"


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


def test_headers_are_written_as_phones_expect_them() -> None:
    assert Challenge("n", is_stale=True).encode() == (
        'Digest realm="ccmsipline", nonce="n", algorithm=MD5, qop="auth", stale=true'
    )
    said = replace(PROOF, response="0" * 32)
    start = (
        'Digest username="alice", realm="ccmsipline", nonce="n0nce", '
        f'uri="{URI}", response="{"0" * 32}", algorithm=MD5'
    )
    assert said.encode() == f'{start}, qop=auth, nc=00000001, cnonce="c"'
    assert replace(said, count="").encode() == start


def test_credentials_are_read_whatever_their_case_and_order() -> None:
    said = Credentials.decode(
        'digest NC=0000000A , Qop="auth", cnonce="c\\"d", response='
        f'"{"AB" * 16}", uri="{URI}", nonce=n, realm="", userName="a\\\\b"'
    )
    assert said == Credentials("a\\b", "", "n", URI, "ab" * 16, "0000000a", 'c"d')
    without = Credentials.decode(
        'Digest nc=1, username="a", realm="r", nonce="n", uri="u", '
        f'response="{"0" * 32}"'
    )
    assert without == Credentials("a", "r", "n", "u", "0" * 32, "", "")


def test_a_challenge_has_defaults_for_what_it_does_not_say() -> None:
    assert Challenge.decode('Digest nonce="n"') == Challenge("n", "")
    whole = 'Digest nonce="n", realm="r", algorithm=md5, stale="TRUE"'
    assert Challenge.decode(whole) == Challenge("n", "r", is_stale=True)
    assert not Challenge.decode('Digest nonce="n", stale=false').is_stale
    with pytest.raises(ProtocolError) as refused:
        Challenge.decode('Digest realm="r"')
    words = "not a Digest challenge that can be answered at byte 0"
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Basic x", "not Digest authentication at byte 0"),
        ('Digest username="a"', "Digest credentials lack a parameter at byte 0"),
        (
            'Digest username="a", realm="r", nonce="n", uri="u", response="1"',
            "a Digest response is not 32 hex digits at byte 0",
        ),
        (WHOLE.replace("nc=00000001, ", ""), "a Digest of an unknown qop at byte 0"),
        (WHOLE.replace("qop=auth", "qop=x"), "a Digest of an unknown qop at byte 0"),
        (WHOLE + ", nc=00000001", f"{TWICE} at byte {len(WHOLE) + 1}"),
        (WHOLE + ', x="' + "y" * 1025 + '"', f"{TWICE} at byte {len(WHOLE) + 1}"),
        (WHOLE + ", =", f"malformed parameters of Digest at byte {len(WHOLE) + 1}"),
        (
            "Digest " + ",".join(f"{chr(97 + n)}=1" for n in range(21)),
            "malformed parameters of Digest at byte 87",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(value: str, words: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        Credentials.decode(value)
    assert str(refused.value) == words


@pytest.mark.parametrize("name", ["username", "realm", "nonce", "uri", "response"])
def test_each_parameter_of_a_proof_is_needed(name: str) -> None:
    with pytest.raises(ProtocolError, match="lack a parameter"):
        Credentials.decode(WHOLE.replace(f"{name}=", "other="))


def test_so_many_and_so_long_parameters_are_read() -> None:
    more = ", ".join(f"{chr(97 + n)}=1" for n in range(11))
    assert Credentials.decode(f"{WHOLE}, {more}") == PROOF
    assert Credentials.decode(WHOLE + ', x="' + "y" * 1024 + '"') == PROOF
