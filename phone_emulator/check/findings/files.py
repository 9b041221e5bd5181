"""Findings about each file of each node: does it arrive, decode, hold?"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from tokenless.phone_emulator.check.findings.finding import Code, Finding, finding
from tokenless.phone_emulator.check.observing.observation import (
    Missing,
    Node,
    Observation,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchor_records import has_tftp
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.lint import LintFinding, lint

_WEAK_BITS: Final = 1024


def file_findings(seen: Observation) -> Iterator[Finding]:
    """Return the findings about files, node by node."""
    for node in seen.nodes:
        if node.is_silent:
            yield _silent(node)
            continue
        yield from _arrivals(node)
        yield from _configurations(node)
        yield from _digests(node)
    for node, kind, file in seen.lists:
        yield from _list_findings(node, kind, file, seen.at)


def _silent(node: Node) -> Finding:
    reason = next(
        (each.reason for each in node.files.values() if isinstance(each, Missing)), ""
    )
    return finding(
        Code.TFTP_UNREACHABLE,
        node,
        f"no file could be downloaded: {printable(reason)}",
        port=str(node.server.port),
    )


def _arrivals(node: Node) -> Iterator[Finding]:
    for kind in (FileKind.CTL, FileKind.ITL):
        if node.serves_empty(kind):
            yield finding(Code.LIST_EMPTY, node, f"the file {kind} is empty")
        file = node.find(kind)
        if isinstance(file, bytes):
            yield from _decodes(node, kind, file)
        elif not file.is_absent:
            yield finding(
                Code.DOWNLOAD_FAILED,
                node,
                f"{kind} could not be downloaded: {printable(file.reason)}",
            )
        elif kind is FileKind.ITL and not node.serves_empty(kind):
            yield finding(Code.ITL_MISSING, node, "there is no ITL")


def _decodes(node: Node, kind: FileKind, data: bytes) -> Iterator[Finding]:
    try:
        decoded = TrustList.decode(data)
    except DecodeError as error:
        yield finding(Code.MALFORMED, node, f"{kind} is not a trust list: {error}")
        return
    if decoded.filename not in (None, kind.value):
        yield finding(
            Code.WRONG_FILENAME,
            node,
            f"{kind} has the file name {printable(decoded.filename or '')} in "
            "its header",
        )


def _configurations(node: Node) -> Iterator[Finding]:
    plain = node.find(FileKind.CONFIGURATION)
    signed = node.find(FileKind.CONFIGURATION, signed=True)
    if isinstance(plain, Missing):
        yield from _no_configuration(node, signed)
    elif node.configuration is None:
        yield finding(
            Code.CONFIGURATION_MALFORMED,
            node,
            "the configuration is not XML that a phone can read",
        )
    if isinstance(signed, Missing):
        if _wants_signed(node) and isinstance(plain, bytes):
            yield _no_signed_configuration(node)
    elif node.signed_configuration is None:
        yield finding(
            Code.CONFIGURATION_MALFORMED,
            node,
            "the signed configuration cannot be decoded",
        )
    elif isinstance(plain, bytes):
        yield from _payload(node, node.signed_configuration, plain)


def _no_configuration(node: Node, signed: bytes | Missing) -> Iterator[Finding]:
    words = f"there is no configuration for {node.device}"
    if isinstance(signed, bytes):
        if _wants_signed(node):
            return  # phones with these lists ask for the signed one only
        words += " that is not signed, and no list has a TFTP record"
    yield finding(Code.CONFIGURATION_MISSING, node, words)


def _payload(node: Node, signed: SignedFile, plain: bytes) -> Iterator[Finding]:
    if signed.payload != plain:
        yield finding(
            Code.CONFIGURATION_DIFFERS,
            node,
            "the signed and the plain configuration differ",
            difference="whether it holds a list",
        )


def _no_signed_configuration(node: Node) -> Finding:
    return finding(
        Code.CONFIGURATION_UNSIGNED,
        node,
        "the lists have TFTP records, but there is no signed configuration",
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
            yield finding(
                Code.DIGEST,
                node,
                f"{name} is signed with {file.header.digest.name}",
            )


def _list_findings(
    node: Node, kind: FileKind, trust_list: TrustList, at: float
) -> Iterator[Finding]:
    for each in lint(trust_list, at=datetime.fromtimestamp(at, UTC)):
        yield _from_lint(node, kind, each)
    yield from _small_keys(node, kind, trust_list)


def _from_lint(node: Node, kind: FileKind, each: LintFinding) -> Finding:
    place = f"{kind}, record {each.record}" if each.record else kind.value
    return finding(Code(each.code), node, f"{place}: {each.message}")


def _small_keys(node: Node, kind: FileKind, trust_list: TrustList) -> Iterator[Finding]:
    sizes = [
        certificate.key_bits
        for record in trust_list.records
        if (certificate := record.certificate) is not None
        and certificate.signature_algorithm.endswith("RSA")
    ]
    weak = sum(bits <= _WEAK_BITS for bits in sizes)
    if weak:
        yield finding(
            Code.SMALL_KEYS,
            node,
            f"{kind}: {weak} of {len(sizes)} keys have {_WEAK_BITS} bits or fewer",
        )
