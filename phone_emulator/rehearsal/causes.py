"""Why a phone refused a file, in words for somebody who never read about trust lists.

The exact reason and the number of the rule stand beside these words everywhere.
"""

from typing import Final

from tokenless.phone_emulator.rehearsal.standing import Refusal

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
    "The right to sign trust lists. A phone's anchors are the SAST certificates in its "
    "lists whose keys the cluster still has."
)
_TVS: Final = (
    "The server that a phone asks about a signer whom it does not know, if the "
    "server's own certificate stands in the phone's ITL."
)
_STUCK: Final = (
    "The phone refuses what the cluster serves and goes on with its old files. With no "
    "anchor and no TVS left, only somebody at the phone can free it."
)
GLOSSARY: Final = {"CTL, ITL": _LISTS, "SAST": _SAST, "TVS": _TVS, "stuck": _STUCK}
"""The words that a report cannot do without."""

_UNKNOWN: Final = "Nobody whom the phone trusts signed the file. "
_STRANGER: Final = (
    "It would ask TVS, but the TVS server shows a certificate that is not in the "
    "phone's ITL: to the phone it is a stranger, so it asks nothing and refuses."
)
_FINAL_NO: Final = (
    "It asked TVS, and TVS does not know the signer either. That answer is final."
)
_NO_PLACE: Final = (
    "The phone never got a configuration that tells it where TVS is."  # REFERENCE 5.1
)
_NOT_NAMED: Final = (
    "The CTL lists the TFTP servers that may give configurations. This one is none of "
    "them."
)
# In this order: the first part that the reason has decides.
_CAUSES: Final = {
    "no TVS record (role 21)": _UNKNOWN + _STRANGER,
    "TLS handshake failed": _UNKNOWN
    + "It would ask TVS, but the two have no version of TLS in common.",
    "no accepted configuration names": _UNKNOWN + _NO_PLACE,
    "no TVS server can be used": _UNKNOWN
    + "It would ask TVS, but no TVS server answers.",
    "TVS does not vouch": _UNKNOWN + _FINAL_NO,
    "TVS trusts the signer as": (
        "TVS knows the signer, but not as one who may sign this kind of file."
    ),
    "cannot ask TVS": (
        "The signer is not in the phone's CTL, and this model has no way to ask TVS."
    ),
    "no installed ITL has a TVS record": _UNKNOWN
    + "The phone's lists name no TVS server that it could ask.",
    "does not name this TFTP server": _NOT_NAMED,
    "no list over 64 KB": "The list has outgrown what a phone can load.",
    "expired": "The signer's certificate has expired, and this phone looks at dates.",
    "the signature": (
        "The file names a signer whom the phone knows, but that key did not sign it."
    ),
}
_NOT_HAD: Final = "The phone could not download the file."
_OTHER: Final = "The phone cannot tell that the file comes from its cluster."


def plain_cause(refusal: Refusal) -> str:
    """Return why the phone refused, in plain words."""
    if refusal.rule == 1:
        return _NOT_HAD
    for part, words in _CAUSES.items():
        if part in refusal.reason:
            return words
    return _OTHER
