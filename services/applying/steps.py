"""A difference between a configuration file and a cluster, as steps that remove it."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Protocol

from tokenless.services.cluster.cluster import Cluster


class Do(Protocol):
    """Makes a change, as the functions of `services.changes` do."""

    def __call__(self, cluster: Cluster, /, *, by: str) -> object:
        """Change a cluster in the name of an administrator."""


@unique
class Sign(StrEnum):
    """The sign of a step in the printed difference."""

    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"


@dataclass(frozen=True, slots=True)
class Step:
    """One change: a transaction of its own, with its line in the audit log."""

    sign: Sign
    kind: str
    """`node`, `group`, `pool`, `device`, `parameter` or `trust store`."""
    name: str
    detail: str
    """For people: `all-rsa → strongest-rsa`."""
    do: Do

    def __str__(self) -> str:
        """Return the line of a difference."""
        said = f": {self.detail}" if self.detail else ""
        return f"{self.sign} {self.kind} {self.name}{said}"

    def to_json(self) -> dict[str, str]:
        """Return the object that `apply --json` lists."""
        return {
            "change": self.sign.name.lower(),
            "kind": self.kind,
            "name": self.name,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """All that must change, in an order in which it can."""

    steps: tuple[Step, ...]
    kept: tuple[str, ...]
    """Entries that only the cluster has, and keeps: `device SEP001122334455`."""
