"""Before and after the window: `check` and `preflight` of a study's real cluster."""

from typing import Final

import msgspec
import trio
from msgspec.structs import replace
from starlette.responses import Response

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio import looking
from tokenless.phone_emulator.studio.study import MAX_LOOKS, Look
from tokenless.phone_emulator.studio.visit import Page, Visit, attachment

_DEVICE: Final = "SEP001122334455"


def show(visit: Visit) -> Response:
    """Show the looks, and what changed since the one before."""
    study = visit.study()
    looks = study.looks
    number = visit.asked("look")
    at = int(number) if number.isascii() and number.isdigit() else len(looks) - 1
    at = min(at, len(looks) - 1)
    look = looks[at] if looks else None
    changed = None
    if look is not None:
        changed = looking.difference(look, looking.previous(looks, at))
    known = [node.address for node in study.cluster.nodes] if study.cluster else []
    return visit.page(
        "look",
        study,
        look=look,
        at=at,
        changed=changed,
        addresses=", ".join(each for each in known if each),
        device=_DEVICE,
    )


def check(visit: Visit) -> Response:
    """Look at the real cluster."""
    addresses = visit.form.one("addresses").strip()
    if not addresses:
        raise PhoneError("no address was given", hint="name the TFTP nodes")
    device = visit.form.one("device").strip() or _DEVICE
    return _keep(visit, trio.from_thread.run(looking.check, addresses, device))


def preflight(visit: Visit) -> Response:
    """Check the cluster as understood before the ticked change."""
    study = visit.study()
    if study.cluster is None or study.change.kind != "ticked":
        raise PhoneError(
            "no certificate is ticked", hint="tick the change's certificates first"
        )
    return _keep(visit, looking.preflight(study.cluster.script, study.change.units))


def _keep(visit: Visit, look: Look) -> Response:
    visit.change(
        lambda old: replace(old, looks=(*old.looks, look)[-MAX_LOOKS:]),
        f"Looked ({look.kind}): {len(look.findings)} findings.",
    )
    return visit.go_on("look")


def export(visit: Visit) -> Response:
    """Return all looks as JSON."""
    data = msgspec.json.format(msgspec.json.encode(visit.study().looks), indent=1)
    return attachment(data, "looks.json", "application/json")


_LOOK: Final = "/studies/{study}/look"

PAGES: Final = (
    Page(_LOOK, show),
    Page(f"{_LOOK}/check", None, check, _LOOK),
    Page(f"{_LOOK}/preflight", None, preflight, _LOOK),
    Page(f"{_LOOK}.json", export),
)
