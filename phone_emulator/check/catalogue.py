"""All findings of `check`: how much each matters, what phones meet, what to do.

The code that looks gives the place and a message; everything else is said here, and the
table of docs/check.md is made from it. Words in braces are filled in where something is
found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.trust.lint import Severity


@unique
class Code(StrEnum):
    """What was found; stable, for programs."""

    PHONE_LOCKED_OUT = "phone-locked-out"
    NEW_PHONE_LOCKED_OUT = "new-phone-locked-out"
    OLDER_LIST_ACCEPTED = "older-list-accepted"
    TFTP_UNREACHABLE = "tftp-unreachable"
    DOWNLOAD_FAILED = "download-failed"
    MALFORMED = "malformed"
    WRONG_FILENAME = "wrong-filename"
    LIST_EMPTY = "list-empty"
    DIGEST = "digest"
    SMALL_KEYS = "small-keys"
    CTL_STALE = "ctl-stale"
    CTL_MISSING = "ctl-missing"
    CTL_OUTDATED = "ctl-outdated"
    CTL_SIGNER_UNKNOWN = "ctl-signer-unknown"
    ITL_MISSING = "itl-missing"
    ITL_STALE = "itl-stale"
    ITL_MODES_DIFFER = "itl-modes-differ"
    CONFIGURATION_UNSIGNED = "configuration-unsigned"
    CONFIGURATION_MALFORMED = "configuration-malformed"
    CONFIGURATION_DIFFERS = "configuration-differs"
    CONFIGURATION_MISSING = "configuration-missing"
    HTTP_DIFFERS = "http-differs"
    HTTP_MISSING = "http-missing"
    HTTP_UNREACHABLE = "http-unreachable"
    TVS_NONE = "tvs-none"
    TVS_SINGLE = "tvs-single"
    TVS_GUESSED = "tvs-guessed"
    TVS_UNREACHABLE = "tvs-unreachable"
    TVS_UNPINNED = "tvs-unpinned"
    TVS_DOES_NOT_KNOW = "tvs-does-not-know"
    TVS_DISAGREES = "tvs-disagrees"
    TLS_TOO_NEW = "tls-too-new"
    TLS_TOO_OLD = "tls-too-old"
    TLS_OLD = "tls-old"
    CAPF_UNREACHABLE = "capf-unreachable"
    CAPF_UNLISTED = "capf-unlisted"
    CERT_HASH_DIFFERS = "cert-hash-differs"
    # What protocol/trust/lint finds in a single list.
    SIGNATURE_INVALID = "signature-invalid"
    UNKNOWN_ALGORITHM = "unknown-algorithm"
    MODULUS_MISMATCH = "modulus-mismatch"
    SIGNER_UNLISTED = "signer-unlisted"
    SIGNER_NOT_SAST = "signer-not-sast"
    TOO_LONG = "too-long"
    TOO_MANY_CERTIFICATES = "too-many-certificates"
    NO_SAST = "no-sast"
    SINGLE_SAST = "single-sast"
    TOO_MANY_SASTS = "too-many-sasts"
    NO_TFTP = "no-tftp"
    NO_TVS = "no-tvs"
    LISTED_BY_HASH = "listed-by-hash"
    SIGNED_IN_FUTURE = "signed-in-future"
    DUPLICATE_RECORD = "duplicate-record"
    WEAK_RECOVERY_KEY = "weak-recovery-key"
    EXPIRED = "expired"
    EXPIRES_SOON = "expires-soon"
    NOT_YET_VALID = "not-yet-valid"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of a finding wherever it is found."""

    severity: Severity
    meaning: str
    """For the page: what it is."""
    consequence: str = ""
    """What phones meet."""
    advice: str = ""
    """What to do."""
    milder: Severity | None = None
    """In the case that `milder_when` names."""
    milder_when: str = ""


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
_RESTART_HERE: Final = "restart Cisco Tftp on the node"
_RESTART_ALL: Final = "restart Cisco Tftp on every node"
_REPLAN: Final = "regenerate one certificate at a time (`tokenless rehearse plan`)"

CATALOGUE: Final[Mapping[Code, Entry]] = {
    Code.PHONE_LOCKED_OUT: Entry(
        _E,
        "a phone that holds one node's lists refuses a file of this node; the message "
        "has the reason and the rule",
        "it keeps its old lists and configuration; changes do not reach it",
        "compare `show ctl` and `show itl` on both nodes, restart Cisco Trust "
        "Verification Service and Cisco Tftp where they lag behind, and restart no "
        "phone before{more}",
    ),
    Code.NEW_PHONE_LOCKED_OUT: Entry(
        _E,
        "a phone without lists refuses a file",
        "new phones do not work with this node",
        "put the node's files right before any phone is factory-reset or newly plugged "
        "in",
    ),
    Code.CTL_STALE: Entry(
        _E,
        "a node serves another CTL than the newest; names the certificates that its "
        "phones still trust, and those that they do not know",
        "phones that this node serves {loss}",
        "restart Cisco Tftp on this node; when its `show ctl` then still differs, run "
        "`utils ctl update CTLFile` again",
    ),
    Code.CTL_MISSING: Entry(
        _E,
        "a node has no CTL while others serve one",
        "phones that this node serves keep an old CTL and miss every change of it; new "
        "phones get none, and cannot run authenticated or encrypted",
        "run `utils ctl update CTLFile` and restart Cisco Tftp on this node",
        _W,
        "that CTL has no servers (non-secure)",
    ),
    Code.CTL_SIGNER_UNKNOWN: Entry(
        _E,
        "the CTL's signer is no SAST of the node's ITL, and no TVS member vouches for "
        "it",
        "phones that do not hold exactly this CTL will never update",
        "rebuild the CTL (`utils ctl update CTLFile`), restart Cisco Tftp here; when "
        "a token or another cluster signs, upload the signer's certificate to "
        "Phone-SAST-trust",
    ),
    Code.CTL_OUTDATED: Entry(
        _E,
        "a certificate is newer in the ITL than in the CTL: `update CTLFile` was "
        "forgotten",
        "phones refuse {owner} new certificate: {loss}",
        "run `utils ctl update CTLFile`, restart Cisco Tftp and Cisco CallManager on "
        "every node, then reset the phones",
        _W,
        "it is CAPF's",
    ),
    Code.TFTP_UNREACHABLE: Entry(
        _E,
        "no file arrives",
        "phones that have no other TFTP server get no lists and no configuration",
        "start Cisco Tftp on the node, and look for a firewall on UDP {port}",
    ),
    Code.DOWNLOAD_FAILED: Entry(
        _E,
        "a list does not arrive, others do",
        "phones keep the list that they have and miss every change",
        _RESTART_HERE,
    ),
    Code.MALFORMED: Entry(
        _E,
        "the file is no trust list",
        "every phone refuses it; new phones stay without trust",
        "rebuild the file: `utils ctl update CTLFile`, or restart Cisco Tftp",
    ),
    Code.WRONG_FILENAME: Entry(
        _E,
        "a list says that it is another file",
        "phones refuse it",
        "put the right file there",
    ),
    Code.SIGNATURE_INVALID: Entry(
        _E,
        "a list was changed after it was signed",
        advice="run `utils ctl update CTLFile`, or restart Cisco Tftp for an ITL, and "
        "find out who changed the file",
    ),
    Code.TOO_LONG: Entry(
        _E,
        "phones fail to load a list of more than 64 KB",
        advice="delete certificates that nobody needs and restart Cisco Tftp",
    ),
    Code.NO_SAST: Entry(_E, "a list has no SAST: phones that hold it update nothing"),
    Code.SIGNER_NOT_SAST: Entry(_E, "the signer is in the list, but not as SAST"),
    Code.CONFIGURATION_UNSIGNED: Entry(
        _E,
        "the lists name TFTP servers, but there is no signed configuration",
        "phones that hold these lists ask for signed configurations only",
        _RESTART_HERE,
    ),
    Code.CONFIGURATION_MALFORMED: Entry(
        _E,
        "no phone can read the configuration",
        "phones refuse it and keep the configuration that they have",
        _RESTART_HERE,
    ),
    Code.TVS_UNPINNED: Entry(
        _W,
        "the certificate that a TVS member shows is not in an ITL",
        "phones that hold that ITL end the handshake, so it vouches for nobody",
        "restart Cisco Trust Verification Service and then Cisco Tftp on every node; "
        "regenerate nothing else until all phones have the new ITL",
    ),
    Code.TVS_UNREACHABLE: Entry(
        _W,
        "a TVS member does not answer",
        "phones ask the next member; without one, any new signer is refused and HTTPS "
        'services show "Host Not Found"',
        "start Cisco Trust Verification Service, and look for a firewall on TCP {port}",
    ),
    Code.TVS_SINGLE: Entry(
        _W,
        "the configuration lists one TVS member only",
        "while it is down or its certificate is being replaced, every new signer locks "
        "phones out",
        "add a second node that runs TVS to the CallManager group",
    ),
    Code.TVS_NONE: Entry(
        _W,
        "no TVS member is known",
        "phones can ask nobody: every new signer locks them out",
        "give the phones' CallManager group members that run TVS",
    ),
    Code.TVS_DOES_NOT_KNOW: Entry(
        _W,
        "somebody is in a list whom no member knows",
        "the list is older than the cluster's certificates, or from another cluster; "
        "phones believe it as long as they hold the list",
        "run `utils ctl update CTLFile` for a CTL, restart Cisco Tftp on the node for "
        "an ITL",
        _N,
        "it is a SAST",
    ),
    Code.TVS_DISAGREES: Entry(
        _W,
        "members answer differently",
        "phones believe the first member that answers, be it yes or no",
        "restart Cisco Trust Verification Service on all nodes; if that does not help, "
        "look at the database's replication",
    ),
    Code.TLS_TOO_NEW: Entry(
        _W,
        "a member does not offer TLS 1.0",
        "7900 phones know TLS 1.0 only and cannot use it",
        "lower the minimum (`set tls min-version 1.0`) while there are such phones",
    ),
    Code.TLS_TOO_OLD: Entry(
        _W,
        "a member offers nothing newer than TLS 1.0",
        "newer phones with TLS 1.0 switched off cannot use it",
        "update the node",
    ),
    Code.ITL_STALE: Entry(
        _W,
        "an ITL lacks a TVS or CAPF record that another node's has",
        "phones that hold this ITL {loss}",
        f"{_RESTART_ALL}, then reset the phones",
    ),
    Code.ITL_MODES_DIFFER: Entry(
        _W,
        "some ITLs name their node CCM+TFTP (mixed mode), others TFTP (non-secure)",
        "phones are told different security modes by different nodes",
        f"{_RESTART_ALL} after a change of the mode",
    ),
    Code.ITL_MISSING: Entry(
        _W,
        "there is no ITL",
        "new phones can never ask TVS; others keep the ITL that they have",
        _RESTART_HERE,
    ),
    Code.LIST_EMPTY: Entry(
        _W,
        "a CTL or ITL without a byte",
        "phones count it as absent: new ones trust every server, others keep the list "
        "that they have",
        "serve the list, or no such file",
    ),
    Code.CONFIGURATION_DIFFERS: Entry(
        _W,
        "nodes, or the two forms of one configuration, disagree",
        "how a phone is configured depends on {difference}",
        _RESTART_ALL,
    ),
    Code.HTTP_DIFFERS: Entry(
        _E,
        "a node has other files over HTTP than by TFTP",
        "newer phones get those of HTTP, older ones those of TFTP: what is said here "
        "of this node's files holds for TFTP only",
        "restart Cisco Tftp on the node; see that nothing else answers at its port "
        "6970",
        _W,
        "HTTP has more files, and none that differs",
    ),
    Code.HTTP_MISSING: Entry(
        _W,
        "a file that a node has by TFTP is not there over HTTP",
        "newer phones ask for it twice, and fetch it by TFTP",
        _RESTART_HERE,
    ),
    Code.CAPF_UNLISTED: Entry(
        _W,
        "the certificate that CAPF shows is not the CAPF record of a CTL, nor, where "
        "the CTL names no CAPF, of the ITL, and no TVS member vouches for it",
        "phones that hold these lists refuse CAPF: no LSC is issued to them, and a "
        "phone that lost its key cannot open its encrypted configuration",
        "restart Cisco Certificate Authority Proxy Function when it shows the older of "
        "two; run `utils ctl update CTLFile` where there is a CTL, restart Cisco Tftp "
        "on every node, then reset the phones",
    ),
    Code.CERT_HASH_DIFFERS: Entry(
        _E,
        "certHash of the configuration is not the MD5 of the phone's certificate that "
        "was given with `--lsc`",
        "the phone cannot open its encrypted configuration, and nothing is scheduled "
        "that would give it another certificate by itself",
        "schedule an operation for the phone (`--capf install`), then reset it; in "
        "string mode somebody has to type the string on it",
        _W,
        "the configuration is not encrypted, or an operation is pending that needs no "
        "person",
    ),
    Code.DIGEST: Entry(
        _W,
        "a file is signed with a digest that 7900 phones cannot verify",
        "7900 phones verify SHA-1 only: they keep what they have",
        "set TFTP File Signature Algorithm to SHA-1 while there are such phones, and "
        "restart Cisco Tftp on every node",
    ),
    Code.OLDER_LIST_ACCEPTED: Entry(
        _W,
        "a phone takes an older, validly signed list: it has no defence against one",
        "it then believes certificates that were replaced",
        "make all nodes serve the newest CTL",
    ),
    Code.EXPIRED: Entry(
        _W,
        "a certificate of a list has ended",
        advice="regenerate it, alone, and wait until all phones have the new lists",
    ),
    Code.NOT_YET_VALID: Entry(_W, "a certificate of a list begins later"),
    Code.WEAK_RECOVERY_KEY: Entry(
        _W,
        "ITLRecovery has a shorter key than the others",
        advice="regenerate ITLRecovery in the proper order (`tokenless rehearse "
        "plan`), while all other anchors stand",
    ),
    Code.TOO_MANY_CERTIFICATES: Entry(
        _W,
        "a list is about to pass 64 KB",
        advice="delete certificates that nobody needs",
    ),
    Code.TOO_MANY_SASTS: Entry(_W, "a list has more SAST records than may exist"),
    Code.NO_TVS: Entry(
        _W,
        "an ITL has no TVS record",
        advice="restart Cisco Tftp; unless a rollback to pre 8.0 is being prepared",
    ),
    Code.SIGNED_IN_FUTURE: Entry(
        _W,
        "a list was signed at a time that has not come yet",
        advice="set the clock of the node (NTP)",
    ),
    Code.DUPLICATE_RECORD: Entry(
        _W,
        "a record is in a list twice",
        advice="update the list; it costs phones' memory only",
    ),
    Code.UNKNOWN_ALGORITHM: Entry(
        _W, "a list is signed in a way that was never seen in the field"
    ),
    Code.MODULUS_MISMATCH: Entry(
        _W, "a header gives the signature another length than it has"
    ),
    Code.SMALL_KEYS: Entry(
        _N,
        "a list has keys of 1,024 bits or fewer: 7900 phones live with them",
        "phones take them; others do not any more",
        _REPLAN,
    ),
    Code.TLS_OLD: Entry(
        _N,
        "a member offers TLS 1.0",
        "1.0 is what 7900 phones need",
        "raise the minimum once the last of them is gone",
    ),
    # Booting phones decides about the next two; as such they are only worth knowing.
    Code.SINGLE_SAST: Entry(_N, "a list has one SAST key only"),
    Code.SIGNER_UNLISTED: Entry(_N, "the signer of a list is not in it"),
    Code.NO_TFTP: Entry(_N, "a list has no TFTP record: configurations stay unsigned"),
    Code.LISTED_BY_HASH: Entry(_N, "a hash stands for a certificate, as in 8.x"),
    Code.EXPIRES_SOON: Entry(
        _N,
        "a certificate of a list ends within 90 days",
        advice="plan its regeneration: `tokenless rehearse plan`",
    ),
    Code.CONFIGURATION_MISSING: Entry(
        _N,
        "the phone of `--device` has no configuration",
        "nothing can be said of its TVS members",
        "name a phone that exists with --device",
    ),
    Code.HTTP_UNREACHABLE: Entry(
        _N,
        "a node serves no files over HTTP",
        "newer phones try HTTP first; they wait for it, then fetch by TFTP",
        "let phones reach TCP 6970 of the node, and see that Cisco Tftp serves it",
    ),
    Code.CAPF_UNREACHABLE: Entry(
        _N,
        "a CAPF server of the configuration does not answer",
        "no LSC is issued or replaced; phones that are to get one try three times",
        "start Cisco Certificate Authority Proxy Function on the publisher, and look "
        "for a firewall on TCP {port}",
    ),
    Code.TVS_GUESSED: Entry(
        _N,
        "no configuration lists TVS members; the TVS nodes of the ITLs were asked",
        advice="name with --device a phone that exists and whose configuration is not "
        "encrypted, or the members with --tvs",
    ),
}
