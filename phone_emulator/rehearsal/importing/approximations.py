"""Differences between an imported cluster and the real one, with reasons.

Everything that was guessed or cannot be rebuilt is a value here; it is said on standard
error, in JSON, at the head of the written file, and whenever that file is played.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.certificates.name_text import printable


@unique
class Topic(StrEnum):
    """The subject of an approximation; stable, for programs."""

    GROUP = "callmanager-group"
    TVS = "tvs-members"
    TFTP = "tftp-nodes"
    RELEASE = "release"
    LISTS = "lists-not-given"
    SHARED = "shared-certificate"
    CA = "ca-signed"
    EC = "ec-certificate"
    NAMES = "names-differ"
    NODE_NAMES = "node-names"
    LETTERS = "letters-guessed"
    HASHES = "listed-by-hash"
    KEYS = "key-sizes"
    EXPIRED = "expired"
    DIGEST = "digest"
    UNVERIFIED = "not-verified"
    ITLS = "itls-disagree"
    RECOVERY = "node-recovery"
    ORDER = "lists-order"
    CERTIFICATE = "certificate-left-out"
    ROLES = "roles-left-out"
    MODELS = "stand-in-models"
    PHONES = "phones-left-out"
    POOLS = "device-pools"


ANCHOR_TOPICS: Final = frozenset(
    {
        Topic.LISTS,
        Topic.SHARED,
        Topic.ITLS,
        Topic.RECOVERY,
        Topic.ORDER,
        Topic.HASHES,
        Topic.ROLES,
    }
)
"""With one of these, the phones' anchors may be others than the real ones."""
_LONGEST: Final = 900
_MOST_SHOWN: Final = 8
NAME_TOPICS: Final = frozenset({Topic.NAMES, Topic.NODE_NAMES, Topic.LETTERS})


@dataclass(frozen=True, slots=True)
class Approximation:
    """One thing that is not as it is there."""

    topic: Topic
    what: str
    """The difference."""
    why: str

    def cleaned(self) -> "Approximation":
        """Return it fit for terminals and files: names in it are untrusted."""
        return Approximation(self.topic, _clean(self.what), _clean(self.why))

    def to_json(self) -> dict[str, str]:
        """Return it as `rehearse import --json` prints it."""
        return {"topic": self.topic.value, "what": self.what, "why": self.why}


def _clean(text: str) -> str:
    plain = printable(text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def listed(words: Iterable[str]) -> str:
    """Return words once each; long lists end in how many more there are."""
    once = list(dict.fromkeys(word for word in words if word))
    shown = ", ".join(once[:_MOST_SHOWN])
    more = len(once) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
