"""A trust list as third parties write it (REFERENCE 1.10: not made by CUCM)."""

from tests.rigs import minting
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.files.header_fields import SignatureInfo
from tokenless.protocol.files.record import RecordTag
from tokenless.protocol.files.trust_list_build import ListForm, record_for
from tokenless.protocol.wire import pack_element

RECORD_ORDER = (1, 3, 5, 6, 4, 7, 8, 9)


def certutils_list() -> bytes:
    """Return an ITL with tag 28, `,` in names, 4-6-5, and no DNS name or address."""
    identity = minting.server()
    certificate = identity.certificate
    comma = record_for(
        certificate, Role.SAST, dns_name=None, ip_address=None, form=ListForm.COMMA
    )
    values = dict(comma.elements)
    record = b"".join(pack_element(tag, values[tag]) for tag in RECORD_ORDER)
    name = values[RecordTag.SUBJECT_NAME]
    signer = pack_element(4, name) + pack_element(6, name)
    signer += pack_element(5, certificate.serial_number)
    middle = pack_element(28, b"\1\0") + pack_element(3, signer)
    middle += pack_element(7, SignatureInfo(Digest.SHA512, 0, 1).encode())
    after = pack_element(14, b"ITLFile.tlv\0") + pack_element(15, b"\x55\x4a\xd7\xb7")
    length = 10 + len(middle) + 3 + 128 + len(after)
    pads = -length % 4
    head = pack_element(1, b"\1\2") + pack_element(2, (length + pads).to_bytes(2))
    after += b"\x0d" * pads
    signature = minting.sign(identity.key, head + middle + after + record, "sha512")
    return head + middle + pack_element(12, signature) + after + record
