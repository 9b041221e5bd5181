"""Alarms of phones: which trust lists a phone holds, and why it was out of service.

From release 14 on a SIP phone reports its lists in a REFER (REFERENCE 4.4, REFERENCE-2
4). Seen are the names of the parameters and their values; that the document looks like
that of the XML alarm (REFERENCE-3 4.5), and its name, are inferred.

    <x-cisco-alarm><Alarm Name="TrustListUpdate"><ParameterList>
    <String name="DeviceName">SEP…</String>
    <String name="ITL_Signature">5be7…</String>
    <String name="ITL_TFTP_Server">10.48.47.155</String>
    <Enum name="StatusCode">3</Enum>…
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from xml.etree import ElementTree as ET

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.xml import parse_xml_untrusted

CONTENT_TYPE: Final = "application/x-cisco-alarm+xml"
"""Inferred from the vendor's other types."""
TRUST_LIST_ALARM: Final = "TrustListUpdate"
NOT_INSTALLED: Final = "Not Installed"
_STATUS_CODE: Final = "3"
_MAX_BYTES: Final = 8192
_MAX_VALUE: Final = 256
_DIGEST: Final = re.compile(r"[0-9a-f]{32,128}")


@dataclass(frozen=True, slots=True)
class PhoneAlarm:
    """An alarm document."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a document.

        Raises:
            DecodeError: When it is too long or not well-formed.
        """
        root = parse_xml_untrusted(data, _MAX_BYTES, "alarm")
        alarm = root if root.tag == "Alarm" else root.find("Alarm")
        if alarm is None:
            return cls("")
        found = alarm.find("ParameterList")
        parameters = {
            each.get("name", "")[:_MAX_VALUE]: (each.text or "").strip()[:_MAX_VALUE]
            for each in (() if found is None else found)
        }
        return cls(alarm.get("Name", "")[:_MAX_VALUE], parameters)

    @property
    def words(self) -> str:
        """The alarm in one line, without the device's name."""
        said = ", ".join(
            f"{name}={value}"
            for name, value in self.parameters.items()
            if value and name != "DeviceName"
        )
        return f"{self.name}: {said}" if said else self.name

    def encode(self) -> bytes:
        """Return the document."""
        root = ET.Element("x-cisco-alarm")
        alarm = ET.SubElement(root, "Alarm", Name=self.name)
        listed = ET.SubElement(alarm, "ParameterList")
        for name, value in self.parameters.items():
            kind = "Enum" if value.isdecimal() else "String"
            ET.SubElement(listed, kind, name=name).text = value
        body: str = ET.tostring(root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8" ?>\n{body}\n'.encode()


def alarm_words(document: bytes) -> str:
    """Return an alarm document in one line, "" when it is none."""
    try:
        return PhoneAlarm.decode(document).words
    except DecodeError:
        return ""


@dataclass(frozen=True, slots=True)
class HeldList:
    """A trust list as a phone reports it."""

    digest: str = ""
    """Of the file, in lower-case hex; empty when there is none."""
    server: str = ""
    """The TFTP server that it came from."""


@dataclass(frozen=True, slots=True)
class TrustListReport:
    """The lists that a phone holds."""

    device: str
    itl: HeldList = HeldList()
    ctl: HeldList = HeldList()

    def alarm(self) -> PhoneAlarm:
        """Return the alarm that says so."""
        parameters = {"DeviceName": self.device, "StatusCode": _STATUS_CODE}
        for name, held in (("CTL", self.ctl), ("ITL", self.itl)):
            parameters[f"{name}_Signature"] = held.digest or NOT_INSTALLED
            parameters[f"{name}_TFTP_Server"] = held.server
        return PhoneAlarm(TRUST_LIST_ALARM, parameters)

    @classmethod
    def of(cls, alarm: PhoneAlarm) -> Self | None:
        """Return what an alarm says of lists; None for one that says nothing of them.

        Decided by its parameters, since its name is inferred.
        """
        said = alarm.parameters
        if "ITL_Signature" not in said:
            return None
        return cls(said.get("DeviceName", ""), _held("ITL", said), _held("CTL", said))


def _held(name: str, said: Mapping[str, str]) -> HeldList:
    digest = said.get(f"{name}_Signature", "").lower()
    server = said.get(f"{name}_TFTP_Server", "")
    return HeldList(digest if _DIGEST.fullmatch(digest) else "", server)
