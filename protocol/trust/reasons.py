"""Reasons why a phone did not install a file.

What follows from a reason (its cause, a remedy, advice) is concluded from one of these;
the sentences with them are for people, and quote what others wrote.
"""

from enum import StrEnum, unique
from typing import Final


@unique
class Reason(StrEnum):
    """Reason why a phone did not install a file: `reason_code` of reports."""

    UNKNOWN_SIGNER = "unknown-signer"
    """A first list that does not hold its own signer's record."""
    NOT_VOUCHED = "not-vouched"
    """TVS was asked and does not know the signer."""
    WRONG_ROLE = "wrong-role"
    """TVS knows the signer, but not in a role that may sign such a file."""
    OTHER_CERTIFICATE = "other-certificate"
    """TVS answered about another certificate than the one that was asked for."""
    BAD_SIGNATURE = "bad-signature"
    """The key of the signer that the file names did not sign it."""
    EXPIRED = "expired"
    """The signer's certificate is past its date, and this phone looks at dates."""
    WRONG_NAME = "wrong-name"
    """The header says that it is another file."""
    DIGEST = "digest"
    """The model cannot verify the digest of the signature."""
    TOO_LONG = "too-long"
    """A list with more bytes than a phone loads."""
    MALFORMED = "malformed"
    CANNOT_ASK = "cannot-ask"
    """The signer is unknown, and the model does not know TVS."""
    NO_TVS_LISTED = "no-tvs-listed"
    """The signer is unknown, and no installed ITL has a TVS record."""
    NO_TVS_CONFIGURED = "no-tvs-configured"
    """The signer is unknown, and no accepted configuration names a TVS server."""
    TVS_UNUSABLE = "tvs-unusable"
    """The signer is unknown, and no TVS server answers."""
    TVS_NOT_IN_ITL = "tvs-not-in-itl"
    """A case of `TVS_UNUSABLE`: the server's certificate is not a record of the ITL."""
    TVS_TLS = "tvs-tls"
    """A case of `TVS_UNUSABLE`: phone and server have no version of TLS in common."""
    NOT_AUTHORISED = "not-authorised"
    """The CTL does not name the TFTP server (rule 10)."""
    NO_SERVER = "no-server"
    """No TFTP server answers."""
    NOT_DOWNLOADED = "not-downloaded"
    """The TFTP server refused the file or broke off."""
    NOT_DECRYPTED = "not-decrypted"
    """The configuration is encrypted, and not for the certificate that the phone has:
    it has to go to CAPF first."""


TVS_FAILURES: Final = frozenset(
    {Reason.TVS_UNUSABLE, Reason.TVS_NOT_IN_ITL, Reason.TVS_TLS}
)
"""The reasons for which none of the phone's TVS servers could be used."""
FAULTS_OF_THE_FILE: Final = frozenset(
    {
        Reason.BAD_SIGNATURE,
        Reason.WRONG_NAME,
        Reason.TOO_LONG,
        Reason.MALFORMED,
    }
)
"""Reasons that no other trust in the signer would change."""
