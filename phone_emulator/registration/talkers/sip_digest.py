"""A SIP phone's answers to Digest challenges (RFC 2617, RFC 3261 22), without I/O.

The user and the password are those of the phone's configuration. A challenge is used
for the following requests, too, each with the next nonce count, until the server asks
with another one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sip.digest import Challenge, Credentials, DigestAccount, ha1_of
from tokenless.protocol.sip.messages import SipResponse

UNAUTHORIZED: Final = 401
_MAX_ANSWERS: Final = 3
"""To challenges of one request: a stale nonce may be met again, but not for ever."""
_CLIENT_NONCE_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class DigestLogin:
    """The Digest user of a phone, and the password."""

    user: str
    password: str = field(repr=False)


class DigestProof:
    """The Digest credentials of one connection of a phone."""

    def __init__(
        self, login: DigestLogin | None, random_bytes: Callable[[int], bytes]
    ) -> None:
        """Begin without a challenge.

        Args:
            login: The user and the password; None: the phone has none.
            random_bytes: Returns so many random bytes.
        """
        self._login = login
        self._random = random_bytes
        self._challenge: Challenge | None = None
        self._count = 0

    def headers(self, method: str, uri: str) -> tuple[tuple[str, str], ...]:
        """Return the Authorization of a request; nothing before any challenge."""
        login, challenge = self._login, self._challenge
        if login is None or challenge is None:
            return ()
        self._count += 1
        account = DigestAccount(
            login.user, ha1_of(login.user, login.password, challenge.realm)
        )
        said = Credentials.answer(
            challenge,
            account,
            method,
            uri,
            client_nonce=self._random(_CLIENT_NONCE_BYTES).hex(),
            count=self._count,
        )
        return (("Authorization", said.encode()),)

    def may_answer(self, response: SipResponse, answers: int) -> bool:
        """Take a refusal's challenge; return whether the request is to be sent again.

        Args:
            response: The refusal.
            answers: How many challenges the request has answered: after the first one
                only a stale nonce is worth another proof, the password is the same.
        """
        if response.status != UNAUTHORIZED or self._login is None:
            return False
        try:
            challenge = Challenge.decode(response.get("www-authenticate"))
        except ProtocolError:
            return False
        if answers >= (_MAX_ANSWERS if challenge.is_stale else 1):
            return False
        self._challenge, self._count = challenge, 0
        return True
