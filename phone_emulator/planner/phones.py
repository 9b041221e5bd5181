"""Phones on the model: the rules of REFERENCE 4.2 with identities for keys.

The order in which keys are looked for is `protocol.trust_verdicts.SOURCES`, the table
that real phones use; a test plays plans with both and compares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, assert_never

from tokenless.phone_emulator.planner.model import (
    PUBLISHER,
    Cluster,
    Identity,
    List,
    Served,
    Site,
    identity,
    is_current,
)
from tokenless.phone_emulator.secd.report import CHANGED, Action
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.phone_models import PHONE_MODELS
from tokenless.protocol.trust_verdicts import (
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
class Group:
    """Phones that are alike: one model, one first TFTP server."""

    name: str
    model: str
    node: int = PUBLISHER
    """Which node serves them."""

    @property
    def security_by_default(self) -> bool:
        """Whether they take an ITL and ask TVS."""
        return PHONE_MODELS[self.model].security_by_default


class Phone(NamedTuple):
    """What a group's phones hold."""

    ctl: List | None = None
    itl: List | None = None
    is_configured: bool = False
    """An accepted configuration names the TVS servers."""


class Fate(NamedTuple):
    """What became of one file."""

    action: Action
    verified_by: VerifiedBy | None = None
    rule: int = 8
    why: str = ""


class Boot(NamedTuple):
    """What came of a boot."""

    phone: Phone
    ctl: Fate
    itl: Fate | None
    """None for phones without Security by Default, which ask for none."""
    configuration: Fate

    @property
    def refusals(self) -> tuple[tuple[FileKind, Fate], ...]:
        """The files that were refused."""
        fates = zip(FileKind, (self.ctl, self.itl, self.configuration), strict=True)
        return tuple(
            (kind, fate)
            for kind, fate in fates
            if fate is not None and fate.action is Action.REJECTED
        )


class Tvs(NamedTuple):
    """What TVS is to phones: who shows what, and whom it vouches for."""

    shown: tuple[Identity, ...]
    """The certificate of each member, in the order of the configuration."""
    generations: tuple[int, ...]
    ctl: List | None


def tvs_of(cluster: Cluster) -> Tvs:
    """Return the TVS of a cluster."""
    shown = tuple(
        identity(TrustStore.TVS, node, generation)
        for node, generation in enumerate(cluster.shown)
    )
    return Tvs(shown, cluster.generations, cluster.ctl)


def boot(
    site: Site, cluster: Cluster, group: Group, phone: Phone, node: int | None = None
) -> Boot:
    """Boot a group's phones; at their own node, or at another one.

    Args:
        site: The cluster's constants.
        cluster: Its state.
        group: The phones.
        phone: What they hold.
        node: Which node serves them this time; their own when None.
    """
    served = cluster.served[group.node if node is None else node]
    return _boot(site, tvs_of(cluster), served, group.model, phone)


@lru_cache(maxsize=262_144)
def _boot(site: Site, tvs: Tvs, served: Served, model_name: str, phone: Phone) -> Boot:
    model = PHONE_MODELS[model_name]
    has_sbd = model.security_by_default
    judge = _Judge(site, tvs, phone.is_configured, has_sbd)
    state = _state(phone.ctl, phone.itl)
    ctl = judge.list(FileKind.CTL, served.ctl, state, phone)
    if ctl.action in CHANGED:
        phone = phone._replace(ctl=served.ctl)
        began_empty = state is TrustState.EMPTY
        state = _state(phone.ctl, phone.itl)
        if began_empty and state is TrustState.CTL_ONLY:
            state = TrustState.FIRST_BOOT
    itl = None
    if has_sbd:
        itl = judge.list(FileKind.ITL, served.itl, state, phone)
        if itl.action in CHANGED:
            phone = phone._replace(itl=served.itl)
            state = _state(phone.ctl, phone.itl)
    wants_signed = model.signed_files and any(map(_has_tftp, (phone.ctl, phone.itl)))
    configuration = Fate(Action.UPDATED, rule=11)
    if wants_signed:
        signer = served.configuration_signer
        configuration = judge.file(FileKind.CONFIGURATION, signer, None, state, phone)
    if configuration.action is not Action.REJECTED:
        phone = phone._replace(is_configured=True)
    return Boot(phone, ctl, itl, configuration)


def _state(ctl: List | None, itl: List | None) -> TrustState:
    if ctl is not None:
        return TrustState.CTL_ONLY if itl is None else TrustState.CTL_AND_ITL
    return TrustState.EMPTY if itl is None else TrustState.ITL_ONLY


def _has_tftp(held: List | None) -> bool:
    return held is not None and any(held.holders(role) for role in TFTP_ROLES)


class _Judge(NamedTuple):
    """Decides over files for one phone."""

    site: Site
    tvs: Tvs
    is_configured: bool
    has_sbd: bool

    def list(
        self, kind: FileKind, new: List | None, state: TrustState, phone: Phone
    ) -> Fate:
        """Decide over a list."""
        held = phone.ctl if kind is FileKind.CTL else phone.itl
        if new is None:
            return Fate(Action.ABSENT, rule=1)
        if new == held:
            return Fate(Action.UNCHANGED)
        fate = self.file(kind, new.signer, new, state, phone)
        if fate.action is Action.UPDATED and held is None:
            return fate._replace(action=Action.INSTALLED)
        return fate

    def file(
        self,
        kind: FileKind,
        signer: Identity,
        itself: List | None,
        state: TrustState,
        phone: Phone,
    ) -> Fate:
        """Decide over a signed file: its own lists first, then TVS."""
        for source, rule in SOURCES[state][kind]:
            held = _source(source, itself, phone)
            if held and any(held.has(role, signer) for role in kind.signer_roles):
                return Fate(Action.UPDATED, source, rule)
        return self._unknown(kind, signer, phone)

    def _unknown(self, kind: FileKind, signer: Identity, phone: Phone) -> Fate:
        refused = 9 if kind is FileKind.CONFIGURATION else 7
        pinned = frozenset() if phone.itl is None else phone.itl.holders(Role.TVS)
        if not self.has_sbd:
            why = "the signer is unknown and this model cannot ask TVS"
            return Fate(Action.REJECTED, None, refused, why)
        if not self.is_configured or not any(m in pinned for m in self.tvs.shown):
            why = "the signer is unknown and no TVS shows a certificate of the ITL"
            return Fate(Action.REJECTED, None, refused, why)
        if not kind.signer_roles & self._vouched_roles(signer):
            why = "the signer is unknown and TVS does not vouch for it"
            return Fate(Action.REJECTED, None, refused, why)
        accepted = 9 if kind is FileKind.CONFIGURATION else 4
        return Fate(Action.UPDATED, VerifiedBy.TVS, accepted)

    def _vouched_roles(self, signer: Identity) -> frozenset[Role]:
        """Return the roles that TVS answers: of database or CTL (REFERENCE 3.6)."""
        slot = self.site.slots.index((signer.unit, signer.node))
        if self.tvs.generations[slot] == signer.generation:
            return _STORE_ROLES[signer.unit]
        members = () if self.tvs.ctl is None else self.tvs.ctl.members
        return frozenset(role for role, who in members if who == signer)


def _source(source: VerifiedBy, itself: List | None, phone: Phone) -> List | None:
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


class Anchor(NamedTuple):
    """One way by which a phone can be brought to accept something new."""

    by: str
    """`SAST` of a list, or a `TVS` member."""
    who: Identity


def anchors(site: Site, cluster: Cluster, phone: Phone) -> frozenset[Anchor]:
    """Return the anchors that a phone has left.

    A SAST of its lists counts while the cluster still has that key; a TVS member while
    it shows a certificate that the phone's ITL holds. Without any, nothing that is done
    on servers reaches the phone; only a backup of old keys, or a hand on the phone.
    """
    return frozenset(_anchors(site, cluster, phone))


def _anchors(site: Site, cluster: Cluster, phone: Phone) -> Iterator[Anchor]:
    for held in (phone.ctl, phone.itl):
        for who in () if held is None else held.holders(Role.SAST):
            if is_current(site, cluster, who):
                yield Anchor("SAST", who)
    if phone.itl is None or not phone.is_configured:
        return
    pinned = phone.itl.holders(Role.TVS)
    for who in tvs_of(cluster).shown:
        if who in pinned:
            yield Anchor("TVS", who)
