"""A boot with what follows from it: a phone goes to CAPF and boots again.

report = await boot_and_enrol(phone, network)

After the boot the phone goes to CAPF, if its configuration says so, and boots again
when that changed its certificate (REFERENCE-3 2.5). A phone in a folder and each phone
of a fleet boot this way.
"""

import trio

from tokenless.phone_emulator.enrolment import (
    CHANGED,
    Enrolment,
    EnrolmentSite,
    MakeKeyNow,
    Sleep,
    enrol,
    moments_of,
)
from tokenless.phone_emulator.own_certificates import make_key
from tokenless.phone_emulator.phone import Network, Phone
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.phones.capf_decision import plan_capf


async def boot_and_enrol(
    phone: Phone,
    network: Network,
    *,
    string: str | None = None,
    sleep: Sleep = trio.sleep,
    make: MakeKeyNow = make_key,
) -> BootReport:
    """Boot a phone; its log and status messages are those of both boots.

    Args:
        phone: The phone.
        network: What it shares with others.
        string: The authentication string that a person types.
        sleep: Waits between tries of CAPF.
        make: Makes the key that CAPF orders; runs in a thread.

    Raises:
        PhoneError: When the phone's own certificates are damaged.
    """
    report = await phone.boot(network)
    ended = await _go_to_capf(phone, report, network, string, sleep, make)
    if ended is None:
        return report
    log = [*phone.log, *moments_of(ended, network.clock())]
    if ended.result in CHANGED:
        earlier, report = report, await phone.boot(network)
        log += phone.log
        report.said[:0] = earlier.said
    phone.log = log
    report.capf = ended.to_json()
    return report


async def _go_to_capf(  # noqa: PLR0917 - one caller
    phone: Phone,
    report: BootReport,
    network: Network,
    string: str | None,
    sleep: Sleep,
    make: MakeKeyNow,
) -> Enrolment | None:
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
        sleep,
        make,
    )
    return await enrol(site, plan, string=string)
