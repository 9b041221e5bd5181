"""Phones on the model: the rules of REFERENCE 4.2 with identities for keys.

The order in which keys are looked for is `protocol.trust.verdicts.SOURCES`, the table
that real phones use; a test plays plans with both and compares.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, assert_never

from tokenless.phone_emulator.planner.model.cluster import (
    PUBLISHER,
    CertificateIdentity,
    ClusterLayout,
    ClusterState,
    List,
    Served,
    identity,
    is_current,
    slot_of,
)
from tokenless.phone_emulator.secd.report import CHANGED, FileAction
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.trust.signing import signs_ctls, signs_itls
from tokenless.protocol.trust.verdicts import (
    SOURCES,
    TFTP_ROLES,
    FileKind,
    TrustState,
    VerifiedBy,
)

_STORE_ROLES: Final = {
    unit: frozenset(map(Role, unit.roles))
    for unit in (
        TrustStore.CALLMANAGER,
        TrustStore.TVS,
        TrustStore.CAPF,
        TrustStore.ITLRECOVERY,
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class PhoneGroup:
    """Phones of one model, with one first TFTP server and one CallManager group."""

    name: str
    model: str
    node: int = PUBLISHER
    """The node that serves them."""
    members: tuple[int, ...] = ()
    """The nodes of their CallManager group, whose TVS they ask; empty: all nodes."""
    speaks_tls: bool = True
    """False if the cluster's TVS wants a newer TLS version than the model speaks."""

    @property
    def security_by_default(self) -> bool:
        """Return whether they take an ITL and ask TVS."""
        return PHONE_MODELS[self.model].security_by_default

    @property
    def behaviour(self) -> "Behaviour":
        """Return the properties of the model that decide."""
        model = PHONE_MODELS[self.model]
        return Behaviour(model.security_by_default, model.signed_files, self.speaks_tls)

    def members_of(self, layout: ClusterLayout) -> Sequence[int]:
        """Return the nodes whose TVS the phones ask."""
        return self.members or range(len(layout.nodes))


class Behaviour(NamedTuple):
    """The properties of a model that decide; models that share them are equal."""

    security_by_default: bool
    signed_files: bool
    speaks_tls: bool


class PhoneLists(NamedTuple):
    """The lists that a group's phones hold."""

    ctl: List | None = None
    itl: List | None = None
    is_configured: bool = False
    """An accepted configuration names the TVS servers."""

    @property
    def is_empty(self) -> bool:
        """Return whether there is no list: the phone takes the first without a check.

        In a non-secure cluster that is so for phones without Security by Default.
        """
        return self.ctl is None and self.itl is None


class FileOutcome(NamedTuple):
    """Outcome of one file."""

    action: FileAction
    verified_by: VerifiedBy | None = None
    rule: int = 8
    reason: Reason | None = None
    """The reason why it was refused."""


class PredictedBoot(NamedTuple):
    """Outcome of a boot."""

    phone: PhoneLists
    ctl: FileOutcome
    itl: FileOutcome | None
    """None for phones without Security by Default, which ask for none."""
    configuration: FileOutcome

    @property
    def refusals(self) -> tuple[tuple[FileKind, FileOutcome], ...]:
        """The files that were refused."""
        outcomes = zip(FileKind, (self.ctl, self.itl, self.configuration), strict=True)
        return tuple(
            (kind, outcome)
            for kind, outcome in outcomes
            if outcome is not None and outcome.action is FileAction.REJECTED
        )


class Tvs(NamedTuple):
    """TVS as phones see it: the certificates it shows, and the signers it knows."""

    shown: tuple[CertificateIdentity, ...]
    """The certificate of each member of the phones' CallManager group."""
    generations: tuple[int, ...]
    ctl: List | None


def tvs_of(layout: ClusterLayout, cluster: ClusterState, members: Iterable[int]) -> Tvs:
    """Return the TVS of a CallManager group."""
    unit = TrustStore.TVS
    shown = tuple(
        identity(unit, layout.holder(unit, node), cluster.shown[node])
        for node in members
    )
    return Tvs(shown, cluster.generations, cluster.ctl)


def boot(
    layout: ClusterLayout,
    cluster: ClusterState,
    group: PhoneGroup,
    phone: PhoneLists,
    node: int | None = None,
) -> PredictedBoot:
    """Boot a group's phones; at their own node, or at another one.

    Args:
        layout: The cluster's constants.
        cluster: Its state.
        group: The phones.
        phone: What they hold.
        node: Which node serves them this time; their own when None.
    """
    served = cluster.served[group.node if node is None else node]
    tvs = tvs_of(layout, cluster, group.members_of(layout))
    return _boot(layout, tvs, served, group.behaviour, phone)


@lru_cache(maxsize=65_536)
def _boot(
    layout: ClusterLayout, tvs: Tvs, served: Served, model: Behaviour, phone: PhoneLists
) -> PredictedBoot:
    judge = _Judge(layout, tvs, phone.is_configured, model)
    state = _state(phone.ctl, phone.itl)
    ctl = judge.list(FileKind.CTL, served.ctl, state, phone)
    if ctl.action in CHANGED:
        phone = phone._replace(ctl=served.ctl)
        began_empty = state is TrustState.EMPTY
        state = _state(phone.ctl, phone.itl)
        if began_empty and state is TrustState.CTL_ONLY:
            state = TrustState.FIRST_BOOT
    itl = None
    if model.security_by_default:
        itl = judge.list(FileKind.ITL, served.itl, state, phone)
        if itl.action in CHANGED:
            phone = phone._replace(itl=served.itl)
            state = _state(phone.ctl, phone.itl)
    wants_signed = model.signed_files and any(map(_has_tftp, (phone.ctl, phone.itl)))
    configuration = FileOutcome(FileAction.UPDATED, rule=11)
    if wants_signed:
        signer = served.configuration_signer
        configuration = judge.file(FileKind.CONFIGURATION, signer, None, state, phone)
    if configuration.action is not FileAction.REJECTED:
        phone = phone._replace(is_configured=True)
    return PredictedBoot(phone, ctl, itl, configuration)


def _state(ctl: List | None, itl: List | None) -> TrustState:
    if ctl is not None:
        return TrustState.CTL_ONLY if itl is None else TrustState.CTL_AND_ITL
    return TrustState.EMPTY if itl is None else TrustState.ITL_ONLY


def _has_tftp(held: List | None) -> bool:
    return held is not None and any(held.holders(role) for role in TFTP_ROLES)


class _Judge(NamedTuple):
    """Decides over files for one phone."""

    layout: ClusterLayout
    tvs: Tvs
    is_configured: bool
    model: Behaviour

    def list(
        self, kind: FileKind, new: List | None, state: TrustState, phone: PhoneLists
    ) -> FileOutcome:
        """Decide over a list."""
        held = phone.ctl if kind is FileKind.CTL else phone.itl
        if new is None:
            return FileOutcome(FileAction.ABSENT, rule=1)
        if new == held:
            return FileOutcome(FileAction.UNCHANGED)
        outcome = self.file(kind, new.signer, new, state, phone)
        if outcome.action is FileAction.UPDATED and held is None:
            return outcome._replace(action=FileAction.INSTALLED)
        return outcome

    def file(
        self,
        kind: FileKind,
        signer: CertificateIdentity,
        itself: List | None,
        state: TrustState,
        phone: PhoneLists,
    ) -> FileOutcome:
        """Decide over a signed file: its own lists first, then TVS."""
        for source, rule in SOURCES[state][kind]:
            held = _source(source, itself, phone)
            if held and any(held.has(role, signer) for role in kind.signer_roles):
                return FileOutcome(FileAction.UPDATED, source, rule)
        return self._unknown(kind, signer, phone)

    def _unknown(
        self, kind: FileKind, signer: CertificateIdentity, phone: PhoneLists
    ) -> FileOutcome:
        reason = self._why_not_vouched(kind, signer, phone)
        if reason is not None:
            return FileOutcome(FileAction.REJECTED, None, kind.refusal_rule, reason)
        return FileOutcome(FileAction.UPDATED, VerifiedBy.TVS, kind.tvs_rule)

    def _why_not_vouched(
        self, kind: FileKind, signer: CertificateIdentity, phone: PhoneLists
    ) -> Reason | None:
        """Return why TVS does not help; None when it vouches for the signer."""
        if (reason := self._why_not_asked(phone)) is not None:
            return reason
        if not (vouched := self._vouched_roles(signer)):
            return Reason.NOT_VOUCHED
        return None if kind.signer_roles & vouched else Reason.WRONG_ROLE

    def _why_not_asked(self, phone: PhoneLists) -> Reason | None:
        pinned = frozenset() if phone.itl is None else phone.itl.holders(Role.TVS)
        if not self.model.security_by_default:
            return Reason.CANNOT_ASK
        if not pinned:
            return Reason.NO_TVS_LISTED
        if not self.is_configured:
            return Reason.NO_TVS_CONFIGURED
        if not self.model.speaks_tls:
            return Reason.TVS_TLS
        return Reason.TVS_NOT_IN_ITL if pinned.isdisjoint(self.tvs.shown) else None

    def _vouched_roles(self, signer: CertificateIdentity) -> frozenset[Role]:
        """Return the roles that TVS answers: of database or CTL (REFERENCE 3.6)."""
        slot = slot_of(self.layout, signer.unit, signer.node)
        if self.tvs.generations[slot] == signer.generation:
            return _STORE_ROLES[signer.unit]
        members = () if self.tvs.ctl is None else self.tvs.ctl.members
        return frozenset(role for role, who in members if who == signer)


def _source(source: VerifiedBy, itself: List | None, phone: PhoneLists) -> List | None:
    match source:
        case VerifiedBy.FIRST_USE:
            return itself
        case VerifiedBy.INSTALLED_CTL:
            return phone.ctl
        case VerifiedBy.INSTALLED_ITL:
            return phone.itl
        case VerifiedBy.TVS:
            return None
        case _:
            assert_never(source)


def anchors(
    layout: ClusterLayout, cluster: ClusterState, group: PhoneGroup, phone: PhoneLists
) -> set[CertificateIdentity]:
    """Return the anchors that phones have left.

    An anchor is a signer that the phone's lists let it accept by itself: a SAST of its
    lists whose key the cluster still has, and signs lists with that the phone takes:
    without Security by Default CTLs only.
    """
    takes_itls = group.security_by_default
    return {
        who
        for held in (phone.ctl, phone.itl)
        for who in (() if held is None else held.holders(Role.SAST))
        if is_current(layout, cluster, who) and _signs(layout, who, takes_itls)
    }


@lru_cache(maxsize=4096)
def _signs(layout: ClusterLayout, who: CertificateIdentity, takes_itls: bool) -> bool:
    """Tell whether a key signs a list that phones load: CTLs, with SBD ITLs, too."""
    release, mine = layout.release, who.node == PUBLISHER
    if signs_ctls(release, who.unit, is_publishers=mine):
        return True
    reset = layout.itl_reset
    return takes_itls and signs_itls(release, reset, who.unit, is_publishers=mine)


def tvs_members(
    layout: ClusterLayout, cluster: ClusterState, group: PhoneGroup, phone: PhoneLists
) -> set[CertificateIdentity]:
    """Return the TVS members that phones can ask.

    They show a certificate that the phone's ITL holds (role 21), an accepted
    configuration names them, and both sides have a TLS version in common.
    """
    if phone.itl is None or not phone.is_configured or not group.speaks_tls:
        return set()
    shown = tvs_of(layout, cluster, group.members_of(layout)).shown
    return {who for who in shown if who in phone.itl.holders(Role.TVS)}


def is_reachable(
    layout: ClusterLayout, cluster: ClusterState, group: PhoneGroup, phone: PhoneLists
) -> bool:
    """Return whether the cluster can still bring phones a new list."""
    return phone.is_empty or bool(
        anchors(layout, cluster, group, phone)
        or tvs_members(layout, cluster, group, phone)
    )
