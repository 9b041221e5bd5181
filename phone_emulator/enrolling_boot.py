"""A boot with what follows from it: a phone goes to CAPF and boots again.

report = await boot_and_enrol(phone, network)

After the boot the phone goes to CAPF, if its configuration says so, and boots again
when that changed its certificate (REFERENCE-3 2.5). A phone in a folder and each phone
of a fleet boot this way.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import trio

from tokenless.phone_emulator.enrolment import (
    CHANGED,
    EnrolmentSite,
    MakeKeyNow,
    Sleep,
    believes_capf,
    enrol,
    moments_of,
)
from tokenless.phone_emulator.own_certificates import make_key
from tokenless.phone_emulator.phone import Network, Phone
from tokenless.phone_emulator.secd.report import BootReport, LscState
from tokenless.protocol.phones.capf_decision import CapfPlan, plan_capf
from tokenless.protocol.phones.device_security import NOTHING_PENDING
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason


async def boot_and_enrol(
    phone: Phone,
    network: Network,
    *,
    string: str | None = None,
    sleep: Sleep = trio.sleep,
    make: MakeKeyNow = make_key,
    before_capf: Callable[[BootReport], None] = lambda _: None,
) -> BootReport:
    """Boot a phone; its log and status messages are those of both boots.

    Args:
        phone: The phone.
        network: What it shares with others.
        string: The authentication string that a person types.
        sleep: Waits between tries of CAPF.
        make: Makes the key that CAPF orders; runs in a thread.
        before_capf: Is told of the first boot before the phone decides about CAPF.

    Raises:
        PhoneError: When the phone's own certificates are damaged.
    """
    report = await phone.boot(network)
    before_capf(report)
    enrolment_plan = _plan(phone, report, network, string)
    if enrolment_plan is None:
        report.lsc = lsc_state(phone, network.clock())
        return report
    site, plan = enrolment_plan
    site = replace(site, sleep=sleep, make=make)
    network.tell("getting a certificate from CAPF")
    ended = await enrol(site, plan, string=string)
    log = [*phone.log, *moments_of(ended, network.clock())]
    if ended.result in CHANGED:
        earlier, report = report, await phone.boot(network)
        log += phone.log
        report.include(earlier)
    phone.log = log
    report.capf = ended.to_json()
    report.lsc = lsc_state(phone, network.clock())
    return report


def lsc_state(phone: Phone, now: float) -> LscState:
    """Return the state of a phone's LSC."""
    lsc = None if phone.certificates is None else phone.certificates.lsc
    if lsc is None:
        return LscState.NONE
    is_over = lsc.certificate.not_after < datetime.fromtimestamp(now, UTC)
    return LscState.EXPIRED if is_over else LscState.INSTALLED


async def would_enrol(phone: Phone, report: BootReport, network: Network) -> bool:
    """Tell whether a phone that cannot open its configuration would get a new LSC.

    An operation must be pending that needs no person, and the phone has to believe the
    server. Nothing is said to CAPF, so it may still refuse.
    """
    file, config = report.files.get(FileKind.CONFIGURATION), report.configuration
    if file is None or file.code is not Reason.NOT_DECRYPTED or config is None:
        return False
    enrolment_plan = _plan(phone, report, network)
    if enrolment_plan is None or config.capf_auth_mode == NOTHING_PENDING:
        return False
    site, plan = enrolment_plan
    return not plan.waits_for_string and await believes_capf(site, plan)


def _plan(
    phone: Phone, report: BootReport, network: Network, string: str | None = None
) -> tuple[EnrolmentSite, CapfPlan] | None:
    config, certificates = report.configuration, phone.certificates
    if config is None or certificates is None:
        return None
    plan = plan_capf(
        config,
        certificates.certificate_hash,
        decrypt_failed=report.decrypt_failed,
        has_string=string is not None,
    )
    if plan is None:
        return None
    site = EnrolmentSite(
        phone.identity,
        certificates,
        phone.flash.load(),
        config,
        network.tls or phone.identity.model.tls,
        network.tvs_timeout_s,
    )
    return site, plan
