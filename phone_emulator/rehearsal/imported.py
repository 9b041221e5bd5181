"""A cluster that was read from its lists, as a rehearsal with keys of our own."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tokenless.phone_emulator.planner.steps import RESTART_TFTP, RESTART_TVS
from tokenless.phone_emulator.rehearsal.imported_drift import Drift
from tokenless.phone_emulator.rehearsal.imported_site import ImportedSite
from tokenless.phone_emulator.rehearsal.script import Expectation, Group, Script, Step
from tokenless.protocol.name_text import printable

_GROUP: Final = "Imported-CMG"
_MAX_MEMBERS: Final = 5
_LEAST_TOKENS: Final = 2


def imported_script(site: ImportedSite, *, name: str, models: Sequence[str]) -> Script:
    """Return a rehearsal that sets such a cluster up; more steps are for its user.

    Args:
        site: What was read.
        name: What to call it.
        models: Phone models; each has a group at every node.
    """
    groups = tuple(_groups(site, models))
    return Script(
        name=name,
        lesson="A cluster made like another one: try the planned change on it.",
        inferred=True,
        groups=groups,
        steps=(_set_up(site, groups), *_drifts(site)),
        cluster=_cluster(site),
    )


def _cluster(site: ImportedSite) -> dict[str, Any]:
    names = [node.name for node in site.nodes]
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
        "callmanager_groups": [{"name": _GROUP, "members": names[:_MAX_MEMBERS]}],
        "device_pools": [
            {"name": "Default", "callmanager_group": _GROUP, "default": True}
        ],
    }


def _groups(site: ImportedSite, models: Sequence[str]) -> Iterator[Group]:
    for model in models:
        for node in site.nodes:
            others = [each.name for each in site.nodes if each is not node]
            yield Group(
                name=f"{model}-at-{node.name}",
                model=model,
                tftp=(node.name, *others[: _MAX_MEMBERS - 1]),
            )


def _set_up(site: ImportedSite, groups: Sequence[Group]) -> Step:
    """Make the CTL that the cluster has, by the commands that make such a one."""
    return Step(
        title="The cluster as its lists have it",
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
    lines = [
        f"Made by `tokenless rehearse import` from {', '.join(sources)}.",
        "The same anchors, names, roles and node names; keys of our own.",
        f"Release {site.version}: {site.version_why}.",
        *(
            f"{node.name}: {node.real_address or 'address not known'} there, "
            f"{node.address} here."
            for node in site.nodes
        ),
        *(f"Not rebuilt: {remark}." for remark in site.remarks),
        "Add your change as further [[steps]]; docs/rehearsals.md lists the commands.",
    ]
    return "\n".join(map(printable, lines))
