"""TLS of one connection, without its socket.

Ciphertext goes in and comes out as bytes, through memory. That is also the fast form: a
flight of a handshake is read from the socket with one system call, where OpenSSL on its
own would make two for each record.
"""

import ssl
from typing import Final

# A record holds at most so much: one read takes a whole one.
_LARGEST_RECORD: Final = 16_384
# _ssl.ENCODING_DER, of what Python's `ssl` keeps to itself before 3.13.
_DER: Final = 2


class TlsError(Exception):
    """The peer's bytes are not valid TLS here; says OpenSSL's reason."""

    def __init__(self, error: ssl.SSLError) -> None:
        self.is_unverifiable = isinstance(error, ssl.SSLCertVerificationError)
        """Whether the only problem is an unknown issuer of the peer's certificate."""
        reason = error.reason or error.strerror or str(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = error.verify_message
        super().__init__(reason)


class TlsChannel:
    """The server's side of one TLS connection."""

    __slots__ = (
        "_incoming",
        "_outgoing",
        "_tls",
        "is_closed_by_peer",
        "is_established",
    )

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.is_established = False
        """Whether the handshake is over."""
        self.is_closed_by_peer = False
        """Whether the peer has said that it sends no more."""

    def receive(self, data: bytes) -> bytes:
        """Take ciphertext; return the plaintext that can be read now.

        Raises:
            TlsError: When the bytes are not TLS, or the handshake cannot succeed.
        """
        self._incoming.write(data)
        plaintext = b""
        try:
            if not self.is_established:
                self._tls.do_handshake()
                self.is_established = True
            while self._incoming.pending:
                piece = self._tls.read(_LARGEST_RECORD)
                if not piece:
                    self.is_closed_by_peer = True
                    break
                plaintext = plaintext + piece if plaintext else piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise TlsError(error) from error
        return plaintext

    def send(self, plaintext: bytes) -> int:
        """Encrypt; `take_output` has the result. Return how much waits there now.

        Raises:
            TlsError: When the peer has closed or broken the connection.
        """
        try:
            self._tls.write(plaintext)
        except ssl.SSLError as error:
            raise TlsError(error) from error
        return self._outgoing.pending

    def close(self) -> None:
        """Say goodbye (close_notify), where a handshake was finished."""
        if not self.is_established:
            return
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            # The peer's own goodbye is not here yet, and is not waited for.
            return

    @property
    def output_bytes(self) -> int:
        """Number of bytes of ciphertext to be sent."""
        return self._outgoing.pending

    def take_output(self) -> bytes:
        """Return the ciphertext to write to the socket, and forget it."""
        return self._outgoing.read()

    @property
    def is_resumed(self) -> bool:
        """Return whether the handshake resumed a session."""
        return bool(self._tls.session_reused)

    @property
    def cipher(self) -> str:
        """The suite's OpenSSL name, as the vendor's log has it; empty before one."""
        cipher = self._tls.cipher()
        return "" if cipher is None else cipher[0]

    @property
    def version(self) -> str:
        """`TLSv1.2`, `TLSv1.3`, `TLSv1`."""
        return self._tls.version() or ""

    @property
    def peer_certificate(self) -> bytes | None:
        """The client's certificate (MIC or LSC), if it showed one that verified."""
        return self._tls.getpeercert(binary_form=True)

    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """Every certificate that the client showed, its own first, in DER.

        Python's `ssl` has it in public from 3.13 on; before, on the object within.
        """
        tls = self._tls
        if hasattr(tls, "get_unverified_chain"):
            return tuple(tls.get_unverified_chain())
        inner = getattr(tls, "_sslobj")  # noqa: B009 (mypy knows no such attribute)
        chain = inner.get_unverified_chain() or ()
        return tuple(each.public_bytes(_DER) for each in chain)
