"""Device > Phone: find, reset, security profile, CAPF (REFERENCE-5 4.2 to 4.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.certificates import MicGeneration
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    DeviceSecurity,
)
from tokenless.services.changes import devices
from tokenless.services.changes.device_change import (
    KEY_SIZES,
    USUAL_SIZES,
    DeviceChange,
    finish_time,
    parse_finish_time,
)
from tokenless.services.changes.devices import Selection
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.presence import ItlStatus, Presence, read_presences
from tokenless.services.console.edits import edited
from tokenless.services.console.nodes import ask
from tokenless.services.console.sessions import NoticeKind
from tokenless.services.console.texts import text
from tokenless.services.console.visit import Page, Visit
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import ResetPhones
from tokenless.services.store.devices import Device

_LIST: Final = "/ccmadmin/phones"
_ONE: Final = "/ccmadmin/phones/{name}"
_MAX_SHOWN: Final = 500
_MAKERS: Final = {each.authority_name for each in MicGeneration}


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A phone as the list shows it: a device, a registration, or both."""

    name: str
    device: Device | None
    """None for an auto-registered phone."""
    presence: Presence | None
    """None when no node has heard of it."""

    @property
    def itl(self) -> ItlStatus:
        """ITL File Status."""
        return ItlStatus.UNKNOWN if self.presence is None else self.presence.itl

    @property
    def certificate(self) -> str:
        """Return the kind of certificate that CAPF saw last: LSC, MIC, or none."""
        held = None if self.device is None else self.device.certificate
        if held is None:
            return ""
        return "MIC" if held.issuer in _MAKERS else "LSC"


def show_list(visit: Visit) -> Response:
    """Find phones: configured ones, and those that registered by themselves."""
    wanted = visit.asked("text")[:64].strip().upper()
    itl = visit.asked("itl")
    rows = _rows(visit.cluster, wanted)
    if itl in set(ItlStatus):
        rows = [row for row in rows if row.itl == itl]
    return visit.render(
        "phones/list.html",
        rows=rows[:_MAX_SHOWN],
        more=max(0, len(rows) - _MAX_SHOWN),
        count=len(rows),
        text=wanted,
        itl=itl,
        itl_statuses=list(ItlStatus),
        query=str(visit.request.url.query),
    )


def act_on_list(visit: Visit) -> Response:
    """Reset the ticked phones, or all."""
    names = tuple(visit.form.all("phone"))
    is_all = visit.form.one("order") == "reset-all"
    if not names and not is_all:
        raise ServiceError("no phone is ticked", hint="tick some, or reset all")
    if not visit.is_sure:
        question = text("phones.reset-warning", count=len(names))
        if is_all:
            question = text("parameters.reset-warning")
        return visit.ask(question, text("phones.reset"))
    reset_phones(visit, () if is_all else names)
    found = {name: visit.asked(name) for name in ("text", "itl")}
    return visit.go(_LIST, {name: value for name, value in found.items() if value})


def show_one(visit: Visit) -> Response:
    """Show one phone and its security fields."""
    row = _row(visit.cluster, str(visit.part("name")))
    return visit.render(
        "phones/one.html",
        row=row,
        fields={} if row.device is None else _fields(row.device),
        choices=_choices(),
    )


def act_on_one(visit: Visit) -> Response:
    """Save the fields of a phone, or reset it."""
    name = str(visit.part("name"))
    where = f"{_LIST}/{name}"
    order = visit.form.one("order")
    if order == "reset":
        reset_phones(visit, (name,))
        return visit.go(where)
    visit.plan()
    visit.step("phones.saving", name=name)
    if order == "add":
        selection = Selection(names=(name,))
        devices.set_devices(visit.cluster, selection, DeviceChange(), by=visit.by)
    elif not _save(visit, name):
        visit.say("parameters.unchanged", NoticeKind.READY)
        return visit.go(where)
    visit.announce()
    visit.say("phones.saved")
    visit.say("phones.reset-needed", NoticeKind.WARNING)
    return visit.go(where)


def _choices() -> dict[str, list[tuple[int, str]]]:
    """Return the values of each field that has a list, with their words."""
    return {
        "security": [(int(each), each.words) for each in DeviceSecurity],
        "operation": [(int(each), each.words) for each in CapfOperation],
        "auth-mode": [(int(each), each.words) for each in CapfAuthMode],
        "key-order": [
            (int(kind), text(f"phones.key-order.{kind.name.lower()}"))
            for kind in KEY_SIZES
        ],
        **{
            f"{kind.name.lower()}-size": [(size, str(size)) for size in sizes]
            for kind, sizes in KEY_SIZES.items()
        },
    }


def _fields(device: Device) -> dict[str, str]:
    """Return the fields of a phone's form, with their present values."""
    capf = device.capf
    sizes = {f"{kind.name.lower()}-size": usual for kind, usual in USUAL_SIZES.items()}
    sizes[f"{capf.key_type.name.lower()}-size"] = capf.key_size
    return {
        "security": str(int(device.security_mode)),
        "encrypts": "1" if device.encrypts_config else "",
        "operation": str(int(capf.operation)),
        "auth-mode": str(int(capf.auth_mode)),
        "string": capf.string,
        "key-order": str(int(capf.key_type)),
        "finish-by": finish_time(capf.finish_by),
        **{name: str(size) for name, size in sizes.items()},
    }


def _save(visit: Visit, name: str) -> bool:
    """Save the fields that were changed; return whether there is one."""
    device = devices.find_device(visit.cluster, name)
    fields = edited(visit.form, _fields(device), "phones.")
    change = _change(device, fields, visit.cluster.clock())
    # A phone keeps the size of one key type: that of the other is not saved.
    is_change = change != DeviceChange()
    if is_change:
        selection = Selection(names=(name,))
        devices.set_devices(visit.cluster, selection, change, by=visit.by)
    return is_change


def _change(device: Device, fields: Mapping[str, str], now: float) -> DeviceChange:
    try:
        given = {
            name: int(value)
            for name, value in fields.items()
            if name not in {"string", "finish-by", "encrypts"}
        }
        kind = KeyType(given.get("key-order", int(device.capf.key_type)))
        order = given.get("operation")
        security, auth = given.get("security"), given.get("auth-mode")
        change = DeviceChange(
            security_mode=None if security is None else DeviceSecurity(security),
            operation=None if order is None else CapfOperation(order),
            auth_mode=None if auth is None else CapfAuthMode(auth),
            key_type=kind if "key-order" in given else None,
            key_size=given.get(f"{kind.name.lower()}-size"),
        )
    except ValueError:
        raise ServiceError(
            "the form has a value that no field has", hint="load the page again"
        ) from None
    if "encrypts" in fields:
        change = replace(change, encrypts_config=bool(fields["encrypts"]))
    if "finish-by" in fields:
        change = _until(device, change, fields["finish-by"])
    elif change.operation is not None and device.capf.finish_by > now:
        # The page showed this time next to the operation.
        change = replace(change, finish_by=device.capf.finish_by)
    return replace(change, string=fields.get("string"))


def _until(device: Device, change: DeviceChange, typed: str) -> DeviceChange:
    """Return a change with another end of its operation, or of the pending one.

    Raises:
        ServiceError: When no operation was chosen, or the text is not a time.
    """
    held = device.capf.operation
    operation = held if change.operation is None else change.operation
    if operation is CapfOperation.NONE and typed:
        raise ServiceError(
            "no Certificate Operation is pending, so none has an end",
            hint="choose one, or leave Operation Completes By empty",
        )
    at = parse_finish_time(typed) if typed else None
    return replace(change, operation=operation, finish_by=at)


def reset_phones(visit: Visit, names: tuple[str, ...]) -> None:
    """Reset registered phones, all when none is named; say how many."""
    done = 0
    parts = _parts(names)
    visit.plan(len(visit.cluster.nodes) * len(parts), delivers=False)
    for node in visit.cluster.nodes:
        try:
            for part in parts:
                visit.step("phones.resetting", node=node.name)
                done += ask(node, ResetPhones(devices=part))["reset"]
        except ServiceError as error:
            visit.session.notify(NoticeKind.WARNING, error.explain())
    kind = NoticeKind.SUCCESS if done else NoticeKind.WARNING
    visit.say("phones.reset-done", kind, count=done)
    if done < len(names):
        visit.say("phones.reset-missing", NoticeKind.WARNING, count=len(names) - done)


def _parts(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return names in parts that fit a request to a node."""
    size = 100
    return [names[at : at + size] for at in range(0, len(names), size)] or [()]


def _rows(cluster: Cluster, wanted: str) -> list[PhoneRow]:
    known = {device.name: device for device in devices.list_devices(cluster)}
    present = read_presences(cluster)
    names = sorted(name for name in known.keys() | present.keys() if wanted in name)
    return [PhoneRow(name, known.get(name), present.get(name)) for name in names]


def _row(cluster: Cluster, name: str) -> PhoneRow:
    for row in _rows(cluster, name.upper()):
        if row.name == name.upper():
            return row
    raise ServiceError(
        f"no phone {name} is configured or registered", hint="see the list of phones"
    )


PAGES: Final = (
    Page(_LIST, show_list, act_on_list, back=_LIST),
    Page(_ONE, show_one, act_on_one, back=_ONE),
)
