"""Before and after the window: `check` and `preflight` of a study's real cluster."""

import csv
import io
from typing import Final

import msgspec
import trio
from msgspec.structs import astuple, replace
from starlette.responses import Response

from tokenless.ground.counting import counted
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio import looking
from tokenless.phone_emulator.studio.archive import GivenSource
from tokenless.phone_emulator.studio.sources import DEVICE, fetch_sources, recognise
from tokenless.phone_emulator.studio.study import MAX_LOOKS, Look, Study, Understood
from tokenless.phone_emulator.studio.understanding import understand
from tokenless.phone_emulator.studio.visit import Page, Visit, attachment
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.decimal_text import read_decimal
from tokenless.services.console.sessions import NoticeKind

_COLUMNS: Final = (
    *("at", "kind", "about"),
    *("severity", "code", "where", "message", "consequence", "advice"),
)
_TYPED: Final = "addresses"
CHOICES: Final = {
    "key-size": ("1024", "2048", "3072", "4096"),
    "tls-minimum": ("1.0", "1.1", "1.2", "1.3"),
    "rollback": ("F", "T"),
}
"""Values of the fields of a preflight."""


def show(visit: Visit) -> Response:
    """Show the looks, and what changed since the one before."""
    study = visit.study()
    looks = study.looks
    number = visit.asked("look")
    at = read_decimal(number, len(looks)) if number else None
    at = len(looks) - 1 if at is None else min(at, len(looks) - 1)
    look = looks[at] if looks else None
    changed = None
    if look is not None:
        changed = looking.difference(look, looking.previous(looks, at))
    known = [node.address for node in study.cluster.nodes] if study.cluster else []
    checked = [each.about for each in looks if each.kind == "check"][-1:]
    return visit.page(
        "look",
        study,
        look=look,
        at=at,
        changed=changed,
        addresses=visit.draft(_TYPED, "")
        or ", ".join(checked or [each for each in known if each]),
        choices=CHOICES,
        device=DEVICE,
    )


def check(visit: Visit) -> Response:
    """Look at the real cluster."""
    addresses = visit.form.one("addresses").strip()
    visit.keep_draft(_TYPED, addresses)
    if not addresses:
        raise PhoneError("no address was given", hint="name the TFTP nodes")
    device = visit.form.one("device").strip() or DEVICE
    return _keep(visit, trio.from_thread.run(looking.check, addresses, device))


def preflight(visit: Visit) -> Response:
    """Check the cluster before the ticked change, by its files of now if named."""
    study = visit.study()
    if study.cluster is None or study.change.kind != "ticked":
        raise PhoneError(
            "no certificate is ticked", hint="tick the change's certificates first"
        )
    script, units = study.cluster.script, study.change.units
    addresses = visit.form.one("addresses").strip()
    visit.keep_draft(_TYPED, addresses)
    if not addresses:
        return _keep(visit, looking.preflight(script, units, _plans(visit)))
    now = _cluster_now(visit, study, addresses)
    look = looking.preflight(now.script, units, _plans(visit), of=addresses)
    return _keep(visit, look)


def _cluster_now(visit: Visit, study: Study, addresses: str) -> Understood:
    """Understand the cluster by the lists that its nodes serve now.

    Raises:
        PhoneError: When no node answers, or its lists cannot be understood.
    """
    device = visit.form.one("device").strip()
    fetched, silent = trio.from_thread.run(fetch_sources, addresses, device)
    if silent:
        words = f"No file came from {', '.join(silent)}."
        visit.say(words, NoticeKind.WARNING)
    found, known = recognise(fetched), recognise(_others(visit))
    for problem in found.problems:
        raise PhoneError(f"{problem.source}: {problem.reason}", hint=problem.hint)
    found.phones, found.in_use = known.phones, known.in_use
    found.config = found.config or known.config
    cluster = understand(found, study.corrections, name=study.name)
    if cluster is None:
        raise PhoneError("no node serves a CTL or ITL", hint="check the addresses")
    return cluster


def _others(visit: Visit) -> list[GivenSource]:
    return visit.studio.archive.sources(visit.study_id)


def _plans(visit: Visit) -> looking.WindowChanges:
    form = visit.form
    chosen = {
        name: form.one(name)
        for name, values in CHOICES.items()
        if form.one(name) in values
    }
    return looking.WindowChanges(
        target=form.one("target").strip()[:40],
        key_bits=int(chosen.get("key-size", "2048")),
        tls_minimum=chosen.get("tls-minimum", ""),
        rollback=chosen.get("rollback", ""),
        sha512=form.one("sha512") == "yes",
        ecdsa_only=form.one("ecdsa-only") == "yes",
    )


def _keep(visit: Visit, look: Look) -> Response:
    visit.change(
        lambda old: replace(old, looks=(*old.looks, look)[-MAX_LOOKS:]),
        f"Looked ({look.kind}): {counted(len(look.findings), 'finding')}.",
    )
    return visit.go_on("look")


def export(visit: Visit) -> Response:
    """Return all looks as JSON."""
    data = msgspec.json.format(msgspec.json.encode(visit.study().looks), indent=1)
    return attachment(data, "looks.json", "application/json")


def table(visit: Visit) -> Response:
    """Return all findings as one table, for a spreadsheet."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(_COLUMNS)
    for look in visit.study().looks:
        for each in look.findings:
            cells = (look.at.isoformat(), look.kind, look.about, *astuple(each))
            rows.writerow(map(_cell, cells))
    return attachment(out.getvalue(), "looks.csv", "text/csv; charset=utf-8")


def _cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    plain = printable(text)
    return f"'{plain}" if plain[:1] in tuple("=+-@") else plain


_LOOK: Final = "/studies/{study}/look"

PAGES: Final = (
    Page(_LOOK, show),
    Page(f"{_LOOK}/check", None, check, _LOOK),
    Page(f"{_LOOK}/preflight", None, preflight, _LOOK),
    Page(f"{_LOOK}.json", export),
    Page(f"{_LOOK}.csv", table),
)
