"""Phones that refuse something: what they hold, whom they ask, what they would take.

The judgement is that of REFERENCE 4.2 in short: phones take the file of a signer that
their lists hold, or for which a TVS server vouches that they can use. A negative answer
is final.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tokenless.phone_emulator.rehearsal.rig.clusters.facts import (
    ClusterFacts,
    Fresh,
    Held,
    TvsFacts,
)
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import same_name
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.phones.models import PhoneModel
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason


@dataclass(frozen=True)
class RefusalContext:
    """Phones of one kind that refuse something."""

    refusals: Sequence[Refusal]
    """What they refused at their last boot, or would refuse now."""
    held: Held
    model: PhoneModel
    home: ClusterFacts
    """The cluster whose files they are given."""
    clusters: tuple[ClusterFacts, ...]
    tvs: tuple[tuple[ClusterFacts, TvsFacts], ...]
    """The TVS servers that the phones believe, up or down."""
    configured: tuple[tuple[ClusterFacts, TvsFacts], ...] = ()
    """The TVS servers that their configuration names, whether they believe them."""
    server: str = ""
    """The address of the TFTP server that they ask now."""
    boots_well: bool = False
    """True if they are stuck, and copies of all of them boot well now."""

    @cached_property
    def files(self) -> frozenset[FileKind]:
        """The files that are refused."""
        return frozenset(each.file for each in self.refusals)

    @cached_property
    def reasons(self) -> frozenset[Reason]:
        """The reasons of all refusals."""
        return frozenset(each.code for each in self.refusals)

    @cached_property
    def usable_tvs(self) -> tuple[tuple[ClusterFacts, TvsFacts], ...]:
        """The TVS servers that answer the phones now."""
        return tuple(each for each in self.tvs if self._can_connect(*each))

    def _can_connect(self, cluster: ClusterFacts, server: TvsFacts) -> bool:
        return (
            self.model.security_by_default
            and server.shown is not None
            and self.model.tls[1] >= cluster.oldest_tls
        )

    @cached_property
    def tvs_of_a_new_itl(self) -> tuple[TvsFacts, ...]:
        """The TVS servers that the phones could ask with a new ITL of their cluster."""
        return tuple(
            server
            for cluster, server in self.configured
            if cluster is self.home
            and self._can_connect(cluster, server)
            and server.shown == server.own
        )

    def takes(self, kind: FileKind, signer: Certificate) -> bool:
        """Tell whether the phones take such a file of a signer."""
        return self._knows(kind, signer) or any(
            vouches(cluster, kind, signer) for cluster, _ in self.usable_tvs
        )

    def _knows(self, kind: FileKind, signer: Certificate) -> bool:
        """Tell whether the phones' lists hold a signer in a role for such a file."""
        return any(
            record.certificate_der == signer.der and record.role in kind.signer_roles
            for held in (self.held.ctl, self.held.itl)
            if held is not None
            for record in held.records
        )

    def is_vouched_by(self, cluster: ClusterFacts) -> bool:
        """Tell whether a cluster's TVS vouches for the signers of what is refused."""
        return all(
            each.signer is not None
            and cluster.vouching.roles_of(each.signer) & each.file.signer_roles
            for each in decisive(self.refusals)
        )

    def refused_at(self) -> dict[str, list[Refusal]]:
        """Return the refusals by the address of the TFTP server that is at fault."""
        addresses = {
            fresh.node: address
            for cluster in self.clusters
            for address, fresh in cluster.fresh.items()
        }
        found: dict[str, list[Refusal]] = {}
        for each in self.refusals:
            node = self.server if each.node is None else addresses.get(each.node, "")
            found.setdefault(node, []).append(each)
        return found

    def fresh_at(self, address: str) -> Fresh | None:
        """Return what a restart of Cisco Tftp would bring; None when it is not up."""
        for cluster in self.clusters:
            if address in cluster.tftp_up:
                return cluster.fresh.get(address)
        return None


def decisive(refusals: Sequence[Refusal]) -> list[Refusal]:
    """Return the refusals on which the others depend.

    A list that is taken brings the signers of the configuration, and the TFTP servers
    from which it may come.
    """
    lists = [each for each in refusals if each.file is not FileKind.CONFIGURATION]
    return lists or list(refusals)


def vouches(cluster: ClusterFacts, kind: FileKind, signer: Certificate) -> bool:
    """Tell whether a cluster's TVS vouches for a signer of such a file."""
    who = SignerId(signer.subject_text, signer.issuer_text, signer.serial_number)
    return bool(cluster.vouching.roles_of(who) & kind.signer_roles)


def is_of(signer: Certificate, named: SignerId) -> bool:
    """Tell whether a file's signer is this one, by serial number and issuer."""
    return signer.serial_number == named.serial and same_name(
        signer.issuer_text, named.issuer
    )
