"""How the lists of an imported cluster are signed: the digest, and the CTL's signer.

REFERENCE 1.6 and 2.3.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    attribute,
)
from tokenless.protocol.codes import Digest
from tokenless.protocol.release import Release
from tokenless.protocol.trust.verdicts import FileKind

_SHA1, _SHA512 = "SHA-1", "SHA-512"
FIRST_RELEASE: Final = "12.5(1)"
"""Taken for lists of another digest than SHA-1 where nothing tells the release."""


def file_signature(lists: Sequence[ImportedList]) -> str | None:
    """Return the TFTP File Signature Algorithm of a copy; None where it is not told.

    One list of another digest than SHA-1 decides: phones that verify SHA-1 only must
    not be better off in the copy.
    """
    digests = _digests(lists)
    if not digests:
        return None
    return _SHA1 if digests == {Digest.SHA1} else _SHA512


def check_release(lists: Sequence[ImportedList], version: str) -> None:
    """Check that a release signs lists as these are signed (REFERENCE 1.6, 2.3).

    An ITL says nothing of the signer: `utils itl reset localkey` changes it.

    Raises:
        PhoneError: When it signs with SHA-1 only, and these have another digest; when
            ITLRecovery signed the CTL, and signs none in that release.
    """
    ctls = [each for each in lists if each.kind is FileKind.CTL]
    by_recovery = any(signed_by_recovery(each) for each in ctls)
    if by_recovery and not Release.parse(version).recovery_signs:
        raise PhoneError(
            f"release {version} signs its CTL with CallManager or a token, but this "
            "one is signed by ITLRecovery",
            hint="give the release of the lists with --version: 12.0 or later",
        )
    others = _digests(lists) - {Digest.SHA1}
    if others and not Release.parse(version).chooses_digest:
        raise PhoneError(
            f"release {version} signs lists with SHA-1 only, but these are signed "
            f"with {_named(others)}",
            hint="give the release of the lists with --version: 12.0 or later",
        )


def signed_by_recovery(one: ImportedList) -> bool:
    """Return whether ITLRecovery signed a list, by the name of the signer."""
    return attribute(one.signer_subject, "CN").upper().startswith("ITLRECOVERY")


def about_digest(lists: Sequence[ImportedList]) -> Iterator[Approximation]:
    """Say how the digest of the copy differs from that of the lists."""
    digests = _digests(lists)
    if not digests:
        yield Approximation(
            Topic.DIGEST,
            f"lists are signed with {_SHA1} here",
            "pasted text does not tell the digest",
        )
    elif digests not in ({Digest.SHA1}, {Digest.SHA512}):
        yield Approximation(
            Topic.DIGEST,
            f"the lists are signed with {_named(digests)}; with {_SHA512} here",
            "a cluster signs all its files with one digest, SHA-1 or SHA-512; models "
            "that verify SHA-1 only refuse both others",
        )


def _digests(lists: Sequence[ImportedList]) -> set[Digest]:
    return {each.digest for each in lists if each.digest is not None}


def _named(digests: set[Digest]) -> str:
    return " and ".join(digest.name for digest in sorted(digests))
