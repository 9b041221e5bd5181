"""Verify a file's signature against what the caller trusts. Pure decisions.

The key decides, never a name: a list whose signer has the right names and another key
is refused (REFERENCE 10.6). A list that only vouches for itself proves nothing.
"""

from dataclasses import dataclass

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import role_name
from tokenless.protocol.errors import BadSignatureError, UnknownSignerError
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchor_records import public_key_of
from tokenless.protocol.trust.anchors import Accept, FileKind, TrustAnchors
from tokenless.protocol.trust.lint import SignatureState, signature_state
from tokenless.protocol.tvs.answers import Answer

AnyFile = TrustList | SignedFile


@dataclass(frozen=True, slots=True)
class Proof:
    """Proof that a file may be trusted."""

    verified_by: str
    """`signer`, `against` or `tvs`: the option that named the key."""
    holder: str
    """The owner of the key."""
    note: str | None = None
    """Something that the caller should know all the same."""


def kind_of_file(file: AnyFile) -> FileKind:
    """Return what a file is, as far as the roles of its signer go."""
    if isinstance(file, SignedFile):
        return FileKind.CONFIGURATION
    is_itl = file.filename == FileKind.ITL.value
    return FileKind.ITL if is_itl else FileKind.CTL


def verify_by_certificate(file: AnyFile, certificate: Certificate) -> Proof:
    """Check a file with the key of a certificate.

    Raises:
        BadSignatureError: When that key did not sign it.
    """
    try:
        file.verify(certificate.public_key)
    except BadSignatureError:
        raise BadSignatureError(
            f"the signature at byte {file.header.signature_span[0]} was not made by "
            f"the key of {certificate.subject_text} (serial {certificate.serial_hex})"
        ) from None
    serials = (certificate.serial_number, certificate.serial_number[::-1])
    note = None
    if file.signer.serial not in serials:
        note = (
            f"the file names another certificate of the same key as its signer "
            f"(serial {file.signer.serial_hex})"
        )
    return Proof("signer", certificate.subject_text, note)


def verify_by_list(file: AnyFile, trust_list: TrustList) -> Proof:
    """Check a file with the keys of a list's members that may sign such a file.

    Raises:
        UnknownSignerError: When none of them signed it.
    """
    roles = kind_of_file(file).signer_roles
    for record in trust_list.records:
        key = public_key_of(record) if record.role in roles else None
        if key is None:
            continue
        try:
            file.verify(key)
        except BadSignatureError:
            continue
        holder = printable(record.subject_name or "a member without a name")
        return Proof("against", holder, _note_on(trust_list, file))
    words = " or ".join(sorted(role_name(role) for role in roles))
    raise UnknownSignerError(
        f"no {words} of the trusted list made the signature at byte "
        f"{file.header.signature_span[0]}"
    )


def _note_on(trust_list: TrustList, file: AnyFile) -> str | None:
    if trust_list.data == file.data:
        return "the trusted list is a copy of this file: they are equal, no more"
    if signature_state(trust_list) is SignatureState.INVALID:
        return "the trusted list was changed: it does not hold under its own record"
    return None


def verify_by_answer(file: AnyFile, answer: Answer) -> Proof:
    """Check a file with the certificate that TVS answered with.

    Raises:
        UnknownSignerError: When TVS does not vouch for the signer in a role that may
            sign such a file, or another key signed it.
    """
    verdict = TrustAnchors().judge_answer(kind_of_file(file), file, answer)
    if isinstance(verdict, Accept):
        return Proof("tvs", printable(file.signer.subject))
    raise UnknownSignerError(printable(verdict.reason))
