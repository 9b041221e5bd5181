"""Anchors of a phone: which signers and TVS servers can still reach it.

An anchor is a signer that a phone's lists hold, whose key the cluster has now, and with
which it signs lists that the phone loads: the phone takes them without asking anybody.
A usable TVS server is one that the phone knows (role 21 of its ITL), that its
configuration names, that answers, and that speaks a TLS version of the model.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tokenless.phone_emulator.rehearsal.rig.clusters.facts import (
    ClusterFacts,
    Held,
    TvsFacts,
)
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.phone_emulator.secd.files import decode_configuration, decode_list
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.models import PhoneModel


@dataclass(frozen=True, slots=True)
class Anchors:
    """Signers and TVS nodes that can still reach a phone."""

    signers: tuple[str, ...]
    """Names of the anchors."""
    tvs: tuple[str, ...]
    """Nodes whose TVS the phone can ask."""

    @property
    def is_locked_out(self) -> bool:
        """Return whether nothing that the cluster can do now reaches the phone."""
        return not self.signers and not self.tvs


@dataclass(frozen=True, slots=True)
class GroupSetting:
    """The values that the phones of a group share."""

    model: PhoneModel
    home: ClusterFacts
    """The cluster whose TFTP server they ask first."""
    facts: Sequence[ClusterFacts]
    server: str = ""
    """The address of the TFTP server that they ask now."""


def held_lists(contents: FlashContents, model: PhoneModel) -> Held:
    """Return the lists in a phone's flash, as far as its model has any."""
    itl = contents.itl if model.security_by_default else None
    return Held(
        None if contents.ctl is None else decode_list(contents.ctl),
        None if itl is None else decode_list(itl),
    )


def anchors_of(contents: FlashContents, held: Held, setting: GroupSetting) -> Anchors:
    """Return the signers and TVS nodes that can still reach a phone."""
    model, signers = setting.model, setting.home.signers
    return Anchors(
        tuple(
            str(signers[der])
            for der in held.sasts
            if der in signers and signers[der].signing.lists_for(model)
        ),
        tuple(
            server.node
            for cluster, server in known_tvs(contents, held, setting.facts)
            if server.shown is not None
            and model.security_by_default
            and model.tls[1] >= cluster.oldest_tls
        ),
    )


def known_tvs(
    contents: FlashContents, held: Held, facts: Iterable[ClusterFacts]
) -> Iterator[tuple[ClusterFacts, TvsFacts]]:
    """Return the TVS servers that the phone would believe, whether they answer or not.

    Of one that answers the certificate shown must stand in the ITL, of one that does
    not the node's own must.
    """
    if held.itl is None:
        return
    believed = {
        record.certificate_der for record in held.itl.records if record.role == Role.TVS
    }
    for cluster, server in configured_tvs(contents, facts):
        if (server.shown or server.own) in believed:
            yield cluster, server


def configured_tvs(
    contents: FlashContents, facts: Iterable[ClusterFacts]
) -> Iterator[tuple[ClusterFacts, TvsFacts]]:
    """Return the TVS servers that the phone's configuration names."""
    if contents.configuration is None:
        return
    try:
        members = decode_configuration(contents.configuration).tvs
    except DecodeError:
        return
    clusters = tuple(facts)
    for member in members:
        for cluster in clusters:
            server = cluster.tvs.get((member.address, member.port))
            if server is not None:
                yield cluster, server
