"""Reasons of refused files, in words for readers who do not know trust lists.

The exact reason and the number of the rule stand beside these words everywhere.
"""

from typing import Final

from tokenless.protocol.trust.reasons import Reason

RULES: Final = {
    1: "When a phone cannot download a file, it keeps the installed one.",
    2: "A phone that holds no list accepts the first one that it is given.",
    3: "A phone accepts a CTL when its signer is a SAST in a list that the phone "
    "holds.",
    4: "A phone asks TVS about a signer that it does not know.",
    5: "A phone accepts an ITL when its signer is a SAST in the phone's CTL.",
    6: "A phone accepts an ITL when its signer is a SAST in the phone's ITL.",
    7: "A phone refuses a list when no list and no TVS vouches for its signer, and "
    "keeps its old lists.",
    8: "An identical file changes nothing.",
    9: "A configuration must be signed by a TFTP server that the lists or TVS "
    "vouch for.",
    10: "A phone accepts configurations only from TFTP servers that the CTL lists.",
    11: "A phone whose lists have no TFTP certificate accepts unsigned configurations.",
    12: "A certificate in Phone-SAST-trust may sign lists and configurations.",
}
"""The rules of REFERENCE 4.2 in a sentence each."""

_LISTS: Final = (
    "The two signed trust lists of a phone: the certificates that it trusts. "
    "Each list also says which certificates may sign the next one."
)
_SAST: Final = (
    "The right to sign trust lists. A phone's anchors are the signers that it "
    "accepts without asking TVS: SAST certificates of its lists whose keys the "
    "cluster still has. TVS members are not anchors."
)
_TVS: Final = (
    "The server that a phone asks about a signer that it does not know. The "
    "server's own certificate must be in the phone's ITL."
)
_STUCK: Final = (
    "The phone refuses the files that the cluster serves, or cannot download "
    "them, and keeps its old files."
)
_WOULD_BE: Final = (
    "The phone is off, or was not restarted since a change. If it started now, "
    "it would be stuck: a copy of the phone was booted, and was stuck at one of "
    "its TFTP servers."
)
_LOCKED_OUT: Final = (
    "The phone is stuck, or would be, and has no anchor left: the cluster can "
    "make no list that the phone accepts. Its lists must be deleted by hand, or "
    "an old key restored from a backup."
)
GLOSSARY: Final = {
    "CTL, ITL": _LISTS,
    "SAST, anchor": _SAST,
    "TVS": _TVS,
    "stuck": _STUCK,
    "would be stuck": _WOULD_BE,
    "locked out": _LOCKED_OUT,
}
"""The words that a report cannot do without."""

_UNKNOWN: Final = "The phone does not trust the signer of the file. "
_BAD_SIGNATURE: Final = (
    "The file names a signer that the phone knows, but another key signed the file."
)
_CAUSES: Final = {
    Reason.UNKNOWN_SIGNER: _UNKNOWN
    + "The phone holds no list, and the file has no record of its signer.",
    Reason.NOT_VOUCHED: _UNKNOWN
    + "The phone asked TVS, and TVS does not know the signer either. That answer "
    "is final.",
    Reason.WRONG_ROLE: (
        "TVS knows the signer, but its role does not allow it to sign this kind "
        "of file."
    ),
    Reason.OTHER_CERTIFICATE: _UNKNOWN
    + "The phone asked TVS, and TVS answered about another certificate.",
    Reason.BAD_SIGNATURE: _BAD_SIGNATURE,
    Reason.EXPIRED: (
        "The signer's certificate has expired, and this phone checks dates."
    ),
    Reason.WRONG_NAME: "The server gave another file than the one it was asked for.",
    Reason.DIGEST: "The file is signed with a digest that this model does not know.",
    Reason.TOO_LONG: "The list is too long for a phone to load.",
    Reason.MALFORMED: "The file is damaged: the phone cannot read it.",
    Reason.CANNOT_ASK: (
        "The signer is not in the phone's CTL, and this model has no way to ask TVS."
    ),
    Reason.NO_TVS_LISTED: _UNKNOWN
    + "The phone's ITL lists no TVS server, so the phone cannot ask.",
    # REFERENCE 5.1
    Reason.NO_TVS_CONFIGURED: _UNKNOWN
    + "The phone has no configuration that names its TVS servers.",
    Reason.TVS_UNUSABLE: _UNKNOWN
    + "The phone tried to ask TVS, but no TVS server answers.",
    Reason.TVS_NOT_IN_ITL: _UNKNOWN
    + "The certificate that the TVS server shows is not in the phone's ITL: the phone "
    "does not trust the server, so it cannot ask.",
    Reason.TVS_TLS: _UNKNOWN
    + "The phone tried to ask TVS, but phone and server have no TLS version in "
    "common.",
    Reason.NOT_AUTHORISED: (
        "The phone accepts configurations only from TFTP servers that its CTL "
        "lists. This server is not listed."
    ),
    Reason.NO_SERVER: "No TFTP server answered the phone.",
    Reason.NOT_DOWNLOADED: "The phone could not download the file.",
    Reason.NOT_DECRYPTED: (
        "The configuration is encrypted for another certificate than the "
        "phone's: the phone must first get a new certificate from CAPF."
    ),
}


def plain_cause(code: Reason) -> str:
    """Return why phones do not have a file, in plain words."""
    return _CAUSES[code]
