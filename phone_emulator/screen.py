"""Trust List screens of the phone, and the frame of all its screens (REFERENCE 4.4).

    Settings > Security Configuration > Trust List > CTL File / ITL File

Each shows the file's checksum, MD5 or SHA-1 by model, and the entries. The drawing is
ours; the vendor's document has photographs of a 7975.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import common_name_of
from tokenless.protocol.codes import role_name
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.models import PhoneModel

_WIDTH: Final = 64
_INSIDE: Final = _WIDTH - 4


def draw(
    device: str,
    model: PhoneModel,
    contents: FlashContents,
    status_lines: Sequence[str],
    *,
    registration: Mapping[str, Any] | None = None,
    security: Sequence[str] = (),
) -> str:
    """Return the screens of a phone as text.

    Args:
        device: The phone's name.
        model: It decides which lists there are and which checksum is shown.
        contents: What the phone holds.
        status_lines: Its status messages, with their times.
        registration: Where it is registered; nothing of it is drawn before it ran.
        security: The lines of its Security Configuration; none: it is not drawn.
    """
    held = {"CTLFile.tlv": contents.ctl, "ITLFile.tlv": contents.itl}
    screens = [f"{device}  {model.name}  {model.load}"]
    if registration:
        screens.append("\n".join(_frame("Phone", list(_idle_lines(registration)))))
    for name in model.trust_lists:
        title = f"Trust List > {name.removesuffix('File.tlv')} File"
        screens.append("\n".join(_frame(title, list_lines(model, held[name]))))
    if security:
        screens.append("\n".join(_frame("Security Configuration", security)))
    screens.append("\n".join(_frame("Status Messages", list(status_lines) or ["-"])))
    return "\n\n".join(screens)


def _idle_lines(registration: Mapping[str, Any]) -> Iterator[str]:
    """Return the lines of the idle screen, and the node that serves the phone.

    A shield marks a server that the phone speaks TLS with, a lock one that it also
    encrypts with.
    """
    node = registration.get("node")
    if node is None:
        failure = registration.get("reason_code")
        if not failure:  # nothing runs: it has unregistered, or its process has ended
            yield "Not registered"
            return
        # A phone that a server refuses says so; one that finds none goes on trying.
        yield "Unprovisioned" if failure == "rejected" else "Registering"
        yield f"reason: {printable(str(failure))}"
        return
    cipher = registration.get("cipher")
    mark = ""
    if cipher:
        mark = "  (shield)" if "NULL" in str(cipher).split("-") else "  (lock)"
    yield f"{printable(str(registration.get('number') or ''))}"
    yield f"Active: {printable(str(node))}{mark}"


def describe(model: PhoneModel, contents: FlashContents) -> dict[str, Any]:
    """Return what the screens show as values, for `phone show --json`."""
    held = {"CTLFile.tlv": contents.ctl, "ITLFile.tlv": contents.itl}
    return {name: _describe_list(held[name]) for name in model.trust_lists}


def summary_of(trust_list: TrustList) -> dict[str, Any]:
    """Return what tells a list from others, for JSON."""
    return {
        "length": len(trust_list.data),
        "md5": trust_list.md5,
        "sha1": trust_list.sha1,
        "signer": printable(trust_list.signer.subject),
        "signer_serial": trust_list.signer.serial_hex,
    }


def _describe_list(data: bytes | None) -> dict[str, Any] | None:
    trust_list = _decode(data)
    if trust_list is None:
        return None
    return {
        **summary_of(trust_list),
        "entries": [
            {
                "function": role_name(record.role),
                "name": _name_of(record),
                "ip_address": record.ip_address,
            }
            for record in trust_list.records
        ],
    }


def list_lines(model: PhoneModel, data: bytes | None) -> list[str]:
    """Return the lines of one list's screen: its checksum, then its entries."""
    if data is None:
        return ["Not Installed"]
    trust_list = _decode(data)
    if trust_list is None:
        return ["Damaged"]
    checksum = trust_list.md5 if model.checksum == "md5" else trust_list.sha1
    return [
        f"{model.checksum.upper():5} {checksum}",
        "",
        *(_entry(record) for record in trust_list.records),
    ]


def _entry(record: Record) -> str:
    where = record.dns_name or record.ip_address or ""
    return f"{role_name(record.role):9} {_name_of(record):30} {printable(where)}"


def _name_of(record: Record) -> str:
    """Return the common name; an emptied record has none."""
    text = record.subject_name
    if text is None:
        return "(no certificate)"
    return printable((common_name_of(text) or text).strip()) or "(unnamed)"


def _decode(data: bytes | None) -> TrustList | None:
    try:
        return None if data is None else TrustList.decode(data)
    except DecodeError:
        return None


def _frame(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"┌─ {title} " + "─" * (_WIDTH - len(title) - 5) + "┐"
    for line in lines:
        for part in _wrapped(line):
            yield f"│ {part:{_INSIDE}} │"
    yield "└" + "─" * (_WIDTH - 2) + "┘"


def _wrapped(line: str) -> Iterator[str]:
    yield line[:_INSIDE]
    for start in range(_INSIDE, len(line), _INSIDE):
        yield line[start : start + _INSIDE]
