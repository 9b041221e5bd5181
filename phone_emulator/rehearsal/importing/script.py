"""A cluster that was read from its lists, as a rehearsal with keys of our own."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tokenless.phone_emulator.planner.steps import RESTART_TFTP, RESTART_TVS
from tokenless.phone_emulator.rehearsal.importing.drift import Drift
from tokenless.phone_emulator.rehearsal.importing.site import ImportedSite
from tokenless.phone_emulator.rehearsal.scripts.script import (
    Approximated,
    Expectation,
    Group,
    Script,
    Step,
)
from tokenless.protocol.certificates.name_text import printable

_MAX_TFTP_SERVERS: Final = 5
_LEAST_TOKENS: Final = 2
_LONGEST_NAME: Final = 60


def imported_script(site: ImportedSite, *, name: str, models: Sequence[str]) -> Script:
    """Return a rehearsal that sets such a cluster up; more steps are for its user.

    Args:
        site: What was read.
        name: What to call it.
        models: Phone models; each has a group at every TFTP node, where no list of
            real phones was given.
    """
    groups = tuple(_real_groups(site) if site.phones else _groups(site, models))
    return Script(
        name=name,
        lesson="Lab copy of your cluster: try the planned change on it.",
        inferred=True,
        groups=groups,
        steps=(_set_up(site, groups), *_drifts(site)),
        cluster=_cluster(site),
        approximations=tuple(
            Approximated(each.what, each.why) for each in site.approximations
        ),
    )


def _cluster(site: ImportedSite) -> dict[str, Any]:
    group = site.group
    section: dict[str, Any] = {"version": site.version}
    if site.capf:
        section["capf"] = site.capf
    if site.domain:
        section["domain"] = site.domain
    return {
        "cluster": section,
        "certificates": {"key_size": site.key_bits, "subject": site.subject},
        "nodes": [
            {"name": node.name, "address": node.address, "publisher": not number}
            for number, node in enumerate(site.nodes)
        ],
        "callmanager_groups": [{"name": group.name, "members": list(group.members)}],
        "device_pools": [
            {"name": "Default", "callmanager_group": group.name, "default": True}
        ],
    }


def _groups(site: ImportedSite, models: Sequence[str]) -> Iterator[Group]:
    for model in models:
        for node in site.tftp_nodes:
            others = [each for each in site.tftp_nodes if each != node]
            yield Group(
                name=f"{model}-at-{node}",
                model=model,
                tftp=(node, *others[: _MAX_TFTP_SERVERS - 1]),
            )


def _real_groups(site: ImportedSite) -> Iterator[Group]:
    """Give the phones of each device pool and model a group of that size."""
    taken: set[str] = set()
    for kind in site.phones:
        pool = "-".join(printable(kind.pool).split())[:_LONGEST_NAME]
        plain = name = f"{pool or 'phones'}-{kind.model}"
        number = 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        yield Group(
            name=name,
            model=kind.model,
            tftp=site.tftp_nodes[:_MAX_TFTP_SERVERS],
            count=kind.count,
        )


def _set_up(site: ImportedSite, groups: Sequence[Group]) -> Step:
    """Make the CTL that the cluster has, by the commands that make such a one."""
    return Step(
        title="Current state",
        run=(*_make_ctl(site), RESTART_TFTP, "phones boot"),
        why="Every phone holds what its node serves.",
        expect=tuple(
            Expectation(group=group.name, outcome="ok", stuck=False) for group in groups
        ),
    )


def _make_ctl(site: ImportedSite) -> Iterator[str]:
    if not site.has_ctl and not site.is_mixed:
        return
    tokens = [f"T{number}" for number in range(1, _tokens(site) + 1)]
    for token in tokens:
        yield f"token create {token}"
        yield f"cert upload Phone-SAST-trust token:{token}"
    yield _set_mode("mixed-mode", tokens)
    if not site.is_mixed:
        yield _set_mode("non-secure-mode", tokens)


def _tokens(site: ImportedSite) -> int:
    """Return how many tokens are made: a CTL Client wants two at least."""
    return max(site.tokens, _LEAST_TOKENS) if site.tokens else 0


def _set_mode(mode: str, tokens: Sequence[str]) -> str:
    if not tokens:
        return f"admin utils ctl set-cluster {mode}"
    chosen = " ".join(f"--token {token}" for token in tokens)
    return f"ctl-client set-mode {mode} {chosen}"


def _drifts(site: ImportedSite) -> Iterator[Step]:
    """Regenerate what was regenerated there since the lists were made."""
    if site.since_ctl:
        yield Step(
            title="Regenerated since the CTL was made",
            run=(
                *map(_regenerate, site.since_ctl),
                RESTART_TVS,
                RESTART_TFTP,
                "phones boot",
            ),
            why="The ITLs hold these certificates, the CTL still the ones before: "
            "`utils ctl update CTLFile` was forgotten.",
        )
    if site.since_lists:
        yield Step(
            title="Regenerated since the lists were made",
            run=tuple(map(_regenerate, site.since_lists)),
            why="In use, and in no list yet: the services were not restarted.",
        )


def _regenerate(drift: Drift) -> str:
    where = "" if drift.node is None else f"--node {drift.node} "
    return f"admin {where}set cert regen {drift.unit}"


def comment_of(site: ImportedSite, sources: Sequence[str]) -> str:
    """Return what stands above the rehearsal."""
    same = [
        *(["anchors"] if site.same_anchors else []),
        *(["certificate and node names"] if site.same_names else []),
        "roles",
    ]
    lines = [
        f"Made by `tokenless rehearse import` from {', '.join(sources)}.",
        f"The same {', '.join(same)} as there; keys of our own.",
        *(["NOT the same anchors: see below."] if not site.same_anchors else []),
        f"Release {site.version}: {site.version_why}.",
        *(
            f"{node.name}: {node.real_address or 'address not known'} there, "
            f"{node.address} here."
            for node in site.nodes
        ),
        *(
            f"Approximated: {each.what}. Why: {each.why}."
            for each in site.approximations
        ),
        "Add your change as further [[steps]]; docs/rehearsals.md lists the commands.",
    ]
    return "\n".join(map(printable, lines))
