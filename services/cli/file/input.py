"""Input of the `file` commands: trust lists, signed files, certificates.

Every failure names the file. Reading is bounded by what the format can hold, so that a
device or an endless pipe cannot fill the memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tokenless.ground import files
from tokenless.ground.files import TooLongError
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.signed_file import MAX_FILE_LENGTH, SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.errors import ServiceError

MAX_CERTIFICATE_FILE: Final = 1024 * 1024

AnyFile = TrustList | SignedFile


@contextmanager
def name_file_in_errors(path: Path) -> Iterator[None]:
    """Put the file's name in front of errors about its bytes.

    Raises:
        ServiceError: For every ProtocolError inside.
    """
    try:
        yield
    except ProtocolError as error:
        raise ServiceError(f"{path}: {error}", hint=error.hint) from error


def read_bounded(path: Path, limit: int = MAX_FILE_LENGTH) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises:
        ServiceError: When it is longer.
        UnreadableError: When it cannot be read: the command could tell nothing.
    """
    try:
        return files.read_bounded(path, limit)
    except OSError as error:
        raise files.unreadable(str(path), error) from error
    except TooLongError as error:
        raise ServiceError(
            f"{path}: {error}", hint="name a file that phones would take"
        ) from None


def load_file(path: Path) -> AnyFile:
    """Load a trust list or a signed file.

    Raises:
        ServiceError: When it is neither, or malformed.
        UnreadableError: When it cannot be read: the command could tell nothing.
    """
    data = read_bounded(path)
    with name_file_in_errors(path):
        return decode_file(data)


def load_trust_list(path: Path) -> TrustList:
    """Load a file that must be a trust list.

    Raises:
        ServiceError: When it is malformed or a signed file.
        UnreadableError: When it cannot be read.
    """
    file = load_file(path)
    if isinstance(file, TrustList):
        return file
    raise ServiceError(
        f"{path}: a signed file where a trust list is needed",
        hint="name a CTLFile.tlv or an ITLFile.tlv",
    )


def load_certificate(path: Path) -> Certificate:
    """Load a certificate, PEM or DER; of a PEM with several, the first.

    Raises:
        ServiceError: When there is none in it, or it is malformed.
        UnreadableError: When it cannot be read.
    """
    data = read_bounded(path, MAX_CERTIFICATE_FILE)
    with name_file_in_errors(path):
        try:
            (der, *_) = read_certificates(data)
        except DecodeError as error:
            raise ServiceError(
                f"{path}: {error.reason}", hint="export the certificate again"
            ) from None
        return Certificate.decode(der)
