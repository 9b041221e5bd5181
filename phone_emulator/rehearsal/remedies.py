"""What would recover phones that refuse a file: derived from what they hold.

Each remedy is named only when it works by the rules of REFERENCE 4.2: a key that the
phone knows and the cluster has, or a TVS server that the phone believes. Deleting the
lists on the phone always works and always comes last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.rehearsal.facts import (
    ClusterFacts,
    Held,
    Signer,
    TvsFacts,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_models import PhoneModel
from tokenless.protocol.trust_anchors import FileKind

_BY_HAND: Final = "on each phone by hand"
RESTORE: Final = "restore the old certificate and key of"
_NOT_VOUCHED: Final = ("TVS does not vouch", "TVS trusts the signer as")
_NOT_USABLE: Final = "no TVS server can be used"
_NOT_AUTHORISED_RULE: Final = 10
_UNREACHABLE_RULE: Final = 1


@dataclass(frozen=True, slots=True)
class Trouble:
    """Phones of one kind that refuse something."""

    files: frozenset[FileKind]
    reasons: tuple[str, ...]
    rules: frozenset[int]
    held: Held
    model: PhoneModel
    home: ClusterFacts
    """The cluster whose files they are given."""
    clusters: tuple[ClusterFacts, ...]
    tvs: tuple[tuple[ClusterFacts, TvsFacts], ...]
    """The TVS servers that the phones believe, up or down."""


def remedies_for(trouble: Trouble) -> Iterator[str]:
    """Return what would help, the least work first."""
    if trouble.rules == {_UNREACHABLE_RULE}:
        yield "start a TFTP server that the phones ask, then reset them"
        return
    if _NOT_AUTHORISED_RULE in trouble.rules:
        yield "`utils ctl update CTLFile`, so that the CTL names the TFTP server"
    yield from _by_a_reset(trouble)
    yield from _by_tvs(trouble)
    yield from _by_the_other_signer(trouble)
    yield from _by_an_old_key(trouble)
    yield from _by_another_cluster(trouble)
    lists = "CTL and ITL" if trouble.model.security_by_default else "the CTL"
    yield f"delete {lists} {_BY_HAND}"


def is_by_hand(remedy: str) -> bool:
    """Whether somebody has to walk to every desk."""
    return remedy.endswith(_BY_HAND)


def _by_a_reset(trouble: Trouble) -> Iterator[str]:
    """Name the TVS servers that could not be used at the boot and can be now."""
    if not any(_NOT_USABLE in reason for reason in trouble.reasons):
        return
    answering = [
        server.node
        for cluster, server in trouble.tvs
        if cluster is trouble.home
        and server.shown is not None
        and trouble.model.tls[1] >= cluster.oldest_tls
    ]
    if answering:
        yield (
            f"reset the phones: TVS on {', '.join(answering)}, which they know, "
            "answers now"
        )


def _by_tvs(trouble: Trouble) -> Iterator[str]:
    if not trouble.model.security_by_default:
        return
    for cluster, server in trouble.tvs:
        if server.shown is None:
            yield (
                "start Cisco Trust Verification Service on "
                f"{server.node}, then reset the phones"
            )
        elif trouble.model.tls[1] < cluster.oldest_tls:
            yield (
                f"let TVS of cluster {cluster.name} speak TLS {trouble.model.tls[1]}, "
                f"the newest that a {trouble.model.name} knows"
            )
    asked = {cluster.name for cluster, server in trouble.tvs if server.shown}
    if asked and any(reason.startswith(_NOT_VOUCHED) for reason in trouble.reasons):
        yield (
            "upload the signer's certificate to Phone-SAST-trust of cluster "
            f"{', '.join(sorted(asked))}, whose TVS the phones ask"
        )


def _by_the_other_signer(trouble: Trouble) -> Iterator[str]:
    """Name the resets that sign with a key which the phones know."""
    known = [
        trouble.home.signers[der]
        for der in trouble.held.sasts
        if der in trouble.home.signers
    ]
    for signer in known:
        if signer.store is None:
            yield f"sign the CTL with {signer} again (CTL Client)"
        elif _is_reset_signer(signer, trouble.home):
            if trouble.model.security_by_default:
                yield (
                    f"`utils itl reset localkey`: {signer} signs, which the phones know"
                )
            if FileKind.CTL in trouble.files and trouble.home.release.recovery_signs:
                yield (
                    f"`utils ctl reset localkey`: {signer} signs, which the phones know"
                )


def _is_reset_signer(signer: Signer, home: ClusterFacts) -> bool:
    """Whether `reset localkey` signs with this key (REFERENCE 2.3)."""
    if home.release.recovery_signs:
        return signer.store is TrustStore.CALLMANAGER
    return signer.store is TrustStore.ITLRECOVERY


def _by_an_old_key(trouble: Trouble) -> Iterator[str]:
    old = [
        str(trouble.home.retired[der])
        for der in trouble.held.sasts
        if der in trouble.home.retired
    ]
    if not old:
        return
    update = ", `utils ctl update CTLFile`" if trouble.home.is_mixed else ""
    yield (
        f"{RESTORE} {', '.join(dict.fromkeys(old))} from a backup{update}, restart TFTP"
    )


def _by_another_cluster(trouble: Trouble) -> Iterator[str]:
    for cluster in trouble.clusters:
        if cluster is trouble.home:
            continue
        known = [
            cluster.signers[der] for der in trouble.held.sasts if der in cluster.signers
        ]
        if any(signer.store is TrustStore.ITLRECOVERY for signer in known):
            yield (
                "`utils itl reset remotekey` with the ITLRecovery key of cluster "
                f"{cluster.name}, which the phones know"
            )
        if known:
            yield f"give the phones back to cluster {cluster.name}"
