"""The cluster that sources describe, with every guess, as a study keeps it.

When it is read again, a change keeps what still fits.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import (
    ImportedCluster,
    Known,
    read_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.drift import Drift
from tokenless.phone_emulator.rehearsal.importing.script import imported_script
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script
from tokenless.phone_emulator.studio.sources import Recognised
from tokenless.phone_emulator.studio.study import (
    Change,
    Corrections,
    Guess,
    NodeFact,
    PhoneFact,
    Understood,
)
from tokenless.protocol.codes import UNITS, UNITS_OF_PUBLISHER, NodeRole
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release

_WHY: Final = {
    Topic.RELEASE: ("lists do not tell the release", "write it below"),
    Topic.GROUP: (
        "lists do not tell whose TVS phones ask",
        "name the nodes below, or give a phone's SEP….cnf.xml",
    ),
    Topic.TFTP: ("lists do not tell which nodes serve TFTP", "tick them below"),
    Topic.POOLS: (
        "the export tells neither option 150 nor the groups of device pools",
        "name the groups below",
    ),
}
"""The reason, and the way to correct it on the page; other guesses have their own."""
USUAL_MODELS: Final = ("7975", "8861")
_MODELS: Final = Guess(
    "models",
    f"the phones are {' and '.join(USUAL_MODELS)}, as many of each",
    "no CSV tells their models",
    "give one, or tick the models below",
)
_SHARES: Final = Guess(
    "shares",
    "there are as many phones of each model, and as many at each TFTP node",
    "no CSV tells how many there are",
    "give one, see Where do I find these above",
)


def understand(
    found: Recognised, corrections: Corrections, *, name: str
) -> Understood | None:
    """Work out the cluster; None while there are no lists.

    Raises:
        PhoneError: When lists contradict each other, or a correction is wrong.
    """
    if not found.lists:
        return None
    if corrections.version:
        _check_release(corrections.version)
    known = Known(
        in_use=found.in_use,
        version=corrections.version or None,
        config=found.config,
        tftp_names=corrections.serves_tftp,
        members=corrections.members,
        pools=corrections.pools,
        phones=found.phones,
    )
    cluster = read_cluster(found.lists, known)
    models = corrections.models or USUAL_MODELS
    script = imported_script(cluster, name=name, models=models)
    release = Release.parse(cluster.version)
    resets = corrections.phone_interaction if release.has_phone_interaction else ""
    if resets:
        script = _with_resets(script, resets)
    more = []
    if release.has_phone_interaction and not resets:
        more.append(_resets_guess(release))
    if not cluster.phones:
        more.append(_SHARES if corrections.models else _MODELS)
    understood = _understood(cluster, script)
    return replace(understood, guesses=(*understood.guesses, *more))


def _with_resets(script: Script, resets: str) -> Script:
    section = {**script.cluster["cluster"], "phone_interaction": resets}
    return replace(script, cluster={**script.cluster, "cluster": section})


def _resets_guess(release: Release) -> Guess:
    """Say which value is taken: resets that come by themselves change the order."""
    value = PhoneInteraction.default_of(release)
    how = "by themselves" if value is PhoneInteraction.AUTOMATIC else "by hand"
    return Guess(
        "phone-resets",
        f"Phone Interaction on Certificate Update: phones are reset {how}",
        "lists do not tell it",
        "choose it below",
    )


def _check_release(version: str) -> None:
    try:
        Release.parse(version)
    except ValueError as error:
        raise PhoneError(
            f"{version!r} is not a release", hint="write 11.5(1), 12.5(1)SU3, 14SU3, 15"
        ) from error


def _understood(cluster: ImportedCluster, script: Script) -> Understood:
    return Understood(
        script=script,
        version=cluster.version,
        version_why=cluster.version_why,
        is_mixed=cluster.is_mixed,
        tokens=cluster.tokens,
        group=cluster.group.name,
        members=cluster.group.members,
        tftp_nodes=cluster.tftp_nodes,
        nodes=tuple(_nodes(cluster)),
        phones=tuple(_phone_fact(group) for group in script.groups),
        guesses=tuple(
            Guess(each.topic.value, each.what, *_WHY.get(each.topic, (each.why, "")))
            for each in cluster.approximations
        ),
        units=tuple(_units(cluster)),
        pools=tuple(sorted({kind.pool for kind in cluster.phones if kind.pool})),
        drifts=tuple(_drifts(cluster)),
    )


def _nodes(cluster: ImportedCluster) -> Iterator[NodeFact]:
    for number, node in enumerate(cluster.nodes):
        roles = cluster.roles.of[node.name]
        shown = [role.value for role in NodeRole if role in roles]
        if number:
            shown = [role for role in shown if role != NodeRole.CAPF.value]
        yield NodeFact(node.name, node.real_address, tuple(shown), number == 0)


def _phone_fact(group: Group) -> PhoneFact:
    return PhoneFact(
        group.name, group.model, group.played, group.count, group.pool or ""
    )


def _units(cluster: ImportedCluster) -> Iterator[str]:
    """Yield what can be ticked: a unit, or a unit of one node."""
    for unit in UNITS:
        if unit in UNITS_OF_PUBLISHER or unit in cluster.issuers.shared:
            yield unit.value
        else:
            yield from (f"{unit.value}@{node.name}" for node in cluster.nodes)


def _drifts(cluster: ImportedCluster) -> Iterator[str]:
    publisher = cluster.nodes[0].name
    for drifts, since in (
        (cluster.since_ctl, "the CTL was made: `utils ctl update CTLFile` was not run"),
        (cluster.since_lists, "the lists were made: services were not restarted"),
    ):
        for drift in drifts:
            yield f"{_drift(drift, publisher)} was regenerated after {since}"


def _drift(drift: Drift, publisher: str) -> str:
    return f"{drift.unit} of {drift.node or publisher}"


def kept_change(change: Change, cluster: Understood | None) -> tuple[Change, str]:
    """Return what is left of a change, and the sentence about what is not.

    While there is no cluster all of it is left: its files may be on their way.
    """
    if cluster is None or change.kind == "none":
        return change, ""
    if change.kind == "ticked":
        return _still_ticked(change, cluster)
    base = cluster.script
    try:
        check_lines(replace(base, steps=(*base.steps, *change.steps)))
    except PhoneError:
        return Change(text=change.text), (
            "The ticket's commands do not all fit the cluster any more: look at them "
            "on the page Your change."
        )
    return change, ""


def _still_ticked(change: Change, cluster: Understood) -> tuple[Change, str]:
    units = tuple(unit for unit in change.units if unit in cluster.units)
    if units == change.units:
        return change, ""
    lost = ", ".join(unit for unit in change.units if unit not in units)
    left = Change("ticked", units) if units else Change()
    return left, f"Not ticked any more, because the cluster has it no longer: {lost}."
