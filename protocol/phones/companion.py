"""The small file that accompanies an encrypted configuration (REFERENCE-3 2.2).

Its elements are those of the whole configuration that a phone needs before it can open
that: how it is addressed, its load, CAPF, and the hash of its certificate.
"""

from typing import Final
from xml.etree import ElementTree as ET

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES
from tokenless.protocol.phones.xml import parse_xml_untrusted

_COPIED: Final = frozenset(
    {"ipAddressMode", "loadInformation", "capfAuthMode", "capfList"}
)
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def companion_of(configuration: bytes, certificate_hash: str) -> bytes:
    """Return the small file of a configuration that somebody wrote.

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
