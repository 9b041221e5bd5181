"""Remedies for phones that refuse a file, derived from the lists they hold.

Each remedy is named only when it works by the rules of REFERENCE 4.2: a key that the
phone knows and the cluster has, or a TVS server that the phone believes. Deleting the
lists on the phone always works and always comes last.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from tokenless.phone_emulator.rehearsal.outcome.refusal_context import (
    RefusalContext,
    decisive,
    is_of,
    vouches,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import Fresh
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal
from tokenless.phone_emulator.rehearsal.scripts.remedy import Remedy, RemedyKind
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import TVS_FAILURES, Reason
from tokenless.services.store.parameters import SHA1

_NOT_FETCHED: Final = frozenset({Reason.NO_SERVER, Reason.NOT_DOWNLOADED})
_SAID_NO: Final = frozenset({Reason.NOT_VOUCHED, Reason.WRONG_ROLE})
_OF_THE_SIGNER: Final = (
    _SAID_NO
    | TVS_FAILURES
    | {
        Reason.UNKNOWN_SIGNER,
        Reason.BAD_SIGNATURE,
        Reason.EXPIRED,
        Reason.CANNOT_ASK,
        Reason.NO_TVS_LISTED,
        Reason.NO_TVS_CONFIGURED,
    }
)
"""Reasons that another signer of the file would change."""


def remedies_for(context: RefusalContext) -> Iterator[Remedy]:
    """Return what would help, the least work first."""
    yield from _by_a_reset(context)
    if context.reasons <= _NOT_FETCHED:
        if not context.boots_well:
            text = "start a TFTP server that the phones ask, then reset them"
            yield Remedy(RemedyKind.START_TFTP, (), text)
        return
    if Reason.NOT_DECRYPTED in context.reasons:
        yield from _by_a_certificate()
        if len(context.reasons) == 1:
            return  # nothing is wrong with the lists
    if context.reasons == {Reason.DIGEST}:
        yield from _by_the_digest(context)
        yield from _by_another_cluster(context)
        return
    if not context.boots_well:
        yield from _by_a_new_ctl(context)
        yield from _by_new_files(context)
        yield from _by_a_new_itl(context)
        yield from _by_tvs(context)
    yield from _by_the_other_signer(context)
    yield from _by_an_old_key(context)
    yield from _by_another_cluster(context)
    yield Remedy(RemedyKind.DELETE_BY_HAND, (), _delete(context))


def _delete(context: RefusalContext) -> str:
    lists = "CTL and ITL" if context.model.security_by_default else "the CTL"
    return f"delete {lists} on each phone by hand"


def _by_the_digest(context: RefusalContext) -> Iterator[Remedy]:
    """Name the digest that the model verifies: without it no list is taken at all."""
    home, fresh = context.home, context.fresh_at(context.server)
    signers = dict(fresh.signers) if fresh else {}
    update = ""
    if home.is_mixed:
        update = "`utils ctl update CTLFile`, "
        if home.ctl_signer is not None:
            signers[FileKind.CTL] = home.ctl_signer
    back = (
        f"set TFTP File Signature Algorithm of cluster {home.name} to {SHA1}, {update}"
        "restart Cisco Tftp on every node"
    )
    is_taken = context.held.is_empty or all(
        each.file in signers and context.takes(each.file, signers[each.file])
        for each in decisive(context.refusals)
    )
    if is_taken:
        text = f"{back}, then reset the phones"
        yield Remedy(RemedyKind.LOWER_DIGEST, (home.name,), text)
    else:
        text = f"{back}, then {_delete(context)}"
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
    """Name a reset where copies of the phones boot well now, and why they do."""
    if not context.boots_well:
        return
    answering: tuple[str, ...] = ()
    if context.reasons & TVS_FAILURES:
        answering = tuple(server.node for _, server in context.usable_tvs)
    why = "copies of them accepted all files"
    if answering:
        nodes = ", ".join(answering)
        why = f"the TVS on {nodes} answers again, and the phones know its certificate"
    yield Remedy(RemedyKind.RESET_PHONES, answering, f"reset the phones: {why}")


def _by_a_new_ctl(context: RefusalContext) -> Iterator[Remedy]:
    """Name the CTL of the phones' cluster where they would take it (rule 10)."""
    if Reason.NOT_AUTHORISED not in context.reasons:
        return
    home = context.home
    signer = home.ctl_signer
    if home.is_mixed and signer is not None and context.takes(FileKind.CTL, signer):
        text = "`utils ctl update CTLFile`, so that the CTL names the TFTP server"
        yield Remedy(RemedyKind.UPDATE_CTL, (), text)


def _by_new_files(context: RefusalContext) -> Iterator[Remedy]:
    """Name a restart of Cisco Tftp where it still serves files of an earlier signer."""
    at = context.refused_at()
    fresh = {address: context.fresh_at(address) for address in at}
    if not all(_heals(context, fresh[each], refused) for each, refused in at.items()):
        return
    nodes = tuple(each.node for each in fresh.values() if each is not None)
    text = f"restart Cisco Tftp on {', '.join(nodes)}, then reset the phones"
    yield Remedy(RemedyKind.RESTART_TFTP, nodes, text)


def _heals(
    context: RefusalContext, fresh: Fresh | None, refusals: Sequence[Refusal]
) -> bool:
    """Tell whether what a restart brings is of other signers, whom the phones take."""
    if fresh is None:
        return False
    for each in decisive(refusals):
        signer = fresh.signers.get(each.file)
        if signer is None or each.signer is None or each.code not in _OF_THE_SIGNER:
            return False
        if is_of(signer, each.signer) or not context.takes(each.file, signer):
            return False
    return True


def _by_a_new_itl(context: RefusalContext) -> Iterator[Remedy]:
    """Name a restart of Cisco Tftp whose ITL has the TVS certificates that phones lack.

    A phone judges the CTL before it loads the ITL: it takes the CTL at its next boot.
    """
    if not context.reasons <= TVS_FAILURES:
        return
    at = context.refused_at()
    fresh = {address: context.fresh_at(address) for address in at}
    if not all(_asks_again(context, fresh[each], at[each]) for each in at):
        return
    nodes = tuple(each.node for each in fresh.values() if each is not None)
    text = f"restart Cisco Tftp on {', '.join(nodes)}, then reset the phones"
    if FileKind.CTL in context.files:
        text += (
            " twice: at first they take the ITL with the new certificates of TVS, then "
            "the CTL, for whose signer TVS vouches"
        )
    yield Remedy(RemedyKind.RESTART_TFTP, nodes, text)


def _asks_again(
    context: RefusalContext, fresh: Fresh | None, refusals: Sequence[Refusal]
) -> bool:
    """Tell whether phones take a new ITL, and what they refused by what it lists.

    The ITL has the signer of the node's configurations itself.
    """
    if fresh is None or not context.tvs_of_a_new_itl:
        return False
    itl = fresh.signers.get(FileKind.ITL)
    if itl is None or not context.takes(FileKind.ITL, itl):
        return False
    if all(each.file is not FileKind.CTL for each in refusals):
        return True
    ctl = fresh.signers.get(FileKind.CTL)
    return ctl is not None and vouches(context.home, FileKind.CTL, ctl)


def _by_tvs(context: RefusalContext) -> Iterator[Remedy]:
    if not context.model.security_by_default:
        return
    if context.reasons & TVS_FAILURES:
        yield from _by_a_tvs_that_answers(context)
    asked = {cluster.name for cluster, server in context.tvs if server.shown}
    if asked and context.reasons & _SAID_NO:
        text = (
            "upload the signer's certificate to Phone-SAST-trust of cluster "
            f"{', '.join(sorted(asked))}, because the phones ask its TVS"
        )
        yield Remedy(RemedyKind.UPLOAD_SIGNER, tuple(sorted(asked)), text)


def _by_a_tvs_that_answers(context: RefusalContext) -> Iterator[Remedy]:
    """Name the TVS servers that would answer yes if phones could ask them.

    Where one has answered no, another is not asked (REFERENCE 4.2).
    """
    for cluster, server in context.tvs:
        if not context.is_vouched_by(cluster):
            continue
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


def _by_the_other_signer(context: RefusalContext) -> Iterator[Remedy]:
    """Name the resets that sign with a key which the phones know.

    Phones that refuse a configuration alone take the ITL: another one would not help.
    """
    loads_itl = context.model.security_by_default
    refuses_a_list = context.files != {FileKind.CONFIGURATION}
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
        is_reset = context.server in signing.itl_reset
        if loads_itl and refuses_a_list and is_reset:
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
        has_key = any(signer.store is TrustStore.ITLRECOVERY for signer in known)
        if has_key and context.model.security_by_default:  # others load no ITL
            text = (
                "`utils itl reset remotekey` with the ITLRecovery key of "
                f"cluster {cluster.name}, because the phones know it"
            )
            if not cluster.is_administered:
                text += (
                    "; its publisher is off, so a copy of ITLRecovery.p12 is needed "
                    "that was exported before"
                )
            yield Remedy(RemedyKind.ITL_RESET_REMOTEKEY, about, text)
        if known:
            text = f"move the phones back to cluster {cluster.name}"
            if not cluster.tftp_up:
                text += ", after one of its TFTP servers was started"
            yield Remedy(RemedyKind.GIVE_BACK, about, text)
