"""The instructions for one step of a runbook: do it, wait, verify, stop.

Paths of pages, commands and what they print follow docs/reference 1 (4.4, 6), 2 (2, 3)
and 5 (4, 5). Inferred: the addresses `/cmplatform` and `/ccmservice`, and the menus of
78xx and 88xx.
"""

from collections.abc import Iterator
from typing import Final

from tokenless.phone_emulator.planner.model.cluster import PUBLISHER
from tokenless.phone_emulator.planner.model.race import follow_up_of
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    Regenerate,
    ResetCtl,
    ResetItl,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    UpdateCtl,
    reset_signer,
)
from tokenless.phone_emulator.planner.plan import Plan, Planned
from tokenless.phone_emulator.planner.runbook_services import (
    Service,
    callmanager_has_restarted,
    callmanager_restarts,
    nodes_with,
    restart_page,
    restarts_of,
)
from tokenless.phone_emulator.planner.wording import Wording
from tokenless.phone_emulator.secd.report import CHANGED
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import FollowUp

_RESET: Final = (
    "Cisco Unified CM Administration > Device > Phone > Find (by Device Pool, for "
    "batches) > Select All > Reset Selected; or, trunks and gateways as well, System > "
    "Device Pool > Find > one after the other > Reset; or all devices of the cluster: "
    "System > Enterprise Parameters > Reset > OK > Reset"
)
_NO_PAGE: Final = "no page: command line only"
_STOP: Final = "you may stop here: phones that restart accept all files"
_BACKUP: Final = "an old certificate comes back only from the DRS backup"
_ONE_WAY: Final = "there is no way back to the old file; none is needed"
_AS_BEFORE: Final = "as many registered phones as before (RTMT)"
_KEPT: Final = "phones stay registered and load nothing until they restart"


class Doing:
    """The instructions for one step: do it, wait, verify, stop."""

    def __init__(self, plan: Plan, step: Planned, wording: Wording) -> None:
        self._wording = wording
        self._plan = plan
        self._layout = layout = plan.task.layout
        self._step = step
        self.services = restarts_of(plan).get(step.number, ())
        """Services that are restarted by hand before the step."""
        self.nodes: tuple[str, ...] = ()
        """The nodes on which services are restarted."""
        self.node = layout.nodes[PUBLISHER]
        self.what = ""
        """Actions before the step that the plan names."""
        self.page = _NO_PAGE
        self.command = self.wait_for = self.verify = ""
        self.back = _STOP
        self.phones = _KEPT
        self._say(step.step)

    def _say(self, step: PlanStep) -> None:
        match step:
            case Regenerate(unit=unit, node=node):
                self.node = self._layout.nodes[node]
                self._renew(unit)
            case UpdateCtl() | ResetCtl() | ResetItl():
                self._rewrite(step)
            case RestartTvs():
                self._restart(Service.TVS, self._layout.nodes)
                self.verify = "Start Time of the service on that page, on each node"
                self.phones = (
                    "phones stay registered; they cannot ask a TVS with a new "
                    "certificate until they have the new ITL (HTTPS services: Host Not "
                    "Found)"
                )
            case RestartTftp():
                names = (self._layout.nodes[node] for node in self._layout.tftp_nodes)
                self._restart(Service.TFTP, tuple(names))
                self.verify = (
                    "`show itl` on each of these nodes: The ITL file was verified "
                    "successfully, and the Serial Numbers that you wrote down, of this "
                    "node's CallManager and of every TVS"
                )
                self.phones = (
                    "phones stay registered; one that restarts now asks its next TFTP "
                    "server"
                )
            case ResetPhones():
                self._reset()

    def _rewrite(self, step: UpdateCtl | ResetCtl | ResetItl) -> None:
        """Say how a list is written anew by a command of the publisher."""
        name = "ITL" if isinstance(step, ResetItl) else "CTL"
        self.back = f"{_STOP}; {_ONE_WAY}"
        after = self._next(RestartTftp)
        match step:
            case UpdateCtl():
                self.command = "`utils ctl update CTLFile` (answer y)"
                self.wait_for = f"`CTL file Updated`; it asks for restarts: {after}"
                if callmanager_has_restarted(self._plan, self._step):
                    self.wait_for += (
                        f" ({Service.CALLMANAGER} restarted by itself before)"
                    )
            case _:
                self.command = f"`utils {name.lower()} reset localkey` (answer y)"
                self.wait_for = (
                    "the prompt, without an error"
                    if name == "CTL"
                    else "`Successfully transferred reset ITL to node` for each node"
                )
                self.command += "; needs privilege level 4"
        self.verify = (
            f"`show {name.lower()}` on each TFTP node: The {name} file was verified "
            "successfully, the same checksum everywhere"
        )
        self.verify += (
            ", the serial numbers that you wrote down"
            if isinstance(step, UpdateCtl)
            else f", signed by {reset_signer(self._layout, step).value}"
        )

    def _next(self, kind: type[RestartTftp | RestartTvs]) -> str:
        """Say which later steps restart services: messages ask for it at once."""
        later = (self._plan.steps or ())[self._step.number :]
        reset = next((each.number for each in later if _is_reset(each)), None)
        numbers = {
            next((each.number for each in later if isinstance(each.step, kind)), None),
            reset if reset in callmanager_restarts(self._plan) else None,
        }
        steps = sorted(each for each in numbers if each is not None)
        if not steps:
            return "not now"
        word = "step" if len(steps) == 1 else "steps"
        return f"not now, that is {word} {' and '.join(map(str, steps))}"

    def _renew(self, unit: TrustStore) -> None:
        """Say how a certificate is replaced: `Regenerate` would self-sign it."""
        label = (
            "Start Date"
            if self._layout.release.has_new_certificate_text
            else "Validity From"
        )
        self.verify = (
            f"`show cert own {unit}`: {label} is today; write down its Serial Number "
            "(lists print it with colons)"
        )
        self.back = f"{_STOP}; {_BACKUP} of this node"
        page = (
            f"Cisco Unified OS Administration of {self.node} "
            f"(https://{self.node}/cmplatform) > Security > Certificate Management"
        )
        if unit in self._layout.signed:
            self._request(unit, page)
        else:
            self._regenerate(unit, page)
        if unit in self._layout.shared:
            self.verify += "; the same on every node"
        self._follow(unit)

    def _regenerate(self, unit: TrustStore, page: str) -> None:
        done = f"`Successfully Regenerated Certificate for {unit}.`"
        if unit in self._layout.shared:
            self.page = (
                f"{page} > Generate Self-signed: {unit}, Distribution "
                "Multi-server(SAN) > Generate"
            )
            self.command = "none: use the page, for a multi-server certificate"
            self.wait_for = "the page says that it succeeded, for every node"
            return
        others = "" if unit is TrustStore.ITLRECOVERY else f", not {unit}-trust"
        has_ec = self._layout.release.has_ec_callmanager
        if unit is TrustStore.CALLMANAGER and has_ec:
            others += " and not CallManager-ECDSA"
        self.page = f"{page} > Find > {unit} (the node's own{others}) > Regenerate > OK"
        if unit is not TrustStore.ITLRECOVERY:  # no CA signs it
            otherwise = self._wording.ca_signed.format(unit=unit)
            self.page += f"; if its type is CA-signed, stop: {otherwise}"
        self.command = f"`set cert regen {unit}` (answer yes)"
        self.wait_for = done

    def _request(self, unit: TrustStore, page: str) -> None:
        is_shared = unit in self._layout.shared
        for_all = ", Distribution Multi-server(SAN)" if is_shared else ""
        self.page = (
            f"days before: {page} > Generate CSR: {unit}{for_all} > Generate; Download "
            "CSR; let the CA sign it. Now: Upload Certificate/Certificate chain, first "
            f"the CA's root and intermediates as {unit}-trust, then the certificate as "
            f"{unit}"
        )
        ou = " (OU: as the CA wants it)" if self._layout.release.asks_for_ou else ""
        self.command = (
            "none: use the page, for a multi-server certificate"
            if is_shared
            else f"days before: `set csr gen {unit}`{ou}, `show csr own {unit}`; now: "
            f"`set cert import trust {unit}` for each certificate of the CA, then "
            f"`set cert import own {unit}`"
        )
        self.wait_for = (
            "`Certificate upload operation successful`, with every node's name"
            if is_shared
            else "`Success: Certificate Uploaded`, or `Successfully imported "
            f"certificate for {unit}.`"
        )
        label = (
            "IssuerDN"
            if self._layout.release.has_new_certificate_text
            else "Issuer Name"
        )
        self.verify = (
            f"`show cert own {unit}`: {label} is the CA; write down its Serial Number "
            "(lists print it with colons)"
        )

    def _follow(self, unit: TrustStore) -> None:
        """Say what follows by itself, and what is not to be done yet."""
        follow_up = follow_up_of(self._layout, unit)
        by_itself = ", ".join(_by_itself(follow_up, unit))
        if follow_up.resets_phones:
            self.wait_for += (
                f"; {by_itself}, phones are reset automatically: do not go on before "
                f"there are {_AS_BEFORE}"
            )
            self.phones = (
                "all phones of the cluster, not of this node only, are reset once, at "
                "a moment that you cannot choose; restart nothing by hand"
            )
            return
        if unit is TrustStore.CAPF and not follow_up.restarts_capf:
            self.nodes = (self.node,)
            self.wait_for += f"; then `utils service restart {Service.CAPF}`"
        elif by_itself:
            self.wait_for += f"; {by_itself}"
        else:
            kind = RestartTvs if unit is TrustStore.TVS else RestartTftp
            self.wait_for += f"; it asks for restarts: {self._next(kind)}"
        self._meanwhile(follow_up, unit)

    def _meanwhile(self, follow_up: FollowUp, unit: TrustStore) -> None:
        """Say what phones notice of services that restart by themselves."""
        if follow_up.restarts_callmanager:
            self.phones = (
                "phones that are registered at a node whose service restarts go to the "
                "next node of their CallManager group"
            )
        if follow_up.restarts_tvs:
            whose = (
                "any TVS"
                if unit in self._layout.shared
                else "the TVS of this node, if it is in their CallManager group,"
            )
            self.phones = (
                f"phones stay registered; they cannot ask {whose} until they have the "
                "new ITL (HTTPS services that only it serves: Host Not Found)"
            )

    def _restart(self, service: Service, nodes: tuple[str, ...]) -> None:
        self.nodes = nodes
        self.node = ", ".join(nodes)
        self.page = restart_page((service,))
        self.command = f"on each node: `utils service restart {service}`"
        self.wait_for = f"`{service}[STARTED]`, one node after the other"

    def _reset(self) -> None:
        self.node = "all phones"
        self.page = _RESET
        self.command = "none"
        self.wait_for = _AS_BEFORE
        self.verify = self._look_at_phones()
        self.phones = "each phone restarts and has no service meanwhile"
        self.back = (
            "if a phone says Trust List update failed, stop: no further reset, go to "
            f"`If phones refuse files` below; {_BACKUP}"
        )
        if self.services:
            self._restart_first()

    def _look_at_phones(self) -> str:
        """Say what a phone of each group shows when it went well."""
        boots = self._step.boots.values()
        files = (file for each in boots for file in (each.ctl, each.itl) if file)
        message = (
            "Trust List updated and no Trust List update failed (only the latter, if "
            "it was reset already)"
            if any(file.action in CHANGED for file in files)
            else "no Trust List update failed"
        )
        found = (
            f"one phone of each group: Settings > Status > Status Messages shows "
            f"{message}; Settings > Security Configuration > Trust List (78xx, 88xx: "
            "Settings > Admin Settings > Security Setup) shows the checksums of "
            "`show itl`"
            f"{' and `show ctl`' if self._layout.is_mixed else ''} of its TFTP node"
        )
        if self._layout.release.notes_itl:
            found += "; SIP phones: Device > Phone > Find, ITL File Status is Match"
        return found

    def _restart_first(self) -> None:
        """Say which services are to be restarted right before a reset."""
        layout, names = self._layout, " and ".join(self.services)
        self.nodes = nodes_with(self.services, layout)
        commands = "; ".join(f"`utils service restart {s}`" for s in self.services)
        started = " and ".join(f"`{s}[STARTED]`" for s in self.services)
        self.node = f"first {', '.join(self.nodes)}, then all phones"
        self.page = f"first {restart_page(self.services)}; then {self.page}"
        self.command = f"first, on each node where it is activated: {commands}"
        self.wait_for = f"{started} on each node, then {self.wait_for}"
        self.what = f"restart {names}, then "
        self.phones = (
            f"{self.phones}; when {self.services[0]} restarts on a node, its phones go "
            "to the next node of their CallManager group"
            if Service.CALLMANAGER in self.services
            else self.phones
        )


def _by_itself(follow_up: FollowUp, unit: TrustStore) -> Iterator[str]:
    """Yield what nodes do without a command after a new certificate."""
    if follow_up.restarts_callmanager:
        yield f"{Service.CALLMANAGER} and {Service.CTI} restart by themselves"
    if follow_up.restarts_tvs or follow_up.restarts_capf:
        service = Service.TVS if unit is TrustStore.TVS else Service.CAPF
        yield f"{service} restarts by itself"
    if follow_up.rebuilds_tftp:
        yield "TFTP makes its files again by itself"


def _is_reset(step: Planned) -> bool:
    return isinstance(step.step, ResetPhones)
