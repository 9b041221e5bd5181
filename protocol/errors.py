"""The exceptions of the trust plane.

`TokenlessError` is the root: what the command line turns into one line for a person.
`ProtocolError` is all that hostile bytes can cause.
"""


class TokenlessError(Exception):
    """Something that can be explained to a person in one line.

    Attributes:
        hint: What the person can do about it, or None.
    """

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint

    def explain(self) -> str:
        """Return the reason and, where there is one, what to do."""
        if self.hint is None:
            return str(self)
        return f"{str(self).removesuffix('.')}; {self.hint}"


def first_cause(error: BaseException) -> BaseException:
    """Return what failed first: nurseries wrap what happens in them in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class UnreadableError(TokenlessError):
    """An input that cannot be read at all, so that nothing can be told of it."""


class WrongUsageError(TokenlessError):
    """A name or a value of a command line that is none, as a person gave it."""


class BuildError(TokenlessError):
    """A file that cannot be written as asked."""


class ProtocolError(TokenlessError):
    """Bytes from outside that break the rules of their format."""


class DecodeError(ProtocolError):
    """Bytes that cannot be decoded.

    Attributes:
        reason: What is wrong, without the offset.
        offset: Where in the input, in bytes from its start.
    """

    def __init__(self, reason: str, *, offset: int) -> None:
        super().__init__(f"{reason} at byte {offset}")
        self.reason = reason
        self.offset = offset

    def moved(self, by: int, *, inside: str | None = None) -> "DecodeError":
        """Return the same error as seen from what the bytes are a part of.

        Args:
            by: Where the part begins.
            inside: What the part is called.
        """
        reason = self.reason if inside is None else f"{inside}: {self.reason}"
        return DecodeError(reason, offset=self.offset + by)


class TrustError(ProtocolError):
    """Well-formed bytes that must not be trusted."""


class UnknownSignerError(TrustError):
    """No certificate that we hold belongs to the signer that a file names."""


class BadSignatureError(TrustError):
    """A signature that the signer's key did not make over these bytes."""


class CannotDecryptError(ProtocolError):
    """An encrypted file that the given private key does not decrypt.

    One class and one sentence for every cause: a wrong key, a changed ciphertext and a
    wrong digest must look alike, or the answers help to guess a key (REFERENCE-3 2.3).
    """

    def __init__(self) -> None:
        super().__init__("the file cannot be decrypted with this private key")
