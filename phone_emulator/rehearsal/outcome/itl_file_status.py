"""ITL File Status of a group, as the cluster's pages would show it (REFERENCE-2 4).

From release 14 on a SIP phone reports after its registration which ITL it holds; the
cluster compares that with the ITL of the TFTP server which the phone names. Phones that
are not registered, speak SCCP or belong to an older release are unknown.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import ClusterFacts
from tokenless.phone_emulator.secd.events import FlashContents, PhoneIdentity
from tokenless.protocol.checksums import sha1_of
from tokenless.protocol.phones.registration import Signalling
from tokenless.services.cluster.presence import ItlStatus


def itl_file_statuses(
    phones: Iterable[PhoneIdentity],
    contents: Mapping[str, FlashContents],
    registrations: Mapping[str, RegistrationReport],
    home: ClusterFacts,
) -> dict[ItlStatus, int]:
    """Count a group's phones by their status; empty before release 14.

    Args:
        phones: The group.
        contents: What each holds, by device.
        registrations: How phones that are on are registered, by device.
        home: Their cluster.
    """
    if not home.release.notes_itl:
        return {}
    counts = Counter(
        _status(phone, contents[phone.device], registrations.get(phone.device), home)
        for phone in phones
    )
    return {status: counts[status] for status in ItlStatus if counts[status]}


def _status(
    phone: PhoneIdentity,
    held: FlashContents,
    registration: RegistrationReport | None,
    home: ClusterFacts,
) -> ItlStatus:
    if registration is None or not registration.is_registered:
        return ItlStatus.UNKNOWN
    if registration.signalling is not Signalling.SIP:
        return ItlStatus.UNKNOWN
    if held.itl is None:
        return ItlStatus.NOT_INSTALLED
    # A phone names the first of its servers; a foreign one is compared with all.
    named = home.itls.get(phone.servers[0].address)
    served = home.itls.values() if named is None else (named,)
    if not served:
        return ItlStatus.UNKNOWN
    is_served = sha1_of(held.itl) in served
    return ItlStatus.MATCH if is_served else ItlStatus.MISMATCH
