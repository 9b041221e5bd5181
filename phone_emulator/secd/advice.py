"""What is wrong with a phone that has booted, and what helps, in words.

Told from one phone's report alone. Rehearsals know the cluster as well, and name what
certainly helps (`rehearsal/outcome/remedies`).
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason

if TYPE_CHECKING:
    from tokenless.phone_emulator.secd.report import BootReport

_START_TFTP: Final = "start Cisco Tftp of a node that the phone asks"
_START_TVS: Final = (
    "start Cisco Trust Verification Service of a node that the phone's ITL names"
)
_UPLOAD: Final = (
    "sign the file with a key that the phone knows (`utils itl reset localkey`, "
    "`utils ctl reset localkey`), or upload the signer's certificate to "
    "Phone-SAST-trust of the cluster whose TVS the phone asks"
)
_DELETE: Final = "delete the lists on the phone (`delete_trust()`)"
_SERVE_AGAIN: Final = "have the node make and sign the file again: restart Cisco Tftp"
_OTHER_MODEL: Final = "choose a digest or a size that the model knows"

ADVICE: Final = {
    Reason.UNKNOWN_SIGNER: _SERVE_AGAIN,
    Reason.NOT_VOUCHED: _UPLOAD,
    Reason.WRONG_ROLE: _UPLOAD,
    Reason.OTHER_CERTIFICATE: "look at the TVS server: it answers for another one",
    Reason.BAD_SIGNATURE: _SERVE_AGAIN,
    Reason.EXPIRED: "regenerate the certificate of the signer",
    Reason.WRONG_NAME: _SERVE_AGAIN,
    Reason.DIGEST: _OTHER_MODEL,
    Reason.TOO_LONG: "delete certificates that the list need not have",
    Reason.MALFORMED: _SERVE_AGAIN,
    Reason.CANNOT_ASK: _DELETE,
    Reason.NO_TVS_LISTED: _DELETE,
    Reason.NO_TVS_CONFIGURED: _DELETE,
    Reason.TVS_UNUSABLE: _START_TVS,
    Reason.TVS_NOT_IN_ITL: (
        "let the phone fetch the ITL that has the certificate of TVS while a TVS "
        "that it knows still answers"
    ),
    Reason.TVS_TLS: "lower [tvs] tls_minimum to what the model knows",
    Reason.NOT_AUTHORISED: (
        "`utils ctl update CTLFile`, so that the CTL names the TFTP server"
    ),
    Reason.NO_SERVER: _START_TFTP,
    Reason.NOT_DOWNLOADED: _START_TFTP,
    Reason.NOT_DECRYPTED: (
        "let the phone get an LSC from CAPF, or take encryption out of its profile"
    ),
}
"""What helps against each reason, as far as the phone's report alone can tell."""


def troubles_of(report: "BootReport") -> Iterator[str]:
    """Yield a line for each file that a phone refused or did not get, with its remedy.

    Args:
        report: Of the phone's boot.
    """
    for kind, file in report.files.items():
        if file.code is None:
            continue
        name = report.name_of(kind)
        quoted = f": {file.reason}" if file.reason else ""
        yield (
            f"{report.device} ({report.model}): {name} {file.action.value}, "
            f"{file.code.value}{quoted}; what helps: {ADVICE[file.code]}"
        )
    if report.needs_ctl:
        yield (
            f"{report.device} ({report.model}): its configuration asks for security, "
            f"and it holds no {FileKind.CTL.value}; what helps: switch mixed mode on, "
            "restart Cisco Tftp, and boot the phone again"
        )


def failure_text(head: str, reports: Iterable["BootReport"]) -> str:
    """Return the text of a failed assertion.

    Args:
        head: The first line.
        reports: Of the phones that it tells of.
    """
    lines = [head]
    for report in reports:
        told = list(troubles_of(report))
        usual = f"{report.device} ({report.model}): {report.outcome.value}"
        lines += [f"  {line}" for line in told or [usual]]
    return "\n".join(lines)
