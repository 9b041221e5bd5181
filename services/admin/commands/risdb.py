"""`show risdb query phone`: the phones that this node knows, and why they have gone.

The vendor's columns are those that programs which read this output expect (26 of them,
`reg` and `unr`, "Total count"); the words of its totals are from memory, and what this
cluster does not know is empty. The vendor has no column for reasons: they follow in a
table of ours, with the numbers of REFERENCE-3 4.6.
"""

from typing import Final

from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.services.admin.certificate_text import local_time_at
from tokenless.services.admin.command import TREE, columns
from tokenless.services.admin.session import Session
from tokenless.services.cluster.presence import (
    ItlStatus,
    Presence,
    PresenceState,
    read_node_presences,
)

_TOTALS: Final = (
    "#TotalPhones, #TotalRegistered, #RegisteredSCCP, #RegisteredSIP, #UnRegistered, "
    "#TotalRejected, #PartiallyRegistered, StateID, #ExpUnreg"
)
_COLUMNS: Final = (
    "DeviceName, Descr, Ipaddr, Ipv6addr, Ipv4Attr, Ipv6Attr, MACaddr, RegStatus, "
    "PhoneProtocol, DeviceModel, HTTPsupport, #regAttempts, prodId, username, seq#, "
    "RegStatusChg TimeStamp, IpAddrType, LoadId, ActiveLoadId, InactiveLoadId, "
    "ReqLoadId, DnldServer, DnldStatus, DnldFailReason, LastActTimeStamp, "
    "Perfmon Object"
)
_STATES: Final = {
    PresenceState.REGISTERED: "reg",
    PresenceState.UNREGISTERED: "unr",
    PresenceState.REJECTED: "rej",
    PresenceState.UNKNOWN: "unk",
}
_RULE: Final = "-" * 40


@TREE.command("show risdb query phone")
def show_phones(session: Session) -> None:
    """Show which phones are registered at this node, and why others are not."""
    models = {each.name: each.model for each in session.cluster.devices()}
    phones = read_node_presences(session.cluster, session.node)
    session.say("\n----------- Phone Information -----------")
    session.say(_TOTALS)
    session.say(f"{_totals(phones)}\n")
    session.say(_COLUMNS)
    for number, phone in enumerate(phones, start=1):
        session.say(_row(phone, models.get(phone.device, ""), number))
    session.say(f"\nTotal count {len(phones)}\n{_RULE}")
    absent = [each for each in phones if not each.is_registered]
    if absent:
        session.say(f"\n{_reasons(absent)}")
    noted = [each for each in phones if each.itl is not ItlStatus.UNKNOWN]
    if noted:
        rows = [(each.device, each.itl.value) for each in noted]
        session.say(f"\n{columns(('DeviceName', 'ITL File Status'), rows)}")


def _totals(phones: list[Presence]) -> str:
    def count(state: PresenceState, signalling: str | None = None) -> int:
        return sum(
            each.state is state and signalling in {None, each.signalling}
            for each in phones
        )

    numbers = (
        len(phones),
        count(PresenceState.REGISTERED),
        count(PresenceState.REGISTERED, "SCCP"),
        count(PresenceState.REGISTERED, "SIP"),
        count(PresenceState.UNREGISTERED),
        count(PresenceState.REJECTED),
        0,
        0,
        0,
    )
    return ", ".join(map(str, numbers))


def _row(phone: Presence, model: str, number: int) -> str:
    known = PHONE_MODELS.get(model)
    is_phone = phone.device.startswith("SEP")
    cells = (
        phone.device,
        "",
        phone.address,
        "",
        "3",
        "0",
        phone.device.removeprefix("SEP") if is_phone else "",
        _STATES[phone.state],
        phone.signalling,
        "" if known is None else known.name,
        "unknown",
        "",
        "",
        "",
        str(number),
        str(phone.at),
        "1",
        phone.load,
        phone.load,
        "",
        "",
        "",
        "",
        "",
        str(phone.at),
        "",
    )
    # A comma in a load's name, which the phone says, would begin another column.
    return ", ".join(cell.replace(",", " ") for cell in cells)


def _reasons(absent: list[Presence]) -> str:
    rows = [
        (
            each.device,
            each.state.value,
            str(each.code),
            each.reason,
            local_time_at(each.at),
        )
        for each in absent
    ]
    return columns(("DeviceName", "State", "Code", "Reason", "Since"), rows)
