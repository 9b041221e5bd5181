"""Digest authentication of SIP requests (RFC 2617, RFC 3261 22; MD5, qop "auth").

MD5 is what phones of this generation know. A server keeps H(A1), which is as good as
the password, and is of one realm.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, Self

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.sip.addresses import quote

REALM: Final = "ccmsipline"
"""The vendor's default for phones (SIP Realm Station) [I]."""
_SCHEME: Final = re.compile(r"Digest[ \t]+", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    r'[ \t]*([A-Za-z-]{1,32})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s",]*)[ \t]*(?:,|\Z)'
)
_MAX_PARAMETERS: Final = 20
_MAX_VALUE: Final = 1024
_HEX: Final = re.compile(r"[0-9a-fA-F]{32}\Z")
_COUNT: Final = re.compile(r"[0-9a-fA-F]{8}\Z")


def ha1_of(user: str, password: str, realm: str = REALM) -> str:
    """Return H(A1) of a user's password, lower-case hex."""
    return _md5(f"{user}:{realm}:{password}")


@dataclass(frozen=True, slots=True)
class DigestAccount:
    """Digest credentials of a device: a user's name and H(A1)."""

    user: str
    ha1: str
    password: str = ""
    """For the phone's configuration; empty: it holds none."""

    def __repr__(self) -> str:
        """Keep H(A1) and the password out of logs."""
        return f"DigestAccount({self.user!r})"


@dataclass(frozen=True, slots=True)
class Challenge:
    """The value of WWW-Authenticate."""

    nonce: str
    realm: str = REALM
    is_stale: bool = False
    """True if only the nonce was not valid (any more): the password was right."""

    def encode(self) -> str:
        """Return the header's value."""
        stale = ", stale=true" if self.is_stale else ""
        return (
            f"Digest realm={quote(self.realm)}, nonce={quote(self.nonce)}, "
            f'algorithm=MD5, qop="auth"{stale}'
        )

    @classmethod
    def decode(cls, value: str) -> Self:
        """Read a header's value.

        Raises:
            DecodeError: When it is no Digest challenge.
        """
        said = _parameters(value)
        if "nonce" not in said or said.get("algorithm", "MD5").upper() != "MD5":
            raise DecodeError("not a Digest challenge that can be answered", offset=0)
        return cls(
            said["nonce"],
            said.get("realm", ""),
            said.get("stale", "").lower() == "true",
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """The value of Authorization."""

    user: str
    realm: str
    nonce: str
    uri: str
    response: str
    count: str = ""
    """nc: 8 hex digits; empty without qop."""
    client_nonce: str = ""

    @classmethod
    def answer(
        cls,
        challenge: Challenge,
        account: DigestAccount,
        method: str,
        uri: str,
        *,
        client_nonce: str,
        count: int = 1,
    ) -> Self:
        """Return what proves an account for a request."""
        asked = cls(
            account.user,
            challenge.realm,
            challenge.nonce,
            uri,
            "",
            f"{count:08x}",
            client_nonce,
        )
        return cls(
            asked.user,
            asked.realm,
            asked.nonce,
            uri,
            asked.response_for(account.ha1, method),
            asked.count,
            client_nonce,
        )

    @classmethod
    def decode(cls, value: str) -> Self:
        """Read a header's value.

        Raises:
            DecodeError: When it is not Digest, or lacks what a proof needs.
        """
        said = _parameters(value)
        if not {"username", "realm", "nonce", "uri", "response"} <= said.keys():
            raise DecodeError("Digest credentials lack a parameter", offset=0)
        if not _HEX.match(said["response"]):
            raise DecodeError("a Digest response is not 32 hex digits", offset=0)
        count = said.get("nc", "")
        if "qop" in said and (said["qop"] != "auth" or not _COUNT.match(count)):
            raise DecodeError("a Digest of an unknown qop", offset=0)
        return cls(
            said["username"],
            said["realm"],
            said["nonce"],
            said["uri"],
            said["response"].lower(),
            count.lower() if "qop" in said else "",
            said.get("cnonce", ""),
        )

    def encode(self) -> str:
        """Return the header's value."""
        qop = (
            f", qop=auth, nc={self.count}, cnonce={quote(self.client_nonce)}"
            if self.count
            else ""
        )
        return (
            f"Digest username={quote(self.user)}, realm={quote(self.realm)}, "
            f"nonce={quote(self.nonce)}, uri={quote(self.uri)}, "
            f"response={quote(self.response)}, algorithm=MD5{qop}"
        )

    def proves(self, account: DigestAccount, method: str) -> bool:
        """Return whether the response proves the password of this account."""
        expected = self.response_for(account.ha1, method)
        is_right = hmac.compare_digest(self.response, expected)
        return is_right and self.user == account.user

    def response_for(self, ha1: str, method: str) -> str:
        """Return the response that H(A1) gives."""
        ha2 = _md5(f"{method}:{self.uri}")
        if not self.count:
            return _md5(f"{ha1}:{self.nonce}:{ha2}")
        return _md5(f"{ha1}:{self.nonce}:{self.count}:{self.client_nonce}:auth:{ha2}")


def _parameters(value: str) -> dict[str, str]:
    scheme = _SCHEME.match(value)
    if scheme is None:
        raise DecodeError("not Digest authentication", offset=0)
    found: dict[str, str] = {}
    at = scheme.end()
    while at < len(value):
        match = _PARAMETER.match(value, at)
        if match is None or len(found) >= _MAX_PARAMETERS:
            raise DecodeError("malformed parameters of Digest", offset=at)
        name, text = match[1].lower(), match[2]
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        if name in found or len(text) > _MAX_VALUE:
            raise DecodeError("a parameter of Digest twice, or too long", offset=at)
        found[name] = text
        at = match.end()
    return found


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
