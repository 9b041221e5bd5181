"""The REGISTER of Cisco phones, and its answers (REFERENCE-3 5.1, 5.2).

A phone names its device in a parameter of Contact; CUCM grants 120 s of the 3,600 that
phones ask for, and refuses with a Warning that says why.
"""

import re
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.sip.addresses import decode_address, decode_uri, quote
from tokenless.protocol.sip.messages import (
    SipRequest,
    SipResponse,
    answer_to,
    date_header,
)

DEVICE_PARAMETER: Final = "+u.sip!devicename.ccm.cisco.com"
_OLDER_DEVICE_PARAMETER: Final = "+u.sip!devicename.ccm.features.cisco.com"
_MODEL_PARAMETER: Final = "+u.sip!model.ccm.cisco.com"
_DEVICE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
_ALARM: Final = re.compile(
    r"cisco-alarm:([0-9]{1,3}) Name=\S* (?:Active)?Load=(\S*) Last=([\w-]+)"
)
_NUMBER: Final = re.compile(r"[0-9]{1,9}\Z")
DEFAULT_EXPIRES_S: Final = 3600
GRANTED_EXPIRES_S: Final = 120
"""The seconds that CUCM grants; phones refresh within them [O]."""
SUPPORTED: Final = (
    "replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,"
    "X-cisco-callinfo,X-cisco-serviceuri,X-cisco-escapecodes,X-cisco-service-control,"
    "X-cisco-srtp-fallback,X-cisco-monrec,X-cisco-config,X-cisco-sis-7.0.0,"
    "X-cisco-xsi-8.5.1"
)
_VERSION: Final = "SIP/2.0"
_BOUNDARY: Final = "uniqueBoundary"
_REMOTE_REQUEST: Final = "application/x-cisco-remotecc-request+xml"
_REMOTE_RESPONSE: Final = "application/x-cisco-remotecc-response+xml"
_BULK: Final = (
    '<x-cisco-remotecc-request><bulkregisterreq><contact all="true"><register/>'
    "</contact></bulkregisterreq></x-cisco-remotecc-request>"
)
_OPTIONS: Final = (
    '<x-cisco-remotecc-request><optionsind><combine max="6"><remotecc><status/>'
    '</remotecc><service-control/></combine><dialog usage="hook status"><unot/><sub/>'
    '</dialog><dialog usage="shared line"><unot/><sub/></dialog>'
    '<presence usage="blf speed dial"><unot/><sub/></presence><joinreq/>'
    "<cfwdall-anyline>no</cfwdall-anyline><coaching/><oosalarm/></optionsind>"
    "</x-cisco-remotecc-request>"
)
_ANSWER: Final = (
    b"<x-cisco-remotecc-response><response><code>200</code><optionsind>"
    b'<combine max="6"><remotecc><status/></remotecc><service-control/></combine>'
    b'<dialog usage="hook status"><unot/></dialog>'
    b'<dialog usage="shared line"><unot/></dialog>'
    b'<presence usage="blf speed dial"><unot/></presence><joinreq/><oosalarm/>'
    b"</optionsind></response></x-cisco-remotecc-response>"
)


@dataclass(frozen=True, slots=True)
class Registration:
    """A phone's data in its REGISTER.

    Attributes:
        device: The device name, `SEP…`.
        number: The directory number in To.
        contact: The URI at which the phone is reached.
        expires_s: How long it wants to be registered; 0 ends the registration, and is
            also what a phone sends to its standby node.
        model: The vendor's number of the phone's model, 0 where it is not said.
        alarm: The number of the alarm in Reason, None without one.
        load: The load that the alarm names.
        last: Why the phone was out of service, as the alarm says it.
        call_id: The same for all REGISTERs of one registration.
    """

    device: str
    number: str
    contact: str
    expires_s: int
    model: int = 0
    alarm: int | None = None
    load: str = ""
    last: str = ""
    call_id: str = ""


def read_register(request: SipRequest) -> Registration:
    """Read a REGISTER.

    Raises:
        DecodeError: When it names no device or no contact, or a value is malformed.
    """
    contact = decode_address(request.get("contact"))
    parameters = contact.parameters
    device = parameters.get(DEVICE_PARAMETER) or parameters.get(_OLDER_DEVICE_PARAMETER)
    if not device or not _DEVICE_NAME.match(device):
        raise DecodeError("a REGISTER names no device", offset=0)
    decode_uri(contact.uri)
    expires = parameters.get("expires") or request.get("expires") or "3600"
    model = parameters.get(_MODEL_PARAMETER, "0")
    if not _NUMBER.match(expires) or not _NUMBER.match(model):
        raise DecodeError("a REGISTER has a number that is none", offset=0)
    alarm = _ALARM.search(request.get("reason"))
    return Registration(
        device=device,
        number=decode_uri(decode_address(request.get("to")).uri).user,
        contact=contact.uri,
        expires_s=int(expires),
        model=int(model),
        alarm=int(alarm[1]) if alarm else None,
        load=alarm[2] if alarm else "",
        last=alarm[3] if alarm else "",
        call_id=request.get("call-id"),
    )


@dataclass(frozen=True, slots=True)
class RegisterForm:
    """Values that stay the same in each REGISTER of one registration.

    Attributes:
        server: The node's host, as the configuration names it.
        number: The phone's directory number.
        device: The device name.
        model: The vendor's number of the model.
        user_agent: E.g. `Cisco-CP8851/12.1.1`.
        call_id: The same for all REGISTERs of a registration; begins with the MAC.
        contact: The phone's `host:port`.
        transport: `tcp`, `udp` or `tls`.
        user: The user part of the contact, a UUID.
    """

    server: str
    number: str
    device: str
    model: int
    user_agent: str
    call_id: str
    contact: str
    transport: str
    user: str

    def build(
        self,
        sequence: int,
        *,
        expires_s: int,
        branch: str,
        tag: str,
        alarm: str = "",
        unix_s: float | None = None,
    ) -> SipRequest:
        """Return a REGISTER.

        Args:
            sequence: The number in CSeq, one more each time.
            expires_s: 0 for a farewell and for the standby node.
            branch: Of Via; begins with `z9hG4bK`, new each time.
            tag: Of From.
            alarm: E.g. `14 Name=SEP… Load=… Last=cm-closed-tcp`.
            unix_s: The phone's clock; None: no Date.
        """
        via = f"{_VERSION}/{self.transport.upper()} {self.contact};branch={branch}"
        headers = [
            ("Via", via),
            ("From", f"<sip:{self.number}@{self.server}>;tag={tag}"),
            ("To", f"<sip:{self.number}@{self.server}>"),
            ("Call-ID", self.call_id),
            ("Max-Forwards", "70"),
            *date_header(unix_s),
            ("CSeq", f"{sequence} REGISTER"),
            ("User-Agent", self.user_agent),
            ("Contact", self._contact()),
            ("Supported", SUPPORTED),
            ("Expires", str(expires_s)),
            ("Content-Type", f"multipart/mixed; boundary={_BOUNDARY}"),
        ]
        if alarm:
            text = quote(f"cisco-alarm:{alarm}")
            headers.insert(-2, ("Reason", f"SIP;cause=200;text={text}"))
        return SipRequest(
            "REGISTER",
            f"sip:{self.server}",
            tuple(headers),
            _multipart(_BULK, _OPTIONS),
        )

    def _contact(self) -> str:
        mac = self.device[-12:].lower()
        instance = f"<urn:uuid:00000000-0000-0000-0000-{mac}>"
        return (
            f"<sip:{self.user}@{self.contact};transport={self.transport}>"
            f';+sip.instance="{instance}"'
            f';{DEVICE_PARAMETER}="{self.device}";{_MODEL_PARAMETER}="{self.model}"'
        )


def _multipart(*parts: str) -> bytes:
    lines: list[str] = []
    for part in parts:
        lines += [
            f"--{_BOUNDARY}",
            f"Content-Type: {_REMOTE_REQUEST}",
            "Content-Disposition: session;handling=optional",
            "",
            part,
        ]
    return "\r\n".join([*lines, f"--{_BOUNDARY}--", ""]).encode()


def accept(
    request: SipRequest, *, expires_s: int, server: str, tag: str, received: str
) -> SipResponse:
    """Return the 200 to a REGISTER.

    Args:
        request: The REGISTER.
        expires_s: What is granted; 0 for a farewell and on the standby node.
        server: E.g. `Cisco-CUCM12.0`.
        tag: Of To.
        received: The address that the request came from.
    """
    contact = request.get("contact")
    answer = answer_to(
        request,
        200,
        "OK",
        (
            ("Server", server),
            ("Expires", str(expires_s)),
            ("Contact", f"{contact};x-cisco-newreg"),
            ("Supported", "X-cisco-srtp-fallback,X-cisco-sis-9.0.0"),
            ("Content-Type", _REMOTE_RESPONSE),
        ),
        body=_ANSWER,
        to_tag=tag,
    )
    (name, via), *rest = answer.headers
    headers = ((name, f"{via};received={received}"), *rest)
    return SipResponse(answer.status, answer.reason, headers, answer.body)


def refuse(request: SipRequest, *, node: str, why: str, tag: str) -> SipResponse:
    """Return a 403 with the Warning that phones log (REFERENCE-3 5.2)."""
    warning = f"399 {node} {quote(why)}"
    return answer_to(request, 403, "Forbidden", (("Warning", warning),), to_tag=tag)
