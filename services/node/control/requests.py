"""Requests over the control socket: one JSON object a line.

    {"do":"service-restart","service":"Cisco Tftp"}
    {"ok":true,"result":{…}}     {"ok":false,"reason":"…","hint":"…"}

A line has an upper bound, a request only the members below.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from tokenless.ground.json_input import decode_json, decode_with
from tokenless.services.errors import ServiceError

MAX_REQUEST_BYTES: Final = 4096
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""The greatest answer is a whole TVS cache, a few hundred bytes an entry."""


class Status(msgspec.Struct, frozen=True, tag_field="do", tag="status"):
    """The node's process, its services, its applied revision."""


class Sync(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="sync"
):
    """Follow the database now; answer when `revision` is applied."""

    revision: int


class StartService(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="do",
    tag="service-start",
):
    """Start a service of the node."""

    service: str


class StopService(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="do",
    tag="service-stop",
):
    """Stop a service of the node."""

    service: str


class RestartService(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="do",
    tag="service-restart",
):
    """Stop a service, if it runs, and start it."""

    service: str


class ShowRegistrations(
    msgspec.Struct, frozen=True, tag_field="do", tag="registrations"
):
    """List the phones that are registered at this node, and why others are not."""


class ResetPhones(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="do",
    tag="phones-reset",
):
    """Make registered phones start again, or fetch their files again."""

    devices: tuple[str, ...] = ()
    """All that are registered here when empty."""
    restart: bool = False
    """True if the phone only restarts, instead of starting again from nothing."""


class ShowTvsCache(msgspec.Struct, frozen=True, tag_field="do", tag="tvs-cache"):
    """List what the node's TVS would answer for."""


class ShowMetrics(msgspec.Struct, frozen=True, tag_field="do", tag="metrics"):
    """Give everything that the serving process counts, as Prometheus reads it."""


Request = (
    Status
    | Sync
    | StartService
    | StopService
    | RestartService
    | ShowRegistrations
    | ResetPhones
    | ShowTvsCache
    | ShowMetrics
)

_DECODER: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
T = TypeVar("T")


def encode_request(request: Request) -> bytes:
    """Return a request as one line."""
    return msgspec.json.encode(request) + b"\n"


def decode_request_untrusted(line: bytes) -> Request:
    """Read one request.

    Raises:
        ServiceError: When the line is none.
    """
    return decode_line(_DECODER, line, "a control request")


def decode_line(decoder: "msgspec.json.Decoder[T]", line: bytes, what: str) -> T:
    """Read one line by a decoder. Raises ServiceError when it is not `what`."""
    try:
        return decode_with(decoder, line)
    except msgspec.DecodeError as error:
        raise ServiceError(f"not {what}: {error}") from None


def encode_answer(result: Mapping[str, object]) -> bytes:
    """Return the result of a request as one line."""
    return msgspec.json.encode({"ok": True, "result": result}) + b"\n"


def encode_refusal(reason: str, hint: str | None) -> bytes:
    """Return why nothing was done, as one line."""
    return msgspec.json.encode({"ok": False, "reason": reason, "hint": hint}) + b"\n"


class _Answer(msgspec.Struct, frozen=True):
    ok: bool
    result: dict[str, Any] = msgspec.field(default_factory=dict)
    reason: str = ""
    hint: str | None = None


def decode_answer(line: bytes) -> dict[str, Any]:
    """Read a server's answer.

    Raises:
        ServiceError: With the server's reason when it refused, or when the line is no
            answer.
    """
    try:
        answer = decode_json(line, _Answer)
    except msgspec.DecodeError as error:
        raise ServiceError(
            f"the answer of the node's server cannot be read: {error}"
        ) from None
    if not answer.ok:
        raise ServiceError(answer.reason, hint=answer.hint)
    return answer.result
