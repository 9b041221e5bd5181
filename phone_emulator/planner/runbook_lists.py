"""The lists around a runbook's table: before, after, and if phones refuse files.

The checks are those of the vendor's texts (docs/reference 2: 3.4, 3.5, 6; 1: 7).
Inferred: the pages of the Disaster Recovery System and `utils dbreplication`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.planner.runbook_services import (
    named,
    restart_page,
    restarts_after,
    restarts_in,
)
from tokenless.phone_emulator.planner.verdict import held_lists
from tokenless.phone_emulator.planner.wording import Wording
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import PhoneInteraction

_MODE: Final = (
    "run sql select paramname,paramvalue from processconfig where "
    "paramname='ClusterSecurityMode'"
)
_INTERACTION: Final = "Phone Interaction on Certificate Update"
_SMART_LICENSES: Final = (12,)
"""The release from which commands of the CTL ask the licence (REFERENCE-2 3.5 has it of
12.5; of 12.0 inferred, as the page of the licence is)."""
_BACKUP: Final = (
    "Disaster Recovery System > Backup > Manual Backup > Start Backup; wait until "
    "Backup > Current Status says SUCCESS"
)


def subject(plan: Plan) -> Iterator[str]:
    """Say for which cluster the plan was made: for another one it is not valid."""
    layout = plan.task.layout
    mode = "mixed mode" if layout.is_mixed else "non-secure mode"
    major, minor, maintenance, service_update = layout.release
    release = f"{major}.{minor}" if minor else str(major)
    release += f"({maintenance})" if maintenance else ""
    release += f"SU{service_update}" if service_update else ""
    yield (
        f"Valid only for this cluster: release {release}, {mode}, publisher "
        f"{layout.nodes[0]}; TFTP on {_nodes(layout, layout.tftp_nodes)}."
    )
    groups = dict.fromkeys(
        _nodes(layout, each.members_of(layout)) for each in plan.task.groups
    )
    yield f"CallManager groups of the phones: {'; '.join(groups)}."
    names = [each.name for each in plan.task.groups]
    scheme = (
        " (MODEL-at-NODE: the first TFTP server that they ask)"
        if all("-at-" in each for each in names)
        else ""
    )
    yield f"Groups of phones{scheme}: {', '.join(names)}."


def before(plan: Plan, wording: Wording) -> Iterator[str]:
    """Yield what is checked or written down before the first step."""
    layout = plan.task.layout
    yield f"Take a DRS backup and keep it apart from the cluster: {_BACKUP}."
    yield (
        "On the publisher: `file get tftp ITLRecovery.p12`; keep it with the backup, "
        "`utils itl reset remotekey` may need it."
    )
    yield (
        f"`{_MODE}`: {int(layout.is_mixed)}. If not, stop: this runbook is for another "
        "mode."
    )
    yield from _resets(layout, wording)
    yield (
        "`utils dbreplication runtimestate` on the publisher: every node (2) Setup "
        "Completed. If not, stop."
    )
    yield from _lists(layout)
    models = ", ".join(dict.fromkeys(each.model for each in plan.task.groups))
    yield (
        "Cisco Unified Reporting > Unified CM Device Counts Summary: no models but "
        f"{models}. Phones of others are not planned for; those without Security By "
        "Default (Unified CM Phone Feature List) may be locked out: "
        f"{wording.models}."
    )
    yield (
        "Write down the number of registered phones (RTMT, or Device > Phone > Find): "
        "this is `as before` in the table. Phones that are off or not registered are "
        "not reached by any reset and may have to be recovered by hand later: list "
        "them."
    )
    yield (
        "Make sure that you can log in to every node: the operating system "
        "administrator by SSH and in the browser."
    )
    yield from _before_a_ca(plan)


def _lists(layout: ClusterLayout) -> Iterator[str]:
    """Say what the lists, and the commands that write them, must be like."""
    lists = "`show ctl` and `show itl`" if layout.is_mixed else "`show itl`"
    yield (
        f"{lists} on each TFTP node: verified successfully. Keep the output. In System "
        "> Enterprise Parameters, Prepare Cluster for Rollback to pre 8.0 is False."
    )
    if not layout.is_mixed:
        return
    if layout.release.has_tokens:
        yield (
            "`show ctl` has no record of a hardware token (subject `SAST-ADN` and a "
            "number). If it has, stop: `utils ctl update CTLFile` drops the tokens."
        )
    if layout.release >= _SMART_LICENSES:
        yield (
            "System > Licensing > License Management: export-controlled functionality "
            "is allowed; without it `utils ctl update CTLFile` is refused in the "
            "middle of the change."
        )


def _resets(layout: ClusterLayout, wording: Wording) -> Iterator[str]:
    """Say which value of the enterprise parameter the plan was made for."""
    if not layout.release.has_phone_interaction:
        return
    is_automatic = layout.interaction is PhoneInteraction.AUTOMATIC
    wanted, other = (
        ("automatically", "manual")
        if is_automatic
        else (
            "manually",
            "automatic",
        )
    )
    missing = "" if is_automatic else " (where the page does not have it: manual)"
    yield (
        f"System > Enterprise Parameters > Security Parameters, `{_INTERACTION}`: "
        f"phones are reset {wanted}{missing}. If not, stop: set it so, or "
        f"{wording.interaction.format(other=other)}; the order of the steps depends on "
        "it."
    )


def _before_a_ca(plan: Plan) -> Iterator[str]:
    units = [
        str(unit)
        for unit in sorted(plan.task.layout.signed)
        if any(step.unit is unit for step in plan.task.goal)
    ]
    if units:
        yield (
            f"Have the CA's certificates for {', '.join(units)} before the window: not "
            "expired, every node's name in the SAN if multi-server, key usages as in "
            "the CSR. A later CSR makes an earlier one useless."
        )


def after(plan: Plan) -> Iterator[str]:
    """Yield what is to be done after the last step."""
    units = {step.unit for step in plan.task.goal}
    if services := restarts_after(plan):
        layout = plan.task.layout
        most = len(services) * len(layout.nodes)
        is_everywhere = restarts_in(services, layout) == most
        where = "every node" if is_everywhere else "each node that has it"
        yield (
            f"Restart {' and '.join(services)} on {where}, one node after the "
            "other: until then they show the CallManager certificate that was "
            f"replaced. {restart_page(services)}."
        )
    yield (
        f"Take another DRS backup: {_BACKUP}. After a restore of the old one, phones "
        "would have to be unlocked one by one."
    )
    if TrustStore.CALLMANAGER in units:
        yield (
            "Give the new CallManager certificates to systems that trust the old ones: "
            "SIP trunks and gateways over TLS, voicemail, CTI applications. They are "
            "not in the plan."
        )
    if TrustStore.CAPF in units:
        yield (
            "Phones keep the LSC that the old CAPF issued; issue new ones in another "
            "window (Certificate Operation: Install/Upgrade)."
        )
    if TrustStore.ITLRECOVERY in units:
        yield "Export ITLRecovery.p12 again; check SAML SSO if it uses its certificate."
    if plan.by_hand:
        names = named((each.name for each in plan.by_hand), plan)
        yield f"Delete {held_lists(plan)} by hand on each phone of {names}."


def rescue(plan: Plan, wording: Wording) -> Iterator[str]:
    """Yield what to do when phones refuse files."""
    layout = plan.task.layout
    tftp = ",".join(layout.nodes[node] for node in layout.tftp_nodes)
    models = "".join(
        f" --model {each}" for each in dict.fromkeys(g.model for g in plan.task.groups)
    )
    yield (
        "Do no further regeneration, restart or reset: phones that are registered keep "
        "working, and each step may take a way of recovery from them."
    )
    check = wording.check.format(tftp=tftp, models=models)
    yield f"Find the reason; this changes nothing: {check}."
    yield (
        "If a step was left out or a service did not restart, do that, then reset one "
        "phone and look at it before others."
    )
    yield (
        "Restore from the DRS backup (Disaster Recovery System > Restore > Restore "
        "Wizard) only the nodes whose certificates were replaced; a restore needs "
        "hours and a reboot, which no figure here contains."
    )
    yield (
        "A single phone: Settings > Security Configuration > Trust List, unlock with "
        "`**#`, Erase; 78xx, 88xx: Settings > Admin Settings > Reset Settings > "
        "Security (the vendor's text names the CTL only: see whether the ITL is gone, "
        "too). It accepts the next lists without a check."
    )


def left_out(wording: Wording) -> str:
    """Say what the model does not know."""
    return (
        "The plan's model leaves out time, expired certificates, tokens, failing nodes "
        "and links, phones that are off, and a CallManager that reuses the certificate "
        f"of tomcat. Rehearse the plan: {wording.rehearse}."
    )


def _nodes(layout: ClusterLayout, nodes: Iterable[int]) -> str:
    return ", ".join(layout.nodes[node] for node in nodes)
