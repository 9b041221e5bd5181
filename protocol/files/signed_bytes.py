"""Common part of trust lists and signed files: the header and its signature.

The header names the signer and the digest (REFERENCE 1.2, 2.1); whether it is so,
`verify` tells to a caller that knows a key from elsewhere.
"""

from dataclasses import dataclass, field

from tokenless.protocol.certificates.signature import PublicKey, verify_signature
from tokenless.protocol.checksums import md5_of, sha1_of
from tokenless.protocol.files.header import Header
from tokenless.protocol.files.header_fields import SignerId


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """A decoded file. It has proved nothing until `verify` returned."""

    data: bytes = field(repr=False)
    header: Header = field(compare=False)

    def verify(self, public_key: PublicKey) -> None:
        """Check the signature with a key that the caller has reason to trust.

        Raises:
            BadSignatureError: When this key did not sign these bytes.
        """
        header = self.header
        signed = header.signed_part(self.data)
        verify_signature(public_key, header.signature, signed, header.digest)

    @property
    def signer(self) -> SignerId:
        """The signer that the header names."""
        return self.header.signer

    @property
    def filename(self) -> str | None:
        """FILENAME of the header: `CTLFile.tlv`, or what phones ask for, `.sgn`."""
        return self.header.filename

    @property
    def md5(self) -> str:
        """The MD5 of the file, lower-case hex, as `show ctl` prints it."""
        return md5_of(self.data)

    @property
    def sha1(self) -> str:
        """The SHA-1 of the file, lower-case hex, as `show ctl` prints it."""
        return sha1_of(self.data)
