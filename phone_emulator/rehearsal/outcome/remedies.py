"""Remedies for phones that refuse a file, derived from the lists they hold.

Each remedy is named only when it works by the rules of REFERENCE 4.2: a key that the
phone knows and the cluster has, or a TVS server that the phone believes. Deleting the
lists on the phone always works and always comes last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.rehearsal.rig.clusters.facts import (
    ClusterFacts,
    Held,
    TvsFacts,
)
from tokenless.phone_emulator.rehearsal.scripts.remedy import Remedy, RemedyKind
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.models import PhoneModel
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import TVS_FAILURES, Reason

_NOT_FETCHED: Final = frozenset({Reason.NO_SERVER, Reason.NOT_DOWNLOADED})
_SAID_NO: Final = frozenset({Reason.NOT_VOUCHED, Reason.WRONG_ROLE})


@dataclass(frozen=True, slots=True)
class RefusalContext:
    """Phones of one kind that refuse something."""

    files: frozenset[FileKind]
    reasons: frozenset[Reason]
    held: Held
    model: PhoneModel
    home: ClusterFacts
    """The cluster whose files they are given."""
    clusters: tuple[ClusterFacts, ...]
    tvs: tuple[tuple[ClusterFacts, TvsFacts], ...]
    """The TVS servers that the phones believe, up or down."""
    server: str = ""
    """The address of the TFTP server that they ask now."""


def remedies_for(context: RefusalContext) -> Iterator[Remedy]:
    """Return what would help, the least work first."""
    if context.reasons <= _NOT_FETCHED:
        text = "start a TFTP server that the phones ask, then reset them"
        yield Remedy(RemedyKind.START_TFTP, (), text)
        return
    if Reason.NOT_DECRYPTED in context.reasons:
        yield from _by_a_certificate()
        if len(context.reasons) == 1:
            return  # nothing is wrong with the lists
    if Reason.NOT_AUTHORISED in context.reasons:
        text = "`utils ctl update CTLFile`, so that the CTL names the TFTP server"
        yield Remedy(RemedyKind.UPDATE_CTL, (), text)
    yield from _by_a_reset(context)
    yield from _by_tvs(context)
    yield from _by_the_other_signer(context)
    yield from _by_an_old_key(context)
    yield from _by_another_cluster(context)
    lists = "CTL and ITL" if context.model.security_by_default else "the CTL"
    text = f"delete {lists} on each phone by hand"
    yield Remedy(RemedyKind.DELETE_BY_HAND, (), text)


def _by_a_certificate() -> Iterator[Remedy]:
    """Name what lets a phone open its configuration (REFERENCE-3 2.4)."""
    text = (
        "where the phones' lists have CAPF's certificate: `device set … --capf "
        "install`, then reset the phones; a string has to be typed on each"
    )
    yield Remedy(RemedyKind.CAPF_INSTALL, (), text)
    text = "`device set … --clear-config`, then reset the phones"
    yield Remedy(RemedyKind.CLEAR_CONFIGURATION, (), text)


def _by_a_reset(context: RefusalContext) -> Iterator[Remedy]:
    """Name the TVS servers that could not be used at the boot and can be now."""
    if not context.reasons & TVS_FAILURES:
        return
    answering = tuple(
        server.node
        for cluster, server in context.tvs
        if cluster is context.home
        and server.shown is not None
        and context.model.tls[1] >= cluster.oldest_tls
    )
    if answering:
        nodes = ", ".join(answering)
        text = (
            f"reset the phones: the TVS on {nodes} answers again, and the phones "
            "know its certificate"
        )
        yield Remedy(RemedyKind.RESET_PHONES, answering, text)


def _by_tvs(context: RefusalContext) -> Iterator[Remedy]:
    if not context.model.security_by_default:
        return
    for cluster, server in context.tvs:
        if server.shown is None:
            text = (
                "start Cisco Trust Verification Service on "
                f"{server.node}, then reset the phones"
            )
            yield Remedy(RemedyKind.START_TVS, (server.node,), text)
        elif context.model.tls[1] < cluster.oldest_tls:
            text = (
                f"let TVS of cluster {cluster.name} speak TLS {context.model.tls[1]}, "
                f"the newest that a {context.model.name} knows"
            )
            yield Remedy(RemedyKind.LOWER_TLS, (cluster.name,), text)
    asked = {cluster.name for cluster, server in context.tvs if server.shown}
    if asked and context.reasons & _SAID_NO:
        text = (
            "upload the signer's certificate to Phone-SAST-trust of cluster "
            f"{', '.join(sorted(asked))}, because the phones ask its TVS"
        )
        yield Remedy(RemedyKind.UPLOAD_SIGNER, tuple(sorted(asked)), text)


def _by_the_other_signer(context: RefusalContext) -> Iterator[Remedy]:
    """Name the resets that sign with a key which the phones know."""
    known = [
        context.home.signers[der]
        for der in context.held.sasts
        if der in context.home.signers
    ]
    for signer in known:
        if signer.store is None:
            text = f"sign the CTL with {signer} again (CTL Client)"
            yield Remedy(RemedyKind.SIGN_WITH_TOKEN, (signer.owner,), text)
            continue
        signing, about = signer.signing, (str(signer),)
        does = f"{signer} signs, and the phones know it"
        if context.model.security_by_default and context.server in signing.itl_reset:
            text = f"`utils itl reset localkey`: {does}"
            yield Remedy(RemedyKind.ITL_RESET_LOCALKEY, about, text)
        is_other = signing.ctl_reset and not signing.ctl
        if FileKind.CTL in context.files and is_other:
            text = f"`utils ctl reset localkey`: {does}"
            yield Remedy(RemedyKind.CTL_RESET_LOCALKEY, about, text)


def _by_an_old_key(context: RefusalContext) -> Iterator[Remedy]:
    old = dict.fromkeys(
        str(context.home.retired[der])
        for der in context.held.sasts
        if der in context.home.retired
    )
    if not old:
        return
    update = ", `utils ctl update CTLFile`" if context.home.is_mixed else ""
    text = (
        f"restore the old certificate and key of {', '.join(old)} from a "
        f"backup{update}, restart TFTP"
    )
    yield Remedy(RemedyKind.RESTORE_KEYS, tuple(old), text)


def _by_another_cluster(context: RefusalContext) -> Iterator[Remedy]:
    for cluster in context.clusters:
        if cluster is context.home:
            continue
        known = [
            cluster.signers[der]
            for der in context.held.sasts
            if der in cluster.signers
            and cluster.signers[der].signing.lists_for(context.model)
        ]
        about = (cluster.name,)
        if any(signer.store is TrustStore.ITLRECOVERY for signer in known):
            text = (
                "`utils itl reset remotekey` with the ITLRecovery key of "
                f"cluster {cluster.name}, because the phones know it"
            )
            yield Remedy(RemedyKind.ITL_RESET_REMOTEKEY, about, text)
        if known:
            text = f"move the phones back to cluster {cluster.name}"
            yield Remedy(RemedyKind.GIVE_BACK, about, text)
