"""The configuration of a phone, `SEP<MAC>.cnf.xml` (REFERENCE 5).

`PhoneConfig` holds the elements that matter to the trust plane. Decoding ignores what
it does not know, refuses every document type declaration, and is bounded in bytes,
elements and depth.
"""

from dataclasses import dataclass, field
from typing import Final, Self
from xml.etree import ElementTree as ET

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES
from tokenless.protocol.phones.xml import parse_xml_untrusted

MAX_TVS_MEMBERS: Final = 5
"""Priorities 0 to 4 (REFERENCE 5.1)."""
MAX_CAPF_SERVERS: Final = 5
"""REFERENCE-3 3.6."""
SCCP_PORT: Final = 2000
SIP_PORT: Final = 5060
SIPS_PORT: Final = 5061
_MAX_TEXT: Final = 4096
_MAX_PORT: Final = 0xFFFF
_LOWEST_PRIORITY: Final = 99
_FIRST_LINE: Final = "sipProfile/sipLines/line"
"""Its authName and authPassword are known from configurations of SIP loads [C]."""
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_COPIED: Final = frozenset(
    {"ipAddressMode", "loadInformation", "capfAuthMode", "capfList"}
)


@dataclass(frozen=True, slots=True)
class TvsMember:
    """A TVS server that the phone may ask; lower priorities are asked first."""

    address: str
    port: int = 2445
    priority: int = 0


@dataclass(frozen=True, slots=True)
class CallManagerMember:
    """A member of the phone's CallManager group."""

    name: str
    address: str
    """processNodeName: what the phone connects to."""
    priority: int = 0
    sccp_port: int = SCCP_PORT
    """ethernetPhonePort. SCCP over TLS is at 2443, which no configuration says."""
    sip_port: int = SIP_PORT
    sips_port: int = SIPS_PORT
    """securedSipPort."""


@dataclass(frozen=True, slots=True)
class CapfServer:
    """Address of the CAPF server."""

    address: str
    port: int = 3804


@dataclass(frozen=True, slots=True)
class PhoneConfig:
    """The part of a phone's configuration that this project works with."""

    callmanager_group: str = ""
    callmanagers: tuple[CallManagerMember, ...] = ()
    tvs: tuple[TvsMember, ...] = ()
    """In order of priority."""
    load: str = ""
    """loadInformation: the firmware that the phone should run."""
    version_stamp: str = ""
    security_mode: int = 1
    """deviceSecurityMode: 1 non-secure, 2 authenticated, 3 encrypted."""
    transport: int = 1
    """transportLayerProtocol: 1 TCP, 2 UDP, 3 TLS; 1 is not written."""
    device_protocol: str = "SCCP"
    full_config: bool = True
    """False in the small file that accompanies an encrypted one (REFERENCE 2.2)."""
    capf: tuple[CapfServer, ...] = ()
    capf_auth_mode: int = 0
    certificate_hash: str = ""
    encrypted: bool = False
    web_access: bool = False
    urls: tuple[tuple[str, str], ...] = ()
    """Elements such as `secureDirectoryURL` with their values, in file order."""
    time_zone: str = "UTC"
    date_template: str = "D/M/Y"
    digest_user: str = ""
    """authName of the first line: the Digest user of a SIP phone."""
    digest_password: str = field(default="", repr=False)
    """authPassword of the first line."""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a configuration.

        Raises:
            DecodeError: When it is not XML, declares a document type, is not a
                `device`, is too large, or has a number where none is.
        """
        root = parse_xml_untrusted(data, MAX_DOWNLOAD_BYTES, "configuration")
        if root.tag not in ("device", "Default"):
            raise DecodeError(f"root element is <{root.tag[:40]}>", offset=0)
        group = root.find("devicePool/callManagerGroup")
        if group is None:
            group = root.find("callManagerGroup")  # XMLDefault.cnf.xml has no pool
        return cls(
            callmanager_group=_text(group, "name"),
            callmanagers=_callmanagers(group),
            tvs=_tvs_members(root),
            load=_text(root, "loadInformation"),
            version_stamp=_text(root, "versionStamp"),
            security_mode=_number(root, "deviceSecurityMode", 1, 9),
            transport=_number(root, "transportLayerProtocol", 1, 9),
            device_protocol=_text(root, "deviceProtocol", "SCCP"),
            full_config=_text(root, "fullConfig", "true") != "false",
            capf=_capf_servers(root),
            capf_auth_mode=_number(root, "capfAuthMode", 0, 9),
            certificate_hash=_text(root, "certHash"),
            encrypted=_text(root, "encrConfig", "false") == "true",
            web_access=_text(root, "vendorConfig/webAccess", "1") == "0",
            urls=tuple(
                (child.tag, (child.text or "").strip())
                for child in root
                if child.tag.endswith("URL")
            ),
            time_zone=_text(root, "devicePool/dateTimeSetting/timeZone", "UTC"),
            date_template=_text(
                root, "devicePool/dateTimeSetting/dateTemplate", "D/M/Y"
            ),
            digest_user=_text(root, f"{_FIRST_LINE}/authName"),
            digest_password=_text(root, f"{_FIRST_LINE}/authPassword"),
        )

    def encode(self) -> bytes:
        """Return the XML, as short and in the order of REFERENCE 5.2."""
        root = ET.Element("device")
        _add(root, "fullConfig", _truth(value=self.full_config))
        _add(root, "deviceProtocol", self.device_protocol)
        self._add_device_pool(root)
        members = _add(_add(root, "TVS"), "members")
        for server in self.tvs:
            member = _add(members, "member")
            member.set("priority", str(server.priority))
            _add(member, "port", str(server.port))
            _add(member, "address", server.address)
        _add(root, "loadInformation", self.load)
        _add(root, "versionStamp", self.version_stamp)
        _add(root, "deviceSecurityMode", str(self.security_mode))
        if self.transport != 1:
            _add(root, "transportLayerProtocol", str(self.transport))
        self._add_capf(root)
        self._add_line(root)
        for name, value in self.urls:
            _add(root, name, value)
        _add(_add(root, "vendorConfig"), "webAccess", "0" if self.web_access else "1")
        ET.indent(root)
        body: str = ET.tostring(root, encoding="unicode")
        return _DECLARATION + body.encode() + b"\n"

    def encode_companion(self) -> bytes:
        """Return the small file that accompanies an encrypted one (REFERENCE-3 2.2)."""
        root = ET.Element("device")
        _add(root, "fullConfig", "false")
        _add(root, "loadInformation", self.load)
        self._add_capf(root)
        root[-1].text = "true"  # encrConfig
        ET.indent(root)
        body: str = ET.tostring(root, encoding="unicode")
        return _DECLARATION + body.encode() + b"\n"

    def _add_device_pool(self, root: ET.Element) -> None:
        pool = _add(root, "devicePool")
        setting = _add(pool, "dateTimeSetting")
        _add(setting, "dateTemplate", self.date_template)
        _add(setting, "timeZone", self.time_zone)
        group = _add(pool, "callManagerGroup")
        _add(group, "name", self.callmanager_group)
        _add(group, "tftpDefault", "true")
        members = _add(group, "members")
        for server in self.callmanagers:
            member = _add(members, "member")
            member.set("priority", str(server.priority))
            callmanager = _add(member, "callManager")
            _add(callmanager, "name", server.name)
            _add(callmanager, "processNodeName", server.address)
            ports = _add(callmanager, "ports")
            _add(ports, "ethernetPhonePort", str(server.sccp_port))
            _add(ports, "sipPort", str(server.sip_port))
            _add(ports, "securedSipPort", str(server.sips_port))

    def _add_line(self, root: ET.Element) -> None:
        if not self.digest_user:
            return
        line = _add(_add(_add(root, "sipProfile"), "sipLines"), "line")
        line.set("button", "1")
        _add(line, "authName", self.digest_user)
        _add(line, "authPassword", self.digest_password)

    def _add_capf(self, root: ET.Element) -> None:
        _add(root, "capfAuthMode", str(self.capf_auth_mode))
        servers = _add(root, "capfList")
        for server in self.capf:
            capf = _add(servers, "capf")
            _add(capf, "phonePort", str(server.port))
            _add(capf, "processNodeName", server.address)
        _add(root, "certHash", self.certificate_hash)
        _add(root, "encrConfig", _truth(value=self.encrypted))


def _tvs_members(root: ET.Element) -> tuple[TvsMember, ...]:
    members = [
        TvsMember(
            _text(item, "address"), _number(item, "port", 2445), _priority_of(item)
        )
        for item in root.findall("TVS/members/member")
    ]
    usable = [member for member in members if member.address and member.port]
    return tuple(sorted(usable, key=lambda m: m.priority)[:MAX_TVS_MEMBERS])


def _capf_servers(root: ET.Element) -> tuple[CapfServer, ...]:
    servers = [
        CapfServer(_text(item, "processNodeName"), _number(item, "phonePort", 3804))
        for item in root.findall("capfList/capf")
    ]
    usable = [server for server in servers if server.address and server.port]
    return tuple(usable[:MAX_CAPF_SERVERS])


def _callmanagers(group: ET.Element | None) -> tuple[CallManagerMember, ...]:
    if group is None:
        return ()
    return tuple(
        CallManagerMember(
            _text(item, "callManager/name"),
            _text(item, "callManager/processNodeName"),
            _priority_of(item),
            _number(item, "callManager/ports/ethernetPhonePort", SCCP_PORT),
            _number(item, "callManager/ports/sipPort", SIP_PORT),
            _number(item, "callManager/ports/securedSipPort", SIPS_PORT),
        )
        for item in group.findall("members/member")
    )


def _priority_of(item: ET.Element) -> int:
    return _as_number(item.get("priority", "0"), "priority", _LOWEST_PRIORITY)


def _text(parent: ET.Element | None, path: str, default: str = "") -> str:
    element = None if parent is None else parent.find(path)
    if element is None:
        return default
    text = (element.text or "").strip()
    if len(text) > _MAX_TEXT:
        raise DecodeError(f"{path} has {len(text)} characters", offset=0)
    return text


def _number(
    parent: ET.Element, path: str, default: int, highest: int = _MAX_PORT
) -> int:
    text = _text(parent, path)
    return _as_number(text, path, highest) if text else default


def _as_number(text: str, what: str, highest: int) -> int:
    is_short_number = text.isascii() and text.isdigit() and len(text) <= len("65535")
    if not is_short_number or int(text) > highest:
        raise DecodeError(f"{what} is {text[:20]!r}, no number in range", offset=0)
    return int(text)


def _add(parent: ET.Element, tag: str, text: str = "") -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = text or None
    return element


def _truth(*, value: bool) -> str:
    return "true" if value else "false"


def companion_of(configuration: bytes, certificate_hash: str) -> bytes:
    """Return the small file that accompanies an encrypted configuration, as XML.

    Its elements are those of the whole configuration that a phone needs before it can
    open that (REFERENCE-3 2.2): how it is addressed, its load, CAPF, and the hash of
    its certificate.

    Args:
        configuration: The whole one.
        certificate_hash: The MD5 of the phone's certificate, in hexadecimal.

    Raises:
        DecodeError: When it is not the configuration of a device.
    """
    whole = parse_xml_untrusted(configuration, MAX_DOWNLOAD_BYTES, "configuration")
    if whole.tag != "device":
        raise DecodeError(f"root element is <{whole.tag[:40]}>", offset=0)
    small = ET.Element("device")
    ET.SubElement(small, "fullConfig").text = "false"
    small.extend(each for each in whole if each.tag in _COPIED)
    ET.SubElement(small, "certHash").text = certificate_hash.lower()
    ET.SubElement(small, "encrConfig").text = "true"
    ET.indent(small)
    body: str = ET.tostring(small, encoding="unicode")
    return _DECLARATION + body.encode() + b"\n"
