"""The checks before a change; each yields its findings, or that all is well."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.rehearsal.preflight.cluster import Preflight
from tokenless.phone_emulator.rehearsal.preflight.ctl_check import check_ctl
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    Check,
    not_told,
    problem,
    well,
)
from tokenless.phone_emulator.rehearsal.preflight.findings import PreflightCode as Code
from tokenless.phone_emulator.rehearsal.preflight.itl_check import check_itls
from tokenless.phone_emulator.rehearsal.preflight.model_checks import (
    check_digests,
    check_ecdsa,
    check_key_sizes,
    check_suites,
    check_tls,
)
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import not_renewed
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.files.trust_list import MAX_LOADED_LENGTH

_NEAR: Final = timedelta(days=365)
_OLD_VALIDITY: Final = timedelta(days=5 * 366)
_WEAK_BITS: Final = 1024
_FULL: Final = 0.8
_BOTH: Final = 2
_OWN_CHECK: Final = "ITLRecovery"
"""The unit whose dates `_recovery` looks at."""
TELL_GUESSES: Final = (
    "tell the import what it guessed: --version, --config or --pool, --serves-tftp, "
    "and the lists of all nodes"
)
_NEW_WITH: Final = {
    "recovery_signs": "ITLRecovery signs lists",
    "recovery_in_ctl": "the CTL lists ITLRecovery",
    "restarts_tvs": "TVS restarts by itself",
    "resets_phones": "phones are reset when a certificate changes",
    "restarts_callmanager": "Cisco CallManager restarts by itself",
}
"""Properties of a release that decide whether an order of steps is safe."""
TELL_ROLLBACK: Final = "give --rollback F or T, as `run sql` prints it"
TELL_GROUPS: Final = "import with --config SEP….cnf.xml, or with --phones and --pool"
_IMPORT_BINARY: Final = "import from .tlv files, --cert or --certmgr, not from text"


def all_checks(subject: Preflight) -> list[Check]:
    """Make all checks, in the order in which they are printed when alike."""
    makers = (
        _goal,
        _rollback,
        _tvs,
        _recovery,
        check_ctl,
        check_itls,
        _expired,
        _collisions,
        check_key_sizes,
        _itl_size,
        check_tls,
        check_suites,
        check_ecdsa,
        check_digests,
        _phones_off,
        _unknown_models,
        _target,
    )
    return [check for make in makers for check in make(subject)]


def _goal(subject: Preflight) -> Iterator[Check]:
    yield from _in_one_go(subject)
    yield from _best_order(subject.plan)


def _in_one_go(subject: Preflight) -> Iterator[Check]:
    plan = subject.plan
    harm, after = plan.in_one_go.lockout, plan.in_one_go.lockout_if_restarted
    if not plan.task.groups:
        words = "no model of the import can verify the cluster's files"
        yield not_told(Code.GOAL, words, "see the check of file signatures")
    elif harm is not None:
        yield problem(
            Code.GOAL,
            f"made in one go, step {harm.number} ({harm.title}) locks out "
            f"{', '.join(harm.groups)}",
            is_error=plan.steps is None,
        )
    elif after is not None:
        yield problem(
            Code.GOAL,
            f"made in one go, a restart of services after step {after.number} "
            f"({after.title}) locks out {', '.join(after.groups)}",
        )
    else:
        few = len(plan.task.groups) < len(subject.script.groups)
        which = "no phone that can verify the lists" if few else "no phone"
        words = f"{which} is locked out even when it is made in one go"
        if guesses := subject.guessed_anchors:
            yield not_told(
                Code.GOAL, f"{words}, if true: {'; '.join(guesses)}", TELL_GUESSES
            )
        else:
            yield well(Code.GOAL, words)


def _best_order(plan: Plan) -> Iterator[Check]:
    if plan.gave_up and plan.steps is None:
        yield not_told(
            Code.NO_SAFE_ORDER, "no safe order was found in time", "raise --timeout"
        )
    elif plan.steps is None or plan.by_hand:
        names = [group.name for group in plan.by_hand or plan.task.groups]
        yield problem(
            Code.NO_SAFE_ORDER,
            f"no order is safe for {', '.join(names)}",
            is_error=True,
        )
    yield from _passing_risk(plan)


def _passing_risk(plan: Plan) -> Iterator[Check]:
    """Name groups that the best order puts at risk for some steps only."""
    if plan.steps is None:
        return
    for each in plan.unsafe:
        if each.to_step is not None:
            restarts = " if services restart" if each.only_if_restarted else ""
            yield problem(
                Code.AT_RISK,
                f"in the best order {each.group.name} refuses files between step "
                f"{each.from_step} and {each.to_step}{restarts}",
                is_error=not each.only_if_restarted,
            )


def _rollback(subject: Preflight) -> Iterator[Check]:
    match subject.rollback:
        case True:
            yield problem(Code.ROLLBACK, "the rollback parameter is T", is_error=True)
        case False:
            yield well(Code.ROLLBACK, "the rollback parameter is F")
        case None:
            words = "the rollback parameter is not known"
            yield not_told(Code.ROLLBACK, words, TELL_ROLLBACK)


def _tvs(subject: Preflight) -> Iterator[Check]:
    used = {pool.callmanager_group for pool in subject.config.device_pools}
    few = [
        group
        for group in subject.config.callmanager_groups
        if group.name in used and len(group.members) < _BOTH
    ]
    for group in few:
        yield problem(
            Code.TVS_SINGLE,
            f"the CallManager group {group.name} has one node: {group.members[0]}",
        )
    if guesses := subject.guessed_groups:
        words = f"which TVS phones ask is not known: {'; '.join(guesses)}"
        yield not_told(Code.TVS_SINGLE, words, TELL_GROUPS)
    elif not few:
        yield well(Code.TVS_SINGLE, "every CallManager group has two TVS or more")
    if TrustStore.TVS in subject.task.layout.shared:
        yield problem(
            Code.TVS_SINGLE,
            "all nodes share one TVS certificate: its renewal leaves phones no other "
            "TVS to ask",
        )


def _recovery(subject: Preflight) -> Iterator[Check]:
    known = [each for each in subject.of_unit("ITLRecovery") if each.ends is not None]
    if not known:
        yield not_told(
            Code.RECOVERY_VALIDITY, "ITLRecovery's dates are not known", _IMPORT_BINARY
        )
        return
    newest = max(known, key=lambda each: each.ends or subject.at)
    begins, ends = newest.begins, newest.ends
    assert begins is not None and ends is not None  # noqa: S101, PT018 - see above
    if ends <= subject.at:
        words = f"ITLRecovery expired on {ends:%Y-%m-%d}"
        yield problem(Code.RECOVERY_VALIDITY, words, is_error=True)
    elif ends - subject.at < _NEAR:
        words = f"ITLRecovery ends on {ends:%Y-%m-%d}"
        yield problem(Code.RECOVERY_VALIDITY, words)
    elif subject.release.recovery_days and ends - begins <= _OLD_VALIDITY:
        yield problem(
            Code.RECOVERY_VALIDITY,
            f"ITLRecovery kept its 5 years from before an upgrade: {ends:%Y-%m-%d}",
        )
    else:
        yield well(Code.RECOVERY_VALIDITY, f"ITLRecovery lasts until {ends:%Y-%m-%d}")
    if newest.bits is not None and newest.bits <= _WEAK_BITS:
        yield problem(Code.RECOVERY_KEY, f"ITLRecovery has {newest.bits} bits")


def _expired(subject: Preflight) -> Iterator[Check]:
    # An older one in a list is the subject of the checks of lists: it was renewed.
    dated = [each for each in not_renewed(subject.known) if each.ends is not None]
    if not dated:
        yield not_told(Code.EXPIRED, "no certificate's dates are known", _IMPORT_BINARY)
        return
    target = subject.target
    drops = target is not None and target.drops_expired_trust
    over = {
        (e.unit, e.serial): e
        for e in dated
        if e.ends is not None and e.ends <= subject.at and e.unit != _OWN_CHECK
    }
    for each in over.values():
        words = f"{_named(each.unit, each.node, each.subject)} expired"
        if each.unit == "trust" and drops:
            yield problem(Code.EXPIRED_TRUST, words)
        elif each.unit == "CallManager":
            yield problem(Code.EXPIRED, words, is_error=True)
        else:
            yield problem(Code.EXPIRED_OTHER, words)
    if untold := _untold_dates(subject):
        words = f"the dates of {', '.join(untold)} are not known"
        yield not_told(Code.EXPIRED, words, _IMPORT_BINARY)
    elif not over:
        those = counted(len(dated), "certificate")
        yield well(Code.EXPIRED, f"none of {those} has expired")


def _untold_dates(subject: Preflight) -> list[str]:
    """Return the certificates of nodes of which nothing tells when they end."""
    layout = subject.task.layout
    dated = {(each.unit, each.node) for each in subject.known if each.ends is not None}
    units = {unit for unit, _ in dated}
    named = {
        _named(each.unit, each.node, each.subject): None
        for each in subject.known
        if each.ends is None and (each.unit, each.node) not in dated
    }
    for unit in (TrustStore.CALLMANAGER, TrustStore.TVS):
        for node in layout.nodes:
            is_told = unit in units if unit in layout.shared else (unit, node) in dated
            if not is_told:
                named[_named(unit, node, "")] = None
    return list(named)


def _collisions(subject: Preflight) -> Iterator[Check]:
    serials: dict[str, set[str]] = defaultdict(set)
    for each in subject.known:
        if each.unit == "trust" or each.source == "in-use":
            serials[each.subject].add(each.serial)
    trusted = {each.subject for each in subject.known if each.unit == "trust"}
    own = {each.subject for each in subject.known if each.unit != "trust"}
    twice = {name for name in trusted if len(serials[name]) > 1 or name in own}
    for name in sorted(twice):
        yield problem(Code.COLLISION, f"two certificates are called {printable(name)}")
    if all(each.source != "ctl" for each in subject.known):
        words = "which certificates the cluster trusts is not known"
        yield not_told(Code.COLLISION, words, "import the CTL, too")
    elif trusted and not twice:
        yield well(Code.COLLISION, "no two certificates have one name")


def _itl_size(subject: Preflight) -> Iterator[Check]:
    size = subject.script.itl_bytes
    if size is None:
        how = "import an ITL as a .tlv file"
        yield not_told(Code.ITL_SIZE, "the size of the ITL is not known", how)
    elif size > MAX_LOADED_LENGTH:
        yield problem(Code.ITL_SIZE, f"the ITL has {size} bytes", is_error=True)
    elif size > MAX_LOADED_LENGTH * _FULL:
        yield problem(Code.ITL_SIZE, f"the ITL has {size} of 65,536 bytes")
    else:
        yield well(Code.ITL_SIZE, f"the ITL has {size} of 65,536 bytes")


def _phones_off(subject: Preflight) -> Iterator[Check]:
    off = subject.script.unregistered
    if off is None:
        how = "import a RIS table with a column Status, or see ITL File Status (14)"
        yield not_told(Code.PHONES_OFF, "which phones are off is not known", how)
    elif off:
        yield problem(Code.PHONES_OFF, f"{counted(off, 'phone')} not registered")
    else:
        yield well(Code.PHONES_OFF, "all phones were registered")


def _unknown_models(subject: Preflight) -> Iterator[Check]:
    left = subject.script.unknown_models
    if left:
        yield problem(Code.MODELS, f"left out: phones of {', '.join(left)}")


def _target(subject: Preflight) -> Iterator[Check]:
    """Say where the release of the upgrade is none, or one that no source tells of."""
    target, now = subject.target, subject.release
    if target is None:
        return
    if target < now:
        words = f"{target.written} is not an upgrade: the cluster has {now.written}"
        yield problem(Code.TARGET, words, is_error=True)
    elif target.is_after_sources:
        words = f"no source of these checks tells of release {target.written}"
        yield not_told(Code.TARGET, words, "look for changes in its release notes")
    new = [
        words
        for name, words in _NEW_WITH.items()
        if getattr(target, name) and not getattr(now, name)
    ]
    if new:
        yield not_told(
            Code.OTHER_RELEASE,
            f"the change is planned for {now.written}, before the upgrade; in "
            f"{target.written} {', '.join(new)}",
            f"import with --version {target.written} to plan it after the upgrade",
        )


def _named(unit: str, node: str, subject: str) -> str:
    if unit == "trust":
        return f"the trusted {printable(subject)}"
    return f"{unit} of {node}" if node else unit
