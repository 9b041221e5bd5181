"""Build and sign headers in CUCM's order (REFERENCE 1.2, 1.6, 1.8)."""

from dataclasses import dataclass
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.certificates.signature import MODULUS_CODES, RSA_PKCS1, Signer
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import BuildError
from tokenless.protocol.files.header import HeaderTag
from tokenless.protocol.files.header_fields import SignatureInfo, SignerId, encode_text
from tokenless.protocol.wire import (
    ELEMENT_HEAD_LENGTH,
    MAX_ELEMENT_LENGTH,
    pack_element,
)

_ALIGNMENT: Final = 4
_LAST_TIME: Final = 0xFFFFFFFF
_TOO_LONG: Final = "the names make the header longer than 65,535 bytes"


@dataclass(frozen=True, slots=True)
class HeaderPlan:
    """Contents of a header to be built."""

    version: tuple[int, int]
    signer: SignerId
    digest: Digest
    filename: str
    timestamp: int
    signer_version: tuple[int, int] | None = None
    further: bytes = b""
    """Elements between the time and the pads, encoded."""


def identity_of(certificate: Certificate, form: NameForm) -> SignerId:
    """Return the names and the serial of a certificate as files have them."""
    return SignerId(
        certificate.subject.render(form),
        certificate.issuer.render(form),
        certificate.serial_number,
    )


def sign_with_header(plan: HeaderPlan, body: bytes, signer: Signer) -> bytes:
    """Return header and body, signed over all but the signature's own element.

    Raises:
        BuildError: When the key's size has no code, the header is too long, or the
            time has no 32 bits.
    """
    bits = signer.certificate.key_bits
    if bits not in MODULUS_CODES:
        sizes = ", ".join(map(str, MODULUS_CODES))
        raise BuildError(f"a {bits}-bit key cannot sign: only {sizes} have a code")
    if not 0 <= plan.timestamp <= _LAST_TIME:
        raise BuildError(
            "the time is outside of 1970 to 2106, which is all that a header can hold",
            hint="set the clock",
        )
    before, after = _around_signature(plan, bits)
    signature = signer.sign(before + after + body, plan.digest)
    if len(signature) != bits // 8:
        raise BuildError(f"the signer made {len(signature)} bytes, not {bits // 8}")
    return before + pack_element(HeaderTag.SIGNATURE, signature) + after + body


def _around_signature(plan: HeaderPlan, bits: int) -> tuple[bytes, bytes]:
    """Build what precedes and what follows element 12, with the final HEADERLENGTH."""
    signer, filename = _named(plan)
    info = SignatureInfo(plan.digest, RSA_PKCS1, MODULUS_CODES[bits])
    version = pack_element(HeaderTag.VERSION, bytes(plan.version))
    middle = signer + pack_element(HeaderTag.SIGNATURE_INFO, info.encode())
    if plan.signer_version is not None:
        # certutils' place, the only evidence (REFERENCE 1.5).
        marker = bytes(plan.signer_version)
        middle = pack_element(HeaderTag.SIGNER_VERSION, marker) + middle
    timestamp = pack_element(HeaderTag.TIMESTAMP, plan.timestamp.to_bytes(4))
    after = filename + timestamp + plan.further
    length = len(version) + 5 + len(middle) + len(after)
    length += ELEMENT_HEAD_LENGTH + bits // 8
    pads = -length % _ALIGNMENT
    if length + pads > MAX_ELEMENT_LENGTH:
        raise BuildError(_TOO_LONG)
    head = pack_element(HeaderTag.HEADER_LENGTH, (length + pads).to_bytes(2))
    return version + head + middle, after + bytes([HeaderTag.PAD]) * pads


def _named(plan: HeaderPlan) -> tuple[bytes, bytes]:
    """Build the elements that hold names: the signer and what the file is called."""
    try:
        signer = pack_element(HeaderTag.SIGNER_ID, plan.signer.encode())
        return signer, pack_element(HeaderTag.FILENAME, encode_text(plan.filename))
    except ValueError as error:
        raise BuildError(_TOO_LONG) from error
