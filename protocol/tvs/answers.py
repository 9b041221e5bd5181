"""Answers of the Trust Verification Service, as phones read them (REFERENCE 3.4, 10.3).

A node sends bodies that were built with its caches' entries (`messages`). This module
stays Python where the hot rooms are compiled: records of boots are read by the types
of its fields, and mypyc keeps only some of them.
"""

from dataclasses import dataclass, field
from typing import Self

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.tvs.elements import (
    ANSWER_TAGS,
    HEADER_LENGTH,
    Tag,
    read_bytes,
    read_elements,
)
from tokenless.protocol.tvs.messages import (
    MessageType,
    Status,
    pack_answer_body,
    pack_message,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """QUERY_CERT_RES or CERT_VERIFICATION_RES.

    A negative answer carries its status and nothing else (REFERENCE 10.3).
    """

    session_id: int
    type: MessageType
    status: int
    certificate: bytes | None = None
    """DER; only in a positive answer to QUERY."""
    roles: tuple[int, ...] = ()
    ttl: int | None = None
    ignored_elements: int = field(default=0, compare=False)

    @property
    def is_trusted(self) -> bool:
        """Tell whether the service vouches for the certificate; odd numbers do not."""
        return self.status == Status.TRUSTED

    def encode(self) -> bytes:
        """Return the message in the observed order: 7, 2, 8, 9.

        Raises:
            ValueError: When certificate and roles are too long for a message.
        """
        body = pack_answer_body(self.status, self.certificate, self.roles, self.ttl)
        return pack_message(self.type, self.session_id, body)

    @classmethod
    def decode_body(cls, kind: MessageType, session_id: int, data: bytes) -> Self:
        """Read a body.

        Raises:
            DecodeError: When it is malformed, lacks a status, or is a positive answer
                to QUERY without a certificate.
        """
        elements, ignored = read_elements(data, ANSWER_TAGS)
        status = read_bytes(elements, Tag.STATUS, 1)[0]
        certificate = elements.get(Tag.CERTIFICATE) or None
        ttl = elements.get(Tag.TTL)
        if ttl is not None and len(ttl) != 4:  # noqa: PLR2004 - REFERENCE 3.2
            raise DecodeError(
                f"a TTL has 4 bytes, not {len(ttl)}", offset=HEADER_LENGTH
            )
        trusted = status == Status.TRUSTED
        if kind is MessageType.QUERY_ANSWER and trusted and certificate is None:
            raise DecodeError(
                "a trusted answer without certificate", offset=HEADER_LENGTH
            )
        return cls(
            session_id=session_id,
            type=kind,
            status=status,
            certificate=certificate,
            roles=tuple(elements.get(Tag.ROLES, b"")),
            ttl=None if ttl is None else int.from_bytes(ttl),
            ignored_elements=ignored,
        )
