"""Does a trust list verify itself? Consistency, never trust (REFERENCE 10.6)."""

from enum import StrEnum, unique

from tokenless.protocol.anchor_records import public_key_of
from tokenless.protocol.errors import BadSignatureError
from tokenless.protocol.trust_list import TrustList


@unique
class SignatureState(StrEnum):
    """Whether a list's own record verifies it: consistency, not trust."""

    VALID = "valid"
    INVALID = "invalid"
    UNVERIFIABLE = "unverifiable"
    """No SAST record with the signer's names and a usable key."""


def signature_state(trust_list: TrustList) -> SignatureState:
    """Check a list with the key of its own signing record."""
    record = trust_list.signing_record()
    key = None if record is None else public_key_of(record)
    if key is None:
        return SignatureState.UNVERIFIABLE
    try:
        trust_list.verify(key)
    except BadSignatureError:
        return SignatureState.INVALID
    return SignatureState.VALID
