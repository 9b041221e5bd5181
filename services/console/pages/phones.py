"""Device > Phone: find, reset, security profile, CAPF (REFERENCE-5 4.2 to 4.5)."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.certificates import MicGeneration
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    DeviceSecurity,
)
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.services.changes import devices
from tokenless.services.changes.device_change import (
    KEY_SIZES,
    DeviceChange,
    finish_time,
    parse_finish_time,
)
from tokenless.services.changes.devices import Selection
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.presence import ItlStatus, Presence, read_presences
from tokenless.services.console.nodes import ask
from tokenless.services.console.sessions import NoticeKind
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
    reset_phones(visit, () if is_all else names)
    found = {name: visit.asked(name) for name in ("text", "itl")}
    return visit.go(_LIST, {name: value for name, value in found.items() if value})


def show_one(visit: Visit) -> Response:
    """Show one phone and its security fields."""
    row = _row(visit.cluster, str(visit.part("name")))
    return visit.render(
        "phones/one.html",
        row=row,
        models=sorted(PHONE_MODELS),
        securities=list(DeviceSecurity),
        operations=list(CapfOperation),
        auth_modes=list(CapfAuthMode),
        key_sizes=sorted({size for sizes in KEY_SIZES.values() for size in sizes}),
        key_types=list(KEY_SIZES),
        finish_time=finish_time,
    )


def act_on_one(visit: Visit) -> Response:
    """Save the fields of a phone, or reset it."""
    name = str(visit.part("name"))
    where = f"{_LIST}/{name}"
    order = visit.form.one("order")
    if order == "reset":
        reset_phones(visit, (name,))
        return visit.go(where)
    change = _change(visit) if order == "save" else DeviceChange()
    visit.plan()
    visit.step("phones.saving", name=name)
    devices.set_devices(visit.cluster, Selection(names=(name,)), change, by=visit.by)
    visit.announce()
    visit.say("phones.saved")
    visit.say("phones.reset-needed", NoticeKind.WARNING)
    return visit.go(where)


def _change(visit: Visit) -> DeviceChange:
    form = visit.form
    until = form.one("finish-by").strip()
    try:
        operation = CapfOperation(int(form.one("operation")))
        return DeviceChange(
            security_mode=DeviceSecurity(int(form.one("security"))),
            encrypts_config=bool(form.one("encrypts")),
            operation=operation,
            auth_mode=CapfAuthMode(int(form.one("auth-mode"))),
            string=form.one("string") or None,
            key_type=KeyType(int(form.one("key-order"))),
            key_size=int(form.one("key-size")),
            finish_by=parse_finish_time(until) if until else None,
        )
    except ValueError:
        raise ServiceError(
            "the form has a value that no field has", hint="load the page again"
        ) from None


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
    visit.say("phones.reset-done", count=done)
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
