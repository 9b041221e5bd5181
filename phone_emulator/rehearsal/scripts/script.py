"""A rehearsal's script: the cluster, groups of phones, steps, expectations.

Unknown keys are refused so that a misspelt expectation cannot pass unnoticed.
"""

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from tokenless.phone_emulator.registration.report import Failure
from tokenless.phone_emulator.rehearsal.scripts.actions import CallOutcome
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.protocol.trust.reasons import Reason

SCRIPTS: Final = Path("configs") / "rehearsals"
MAIN_CLUSTER: Final = "lab"
"""The name of the first cluster."""

MAX_PHONES: Final = 100_000
"""The most phones whose numbers a script fixes."""

Text = Annotated[str, Meta(min_length=1, max_length=2000)]
PLAIN: Final = "plain"
"""The variant that has the name of the script alone."""
AS_VARIANT: Final = "variant"
"""The release of a further cluster that follows the variant."""
Only = tuple[str, ...]
"""Variants in which something counts; empty: in all."""


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phones that are alike: one model, one order of TFTP servers."""

    name: Text
    model: str = "7975"
    like: str | None = None
    """The emulated model that plays them, where `model` is not emulated itself."""
    tftp: tuple[str, ...] = ()
    """Names of nodes in the order in which the phones try them; empty: all of the first
    cluster that serve TFTP."""
    share: Annotated[float, Meta(gt=0, le=1)] | None = None
    """This group's share of the requested phones; one group may have none: it gets the
    rest."""
    count: Annotated[int, Meta(ge=1, le=MAX_PHONES)] | None = None
    """A fixed number of phones, in addition to those asked for; at most `MAX_PHONES` of
    all groups together."""
    pool: Text | None = None
    """The device pool, which decides at which nodes phones register; None: they
    register by themselves, in the default one."""
    mic: bool | None = None
    """True if the phones leave the factory with a certificate (MIC); None: as their
    model does, made when they are first to show it. Clusters of a rehearsal trust one
    manufacturer."""
    minds_expiry: bool = False
    """True if the phones refuse an expired signer (REFERENCE 7.13)."""

    @property
    def played(self) -> str:
        """The emulated model."""
        return self.like or self.model


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The expected state of every phone of a group after the step's last boot."""

    group: Text
    outcome: str | None = None
    ctl: str | None = None
    """The action on CTLFile.tlv: installed, updated, unchanged, rejected, absent…"""
    itl: str | None = None
    configuration: str | None = None
    """The action on the configuration, or `encrypted`: it came so and was opened."""
    lsc: str | None = None
    """The phones' LSC: none, installed, expired."""
    capf: str | None = None
    """The result of the connection to CAPF: installed, declined, untrusted-server,
    waits-for-string…; `none` where they did not go."""
    verified_by: str | None = None
    """By what the CTL was verified: first-use, installed-ctl, installed-itl, tvs."""
    itl_verified_by: str | None = None
    stuck: bool | None = None
    """True if the last boot left the phones without a file that is served."""
    registered: bool | None = None
    """True if the phones that are on have dial tone."""
    secure: bool | None = None
    """True if they are registered over TLS."""
    at: Text | None = None
    """The node that they are registered at."""
    registration: Failure | None = None
    """The reason why a node of their group did not accept them: `not-in-ctl`."""
    would_be_stuck: bool | None = None
    """True if phones that are off, or were not restarted since a change, would be stuck
    at one of their servers if they started now."""
    at_risk: bool | None = None
    """True if phones that are reset by themselves would refuse a file at some moment of
    the race, chosen or not."""
    rule: int | None = None
    """The number of the rule (REFERENCE 4.2) by which the first file was refused."""
    reason: Reason | None = None
    """The reason of a refused file, as `reason_code` has it: `not-vouched`."""
    anchors: int | None = None
    """The number of the cluster's present signers that the phones' lists still hold."""
    tvs: int | None = None
    """The number of TVS servers that the phones could ask."""
    remedy: Text | None = None
    """The remedy that is named: a kind (`start-tvs`), or a kind and the node,
    token, signer or cluster that it concerns (`start-tvs cucm-1051-a-sub1`)."""
    no_remedy: Text | None = None
    """A remedy that must not be named, because it does not help."""
    inferred: bool = False
    """True if this is inferred from the phone's rules rather than documented."""
    only: Only = ()


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Commands of an administrator, and their expected effect."""

    title: Text
    run: tuple[Text, ...]
    why: str = ""
    """Said to the reader of the report: what the step teaches."""
    why_for: dict[str, Text] = {}
    """The same for variants of which `why` is not true, by variant."""
    ctl_length: int | None = None
    """The bytes of CTLFile.tlv on every node, 0 for no file."""
    refused: bool = False
    """True if the step's last command must be refused."""
    prints: str | None = None
    """A part of what the commands must print."""
    call: CallOutcome | None = None
    """The result of every call of the step: encrypted, authenticated, not-secure, or
    none."""
    expect: tuple[Expectation, ...] = ()
    only: Only = ()


class Approximated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something of an imported cluster that is not as it is there."""

    what: Text
    why: Text
    topic: str = ""
    """The topic, for `tokenless preflight`; empty in files of earlier versions."""

    def __str__(self) -> str:
        """Return the line that is shown with every verdict about the copy."""
        return f"approximated: {self.what} ({self.why})"

    def to_json(self) -> dict[str, str]:
        """Return it as commands print it with `--json`."""
        return {"what": self.what, "why": self.why}


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole rehearsal."""

    name: Text
    lesson: Text
    groups: tuple[Group, ...]
    steps: tuple[Step, ...]
    lesson_for: dict[str, Text] = {}
    """The lesson for variants of which `lesson` is not true, by variant."""
    source: str = ""
    inferred: bool = False
    """True if the outcome is inferred from the phone's rules rather than documented."""
    cluster: dict[str, Any] = {}
    """Settings laid over the lab's configuration, by the same names."""
    certificates: tuple[KnownCertificate, ...] = ()
    """Facts that an import has seen there, for `tokenless preflight`."""
    itl_bytes: Annotated[int, Meta(ge=0)] | None = None
    """The length of the longest ITL that an import has seen."""
    present_steps: Annotated[int, Meta(ge=1)] = 1
    """The number of steps that make the present state of the cluster, before the
    change: `rehearse explore` leaves them as they are."""
    unregistered: Annotated[int, Meta(ge=0)] | None = None
    """The number of phones that were not registered when they were exported."""
    unknown_models: tuple[str, ...] = ()
    """Models of phones that an import left out, as nothing is known of them."""
    others: dict[str, dict[str, Any]] = {}
    """Further clusters by name, each as settings laid over the lab's; the release
    `variant` is that of the variant."""
    unserved: Annotated[int, Meta(ge=0, le=200)] = 0
    """The number of further subscribers of the first cluster, in lists only."""
    approximations: tuple[Approximated, ...] = ()
    """Guesses and omissions of `rehearse import`, printed when it is played."""
    variants: Annotated[dict[str, str], Meta(max_length=200)] = {}
    """Releases of the first cluster by a short name: one rehearsal for each. That of
    the variant `plain` has the name of the script, the others NAME@VARIANT."""

    @property
    def release(self) -> str | None:
        """Return the release of the first cluster; None: that of the lab."""
        cluster = self.cluster.get("cluster", {})
        release = cluster.get("version") if isinstance(cluster, dict) else None
        return release if isinstance(release, str) else None

    @property
    def phone_interaction(self) -> str | None:
        """Return the script's rule for resets; None: that of the release."""
        cluster = self.cluster.get("cluster", {})
        said = cluster.get("phone_interaction") if isinstance(cluster, dict) else None
        return said if isinstance(said, str) else None


def sizes(script: Script, phones: int) -> dict[str, int]:
    """Divide `phones` among the groups; groups with a fixed count get that.

    Every group has a phone, so more groups than phones make more phones.
    """
    shared = [group for group in script.groups if group.count is None]
    result = {group.name: group.count or 0 for group in script.groups}
    left = phones
    for group in shared[:-1]:
        share = group.share if group.share is not None else 1 / len(shared)
        # At least one phone a group, even when fewer than groups were asked for.
        result[group.name] = max(1, min(left, round(phones * share)))
        left = max(0, left - result[group.name])
    if shared:
        result[shared[-1].name] = max(left, 1)
    return result
