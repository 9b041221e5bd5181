"""A SIP phone's report of the trust lists that it holds: a REFER.

Real phones report by their firmware; that the server's release decides, and the form of
the REFER, are inferred (REFERENCE 4.4, REFERENCE-2 4).
"""

import re
from collections.abc import Callable
from typing import Final

from tokenless.phone_emulator.registration.talkers.sip_identity import SipIdentity
from tokenless.protocol.phones.alarms import CONTENT_TYPE
from tokenless.protocol.phones.registration import directory_number
from tokenless.protocol.sip.messages import SipRequest

_RELEASE: Final = re.compile(r"Cisco-CUCM([0-9]{1,2})\.")
_TAKES_REPORTS: Final = 14


def report_of_lists(
    me: SipIdentity, *, server: str, user: str, token: Callable[[], str]
) -> SipRequest | None:
    """Return the report for a node of release 14 or newer, None for an older one.

    Args:
        me: What the phone says of itself and of its lists.
        server: The header `Server` of the answer to its REGISTER.
        user: The user part of its contact.
        token: Returns random text.
    """
    release, lists = _RELEASE.match(server), me.lists
    if lists is None or release is None or int(release[1]) < _TAKES_REPORTS:
        return None
    via = f"SIP/2.0/{me.transport.upper()} {me.address}:{me.port}"
    line = f"<sip:{directory_number(me.device)}@{me.server}>"
    return SipRequest(
        "REFER",
        f"sip:{me.server}",
        (
            ("Via", f"{via};branch=z9hG4bK{token()}"),
            ("From", f"{line};tag={token()}"),
            ("To", f"<sip:{me.server}>"),
            ("Call-ID", f"{token()}@{me.address}"),
            ("CSeq", "1000 REFER"),
            ("Max-Forwards", "70"),
            ("User-Agent", me.user_agent),
            ("Contact", f"<sip:{user}@{me.address}:{me.port}>"),
            ("Refer-To", "cid:alarm"),
            ("Content-Type", CONTENT_TYPE),
        ),
        lists.alarm().encode(),
    )
