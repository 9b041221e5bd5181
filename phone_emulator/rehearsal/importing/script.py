"""A cluster that was read from its lists, as a rehearsal with keys of our own."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from tokenless.phone_emulator.planner.model.steps import RESTART_TFTP, RESTART_TVS
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import ImportedCluster
from tokenless.phone_emulator.rehearsal.importing.cluster.drift import (
    Drift,
    Regeneration,
)
from tokenless.phone_emulator.rehearsal.scripts.script import (
    Approximated,
    Expectation,
    Group,
    Script,
    Step,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import TrustStore

_MAX_TFTP_SERVERS: Final = 5
_LEAST_TOKENS: Final = 2
_LONGEST_NAME: Final = 60
_RESTART: Final = "utils service restart Cisco Tftp"


def imported_script(
    cluster: ImportedCluster, *, name: str, models: Sequence[str]
) -> Script:
    """Return a rehearsal that sets such a cluster up; more steps are for its user.

    Args:
        cluster: What was read.
        name: What to call it.
        models: Phone models; each has a group at every TFTP node, where no list of
            real phones was given.
    """
    groups = tuple(
        _real_groups(cluster) if cluster.phones else _groups(cluster, models)
    )
    steps = (_set_up(cluster, groups), *_drifts(cluster))
    return Script(
        name=name,
        lesson="A lab copy of your cluster, on which you can try the planned change.",
        inferred=True,
        groups=groups,
        steps=steps,
        present_steps=len(steps),
        cluster=_cluster(cluster),
        certificates=cluster.certificates,
        itl_bytes=cluster.itl_bytes,
        unregistered=None if cluster.table is None else cluster.table.unregistered,
        unknown_models=() if cluster.table is None else cluster.table.unknown,
        approximations=tuple(
            Approximated(each.what, each.why, each.topic.value)
            for each in cluster.approximations
        ),
    )


def _cluster(cluster: ImportedCluster) -> dict[str, Any]:
    group, shared = cluster.group, cluster.issuers.first_shared
    section: dict[str, Any] = {"version": cluster.version}
    if cluster.capf:
        section["capf"] = cluster.capf
    if cluster.domain:
        section["domain"] = cluster.domain
    return {
        "cluster": section,
        "certificates": {
            "key_size": cluster.key_bits,
            "subject": cluster.subject,
            **({"multi_server": list(shared)} if shared else {}),
        },
        **_parameters(cluster),
        "nodes": [
            {
                "name": node.name,
                "address": node.address,
                "publisher": not number,
                **_roles(cluster, node.name),
            }
            for number, node in enumerate(cluster.nodes)
        ],
        "callmanager_groups": [
            {"name": group.name, "members": list(group.members)},
            *(
                {"name": _group_of(pool), "members": list(members)}
                for pool, members in cluster.pools.items()
            ),
        ],
        "device_pools": [
            {"name": "Default", "callmanager_group": group.name, "default": True},
            *(
                {"name": pool, "callmanager_group": _group_of(pool)}
                for pool in cluster.pools
            ),
        ],
    }


def _parameters(cluster: ImportedCluster) -> dict[str, Any]:
    """Let the copy sign its files as the cluster does, where the lists tell it."""
    told = cluster.file_signature
    return {"parameters": {"tftp_file_signature_algorithm": told}} if told else {}


def _group_of(pool: str) -> str:
    """Return what the CallManager group of a device pool is called."""
    return f"{pool[:_LONGEST_NAME]}-CMG"


def _roles(cluster: ImportedCluster, node: str) -> dict[str, list[str]]:
    roles = cluster.roles.written(node)
    return {} if roles is None else {"roles": roles}


def _groups(cluster: ImportedCluster, models: Sequence[str]) -> Iterator[Group]:
    for model in models:
        for node in cluster.tftp_nodes:
            others = [each for each in cluster.tftp_nodes if each != node]
            yield Group(
                name=f"{model}-at-{node}",
                model=model,
                tftp=(node, *others[: _MAX_TFTP_SERVERS - 1]),
            )


def _real_groups(cluster: ImportedCluster) -> Iterator[Group]:
    """Give the phones of each device pool and model a group of that size."""
    taken: set[str] = set()
    for kind in cluster.phones:
        pool = "-".join(printable(kind.pool).split())[:_LONGEST_NAME]
        model = "-".join(printable(kind.model).split())
        plain = name = f"{pool or 'phones'}-{model}"
        number = 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        yield Group(
            name=name,
            model=kind.model,
            like=None if kind.like == kind.model else kind.like,
            tftp=cluster.tftp_nodes[:_MAX_TFTP_SERVERS],
            count=kind.count,
            pool=kind.pool if kind.pool in cluster.pools else None,
        )


def _set_up(cluster: ImportedCluster, groups: Sequence[Group]) -> Step:
    """Make the CTL that the cluster has, by the commands that make such a one."""
    return Step(
        title="Current state",
        run=(*_issue(cluster), *_make_ctl(cluster), RESTART_TFTP, "phones boot"),
        why="Every phone holds what its node serves.",
        expect=tuple(
            Expectation(group=group.name, outcome="ok", stuck=False) for group in groups
        ),
    )


def _issue(cluster: ImportedCluster) -> Iterator[str]:
    """Let a CA of the lab sign the CA-signed units."""
    yield from cluster.issuers.lines([node.name for node in cluster.nodes])
    if TrustStore.TVS in cluster.issuers.signed:
        yield RESTART_TVS


def _make_ctl(cluster: ImportedCluster) -> Iterator[str]:
    if not cluster.has_ctl and not cluster.is_mixed:
        return
    tokens = [f"T{number}" for number in range(1, _tokens(cluster) + 1)]
    for token in tokens:
        yield f"token create {token}"
        yield f"cert upload Phone-SAST-trust token:{token}"
    yield _set_mode("mixed-mode", tokens)
    if not cluster.is_mixed:
        yield _set_mode("non-secure-mode", tokens)


def _tokens(cluster: ImportedCluster) -> int:
    """Return how many tokens are made: a CTL Client wants two at least."""
    return max(cluster.tokens, _LEAST_TOKENS) if cluster.tokens else 0


def _set_mode(mode: str, tokens: Sequence[str]) -> str:
    if not tokens:
        return f"admin utils ctl set-cluster {mode}"
    chosen = " ".join(f"--token {token}" for token in tokens)
    return f"ctl-client set-mode {mode} {chosen}"


def _drifts(cluster: ImportedCluster) -> Iterator[Step]:
    """Regenerate certificates that were regenerated there since the lists were made."""
    yield from (_since(cluster, each) for each in cluster.regenerations)
    if cluster.since_lists:
        yield Step(
            title="Certificates regenerated since the lists were made",
            run=_renewals(cluster, cluster.since_lists),
            why="These certificates are in use but in no list: the services were "
            "not restarted.",
        )


def _since(cluster: ImportedCluster, those: Regeneration) -> Step:
    """Make lists again after a regeneration, but for those that are older there."""
    old = [n for n in cluster.tftp_nodes if n.casefold() in those.unrestarted]
    restarted = [n for n in cluster.tftp_nodes if n not in old]
    restarts = [f"admin --node {node} {_RESTART}" for node in restarted]
    why = []
    if old:
        why.append(
            f"The ITL of {', '.join(old)} lists the previous ones: Cisco Tftp was not "
            "restarted there."
        )
    if those.has_older_ctl:
        why.append(
            "The ITLs list these certificates, but the CTL lists the previous ones: "
            "`utils ctl update CTLFile` was not run."
        )
    since = f"the lists of {', '.join(old)} were" if old else "the CTL was"
    return Step(
        title=f"Certificates regenerated since {since} made",
        run=(
            *_renewals(cluster, those.drifts),
            *(_update_ctl(cluster) if those.updates_ctl else ()),
            RESTART_TVS,
            *(restarts if old else [RESTART_TFTP]),
            "phones boot",
        ),
        why=" ".join(why),
    )


def _update_ctl(cluster: ImportedCluster) -> Iterator[str]:
    if not cluster.has_ctl and not cluster.is_mixed:
        return
    if not cluster.tokens:
        yield "admin utils ctl update CTLFile"
    else:
        chosen = (f"--token T{number + 1}" for number in range(_tokens(cluster)))
        yield f"ctl-client update {' '.join(chosen)}"


def _renewals(cluster: ImportedCluster, drifts: Iterable[Drift]) -> tuple[str, ...]:
    """Return lines that renew certificates; a shared one is renewed once."""
    return tuple(dict.fromkeys(_renewal(cluster, each) for each in drifts))


def _renewal(cluster: ImportedCluster, drift: Drift) -> str:
    """Return the line that renews a certificate and leaves its issuer as it is."""
    issuers, unit = cluster.issuers, drift.unit
    if unit in issuers.signed & issuers.shared:
        return f"cert sign {unit}"
    if unit in issuers.signed:
        return f"cert sign {unit} --node {drift.node or cluster.nodes[0].name}"
    is_of_all = drift.node is None or unit in issuers.shared
    where = "" if is_of_all else f"--node {drift.node} "
    return f"admin {where}set cert regen {unit}"


def comment_of(cluster: ImportedCluster, sources: Sequence[str]) -> str:
    """Return what stands above the rehearsal."""
    same = [
        *(["anchors"] if cluster.same_anchors else []),
        *(["certificate and node names"] if cluster.same_names else []),
        "roles",
    ]
    lines = [
        f"Made by `tokenless rehearse import` from {', '.join(sources)}.",
        f"The same {', '.join(same)} as in the imported cluster, but new keys.",
        *(
            ["The anchors are NOT the same: see below."]
            if not cluster.same_anchors
            else []
        ),
        f"Release {cluster.version}: {cluster.version_why}.",
        *(
            f"{node.name}: {node.real_address or 'address not known'} in your "
            f"cluster, {node.address} in this rehearsal."
            for node in cluster.nodes
        ),
        *(
            f"Approximated: {each.what}. Why: {each.why}."
            for each in cluster.approximations
        ),
        "Add your change as further [[steps]]; docs/rehearsals.md lists the commands.",
    ]
    return "\n".join(map(printable, lines))
