"""Ways to damage the lab's trust list and certificates, and where its parts begin."""

from collections.abc import Callable
from dataclasses import dataclass

from asn1crypto import core, x509

from tests.rigs.lists import tokenless
from tokenless.protocol.files.header import HeaderTag
from tokenless.protocol.files.record import RecordTag
from tokenless.protocol.wire import pack_element

Elements = list[tuple[int, bytes]]
Edit = Callable[[Elements], Elements]

SIGNER_ID = 10
SIGNER_NAME = 13
SIGNATURE_INFO = 162
DIGEST = 165
ALGORITHM_INFO = 169
MODULUS = 176
SIGNATURE = 180
FILENAME = 311
TIMESTAMP = 326
PADS = 333
RECORDS = 336
"""Where things begin in the lab's list of 4947 bytes."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One damaged file."""

    name: str
    data: bytes
    reason: str
    """A regular expression that the refusal matches."""
    offset: int | None = None


def patched(offset: int, new: bytes) -> bytes:
    """Return the lab's list with some bytes replaced."""
    data = tokenless().data
    return data[:offset] + new + data[offset + len(new) :]


def with_header(edit: Edit, pads: int = 3) -> bytes:
    """Return the list with edited header elements and a HEADERLENGTH that is right."""
    elements = edit(list(tokenless().header.elements))
    body = b"".join(pack_element(tag, value) for tag, value in elements)
    body += bytes([HeaderTag.PAD]) * pads
    head = len(body).to_bytes(2)
    body = body[:8] + head + body[10:]
    return body + tokenless().data[RECORDS:]


def with_record(edit: Edit) -> bytes:
    """Return the list with an edited first record, its RECORDLENGTH right."""
    trust_list = tokenless()
    elements = edit(list(trust_list.records[0].elements))
    length = sum(3 + len(value) for _, value in elements).to_bytes(2)
    elements = [
        (tag, length if tag == RecordTag.RECORD_LENGTH else value)
        for tag, value in elements
    ]
    record = b"".join(pack_element(tag, value) for tag, value in elements)
    rest = trust_list.data[RECORDS + trust_list.records[0].length :]
    return trust_list.data[:RECORDS] + record + rest


def replace(tag: int, value: bytes) -> Edit:
    return lambda elements: [(t, value if t == tag else v) for t, v in elements]


def drop(tag: int) -> Edit:
    return lambda elements: [(t, v) for t, v in elements if t != tag]


def twice(tag: int) -> Edit:
    return lambda elements: elements + [(t, v) for t, v in elements if t == tag]


def nested(*elements: tuple[int, bytes]) -> bytes:
    return b"".join(pack_element(tag, value) for tag, value in elements)


def grown(der: bytes, length: int) -> bytes:
    """Return a certificate grown to a length by an extension; nobody signed it."""
    made, filler = b"", length - len(der)
    for _ in range(3):  # what the heads of the extension take shows afterwards
        parsed = x509.Certificate.load(der)
        value = core.OctetString(bytes(filler)).dump()
        extension = {"extn_id": "1.2.3.4.5", "extn_value": value}
        parsed["tbs_certificate"]["extensions"].append(extension)
        made = parsed.dump(force=True)
        filler -= len(made) - length
    return made
