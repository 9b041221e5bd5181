"""Findings about each file of each node: does it arrive, decode, hold?"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from tokenless.phone_emulator.check.findings import Finding, Severity
from tokenless.phone_emulator.check.observation import Missing, Node, Observation
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchor_records import has_tftp
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.lint import Finding as LintFinding
from tokenless.protocol.trust.lint import lint

_WEAK_BITS: Final = 1024

# A list by itself may be judged harder than a phone that holds the other list too:
# these are decided by booting phones, here they are only worth knowing.
_JUDGED_ELSEWHERE: Final = frozenset({"signer-unlisted", "single-sast"})

_ADVICE: Final = {
    "signature-invalid": "run `utils ctl update CTLFile`, or restart Cisco Tftp for an "
    "ITL, and find out who changed the file",
    "too-long": "delete certificates that nobody needs and restart Cisco Tftp",
    "too-many-certificates": "delete certificates that nobody needs",
    "expired": "regenerate it, alone, and wait until all phones have the new lists",
    "expires-soon": "plan its regeneration: `tokenless rehearse plan`",
    "weak-recovery-key": "regenerate ITLRecovery in the proper order "
    "(`tokenless rehearse plan`), while all other anchors stand",
    "no-tvs": "restart Cisco Tftp; unless a rollback to pre 8.0 is being prepared",
    "signed-in-future": "set the clock of the node (NTP)",
    "duplicate-record": "update the list; it costs phones' memory only",
}

UNREACHABLE: Final = "tftp-unreachable"
"""The code of a node that does not answer."""


def file_findings(seen: Observation) -> Iterator[Finding]:
    """Return the findings about files, node by node."""
    for node in seen.nodes:
        if node.is_silent:
            yield _silent(node)
            continue
        yield from _arrivals(node)
        yield from _configurations(node)
        yield from _digests(node)
    for node, kind, found in seen.lists:
        yield from _list_findings(node, kind, found, seen.at)


def _silent(node: Node) -> Finding:
    reason = next(
        (each.reason for each in node.files.values() if isinstance(each, Missing)), ""
    )
    return Finding(
        Severity.ERROR,
        UNREACHABLE,
        str(node),
        f"no file arrives: {printable(reason)}",
        "phones that have no other TFTP server get no lists and no configuration",
        "start Cisco Tftp on the node, and look for a firewall on UDP "
        f"{node.server.port}",
    )


def _arrivals(node: Node) -> Iterator[Finding]:
    for kind in (FileKind.CTL, FileKind.ITL):
        if node.serves_empty(kind):
            yield Finding(
                Severity.WARNING,
                "list-empty",
                str(node),
                f"a file for {kind} is empty",
                "phones count it as absent: new ones trust every server, others keep "
                "the list that they have",
                "serve the list, or no such file",
            )
        found = node.find(kind)
        if isinstance(found, bytes):
            yield from _decodes(node, kind, found)
        elif not found.is_absent:
            yield Finding(
                Severity.ERROR,
                "download-failed",
                str(node),
                f"{kind} does not arrive: {printable(found.reason)}",
                "phones keep the list that they have and miss every change",
                "restart Cisco Tftp on the node",
            )
        elif kind is FileKind.ITL and not node.serves_empty(kind):
            yield Finding(
                Severity.WARNING,
                "itl-missing",
                str(node),
                "there is no ITL",
                "new phones can never ask TVS; others keep the ITL that they have",
                "restart Cisco Tftp on the node",
            )


def _decodes(node: Node, kind: FileKind, data: bytes) -> Iterator[Finding]:
    try:
        found = TrustList.decode(data)
    except DecodeError as error:
        yield Finding(
            Severity.ERROR,
            "malformed",
            str(node),
            f"{kind} is no trust list: {error}",
            "every phone refuses it; new phones stay without trust",
            "make the file anew: `utils ctl update CTLFile`, or restart Cisco Tftp",
        )
        return
    if found.filename not in (None, kind.value):
        yield Finding(
            Severity.ERROR,
            "wrong-filename",
            str(node),
            f"{kind} says that it is {printable(found.filename or '')}",
            "phones refuse it",
            "put the right file there",
        )


def _configurations(node: Node) -> Iterator[Finding]:
    plain = node.find(FileKind.CONFIGURATION)
    signed = node.find(FileKind.CONFIGURATION, signed=True)
    if isinstance(plain, Missing):
        yield Finding(
            Severity.NOTE,
            "configuration-missing",
            str(node),
            f"there is no configuration for {node.device}",
            "nothing can be said of its TVS members",
            "name a phone that exists with --device",
        )
    elif node.configuration is None:
        yield Finding(
            Severity.ERROR,
            "configuration-malformed",
            str(node),
            "the configuration is no XML that a phone can read",
            "phones keep the configuration that they have",
            "restart Cisco Tftp on the node",
        )
    if isinstance(signed, Missing):
        if _wants_signed(node) and isinstance(plain, bytes):
            yield _no_signed_configuration(node)
    elif node.signed_configuration is None:
        yield Finding(
            Severity.ERROR,
            "configuration-malformed",
            str(node),
            "the signed configuration cannot be decoded",
            "phones that hold a list refuse it and keep what they have",
            "restart Cisco Tftp on the node",
        )
    elif isinstance(plain, bytes):
        yield from _payload(node, node.signed_configuration, plain)


def _payload(node: Node, signed: SignedFile, plain: bytes) -> Iterator[Finding]:
    if signed.payload != plain:
        yield Finding(
            Severity.WARNING,
            "configuration-differs",
            str(node),
            "the signed configuration is not the plain one",
            "phones with and without lists are configured differently",
            "restart Cisco Tftp on the node",
        )


def _no_signed_configuration(node: Node) -> Finding:
    return Finding(
        Severity.ERROR,
        "configuration-unsigned",
        str(node),
        "the lists name TFTP servers, but there is no signed configuration",
        "phones that hold these lists ask for signed configurations only",
        "restart Cisco Tftp on the node",
    )


def _wants_signed(node: Node) -> bool:
    return has_tftp(node.ctl) or has_tftp(node.itl)


def _digests(node: Node) -> Iterator[Finding]:
    """Find files that 7900 phones cannot verify (REFERENCE 2.1)."""
    files = {
        FileKind.CTL.value: node.ctl,
        FileKind.ITL.value: node.itl,
        "the configuration": node.signed_configuration,
    }
    for name, file in files.items():
        if file is not None and file.header.digest is not Digest.SHA1:
            yield Finding(
                Severity.WARNING,
                "digest",
                str(node),
                f"{name} is signed with {file.header.digest.name}",
                "7900 phones verify SHA-1 only: they keep what they have",
                "set TFTP File Signature Algorithm to SHA-1 while there are such "
                "phones, and restart Cisco Tftp on every node",
            )


def _list_findings(
    node: Node, kind: FileKind, found: TrustList, at: float
) -> Iterator[Finding]:
    for each in lint(found, at=datetime.fromtimestamp(at, UTC)):
        yield _from_lint(node, kind, each)
    yield from _small_keys(node, kind, found)


def _from_lint(node: Node, kind: FileKind, each: LintFinding) -> Finding:
    severity = Severity.NOTE if each.code in _JUDGED_ELSEWHERE else each.severity
    place = f"{kind}, record {each.record}" if each.record else kind.value
    return Finding(
        severity,
        each.code,
        str(node),
        f"{place}: {each.message}",
        advice=_ADVICE.get(each.code, ""),
    )


def _small_keys(node: Node, kind: FileKind, found: TrustList) -> Iterator[Finding]:
    sizes = [
        certificate.key_bits
        for record in found.records
        if (certificate := record.certificate) is not None
        and certificate.signature_algorithm.endswith("RSA")
    ]
    weak = sum(bits <= _WEAK_BITS for bits in sizes)
    if weak:
        yield Finding(
            Severity.NOTE,
            "small-keys",
            str(node),
            f"{kind}: {weak} of {len(sizes)} keys have {_WEAK_BITS} bits or fewer",
            "phones take them; others do not any more",
            "regenerate one certificate at a time (`tokenless rehearse plan`)",
        )
