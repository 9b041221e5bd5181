"""Why a phone refused a file, in words for somebody who never read about trust lists.

The exact reason and the number of the rule stand beside these words everywhere.
"""

from typing import Final

from tokenless.protocol.trust.reasons import Reason

RULES: Final = {
    1: "A file that cannot be had leaves what is installed.",
    2: "A phone that holds no list takes the first one that it is given.",
    3: "A CTL is believed when its signer is a SAST of a list that the phone holds.",
    4: "About an unknown signer the phone asks TVS.",
    5: "An ITL is believed when its signer is a SAST of the phone's CTL.",
    6: "An ITL is believed when its signer is a SAST of the phone's ITL.",
    7: "A list whose signer nobody vouches for is refused; the old lists stay.",
    8: "An identical file changes nothing.",
    9: "A configuration must be signed by a TFTP server that lists or TVS vouch for.",
    10: "Configurations may come only from TFTP servers that the CTL names.",
    11: "A phone whose lists name no TFTP certificate takes unsigned configurations.",
    12: "A certificate in Phone-SAST-trust may sign lists and configurations.",
}
"""The rules of REFERENCE 4.2 in a sentence each."""

_LISTS: Final = (
    "The two signed trust lists that a phone keeps: whom it believes. Each names the "
    "certificates that may sign the next one."
)
_SAST: Final = (
    "The right to sign trust lists. A phone's anchors are the signers that its lists "
    "let it accept by itself: SAST certificates whose keys the cluster still has. TVS "
    "members are not anchors."
)
_TVS: Final = (
    "The server that a phone asks about a signer whom it does not know, if the "
    "server's own certificate stands in the phone's ITL."
)
_STUCK: Final = (
    "The phone refuses what the cluster serves, or does not get it, and goes on with "
    "its old files."
)
_WOULD_BE: Final = (
    "The phone is off, or was not restarted since a change, and still works. If it "
    "started now, it would be stuck: a copy of it was, at one of its TFTP servers."
)
_LOCKED_OUT: Final = (
    "Stuck, or will be, without an anchor: nothing that the cluster can do now reaches "
    "the phone. Somebody has to delete its lists, or an old key comes from a backup."
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

_UNKNOWN: Final = "Nobody whom the phone trusts signed the file. "
_BAD_SIGNATURE: Final = (
    "The file names a signer whom the phone knows, but that key did not sign it."
)
_CAUSES: Final = {
    Reason.UNKNOWN_SIGNER: _UNKNOWN
    + "The phone holds no list, and the file does not hold its own signer's record.",
    Reason.NOT_VOUCHED: _UNKNOWN
    + "It asked TVS, and TVS does not know the signer either. That answer is final.",
    Reason.WRONG_ROLE: (
        "TVS knows the signer, but not as one who may sign this kind of file."
    ),
    Reason.OTHER_CERTIFICATE: _UNKNOWN
    + "It asked TVS, and TVS answered about another certificate.",
    Reason.BAD_SIGNATURE: _BAD_SIGNATURE,
    Reason.EXPIRED: (
        "The signer's certificate has expired, and this phone looks at dates."
    ),
    Reason.WRONG_NAME: "The server gave another file than the one it was asked for.",
    Reason.DIGEST: "The file is signed with a digest that this model does not know.",
    Reason.TOO_LONG: "The list has outgrown what a phone can load.",
    Reason.MALFORMED: "The file is damaged: the phone cannot read it.",
    Reason.CANNOT_ASK: (
        "The signer is not in the phone's CTL, and this model has no way to ask TVS."
    ),
    Reason.NO_TVS_LISTED: _UNKNOWN
    + "The phone's lists name no TVS server that it could ask.",
    # REFERENCE 5.1
    Reason.NO_TVS_CONFIGURED: _UNKNOWN
    + "The phone never got a configuration that tells it where TVS is.",
    Reason.TVS_UNUSABLE: _UNKNOWN + "It would ask TVS, but no TVS server answers.",
    Reason.TVS_NOT_IN_ITL: _UNKNOWN
    + "The certificate that the TVS server shows is not in the phone's ITL: the phone "
    "does not trust the server, so it cannot ask.",
    Reason.TVS_TLS: _UNKNOWN
    + "It would ask TVS, but the two have no version of TLS in common.",
    Reason.NOT_AUTHORISED: (
        "The CTL lists the TFTP servers that may give configurations. This one is "
        "none of them."
    ),
    Reason.NO_SERVER: "No TFTP server answered the phone.",
    Reason.NOT_DOWNLOADED: "The phone could not download the file.",
    Reason.NOT_DECRYPTED: (
        "The configuration is encrypted for another certificate than the phone's: it "
        "has to get a new one from CAPF first."
    ),
}


def plain_cause(code: Reason) -> str:
    """Return why phones do not have a file, in plain words."""
    return _CAUSES[code]
