"""Page 1, Your cluster: what was given, how it is understood, every guess."""

from collections.abc import Iterator
from typing import Final

import trio
from msgspec.structs import replace
from starlette.responses import Response

from tokenless.phone_emulator.addresses import (
    DEFAULT_TFTP_PORT,
    parse_device,
    parse_servers,
)
from tokenless.phone_emulator.check.observing.observe import Patience, fetch_nodes
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.script import check_script
from tokenless.phone_emulator.studio.archive import GivenSource
from tokenless.phone_emulator.studio.sources import Problem, Recognised, recognise
from tokenless.phone_emulator.studio.study import (
    Change,
    Corrections,
    Study,
    Understood,
)
from tokenless.phone_emulator.studio.understanding import understand
from tokenless.phone_emulator.studio.visit import Page, Visit
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.trust.verdicts import FileKind
from tokenless.services.console.sessions import NoticeKind

_DEVICE: Final = "SEP001122334455"
_PROBLEMS: Final = "problems"
_MOST_POOLS: Final = 40


def show(visit: Visit) -> Response:
    """Show the cluster as understood."""
    study = visit.study()
    problems = visit.session.drafts.pop(f"{_PROBLEMS} {visit.study_id}", [])
    return visit.page(
        "cluster", study, problems=problems, models=list(PHONE_MODELS), most=_MOST_POOLS
    )


def give(visit: Visit) -> Response:
    """Take files, a paste, or the addresses of TFTP nodes."""
    form = visit.form
    given = [GivenSource(each.name, each.data) for each in form.uploads if each.data]
    if form.one("paste").strip():
        number = len(visit.studio.archive.sources(visit.study_id)) + len(given) + 1
        given.append(GivenSource(f"paste-{number}.txt", form.one("paste").encode()))
    if form.one("tftp").strip():
        given += _fetched(form.one("tftp"), form.one("device").strip() or _DEVICE)
    if not given:
        raise PhoneError("nothing was given", hint="drop files, or paste an output")
    found = recognise(given)
    wrong = {each.source for each in found.problems}
    kept = [each for each in given if each.name not in wrong]
    before = visit.studio.archive.sources(visit.study_id)
    names = {each.name for each in kept}
    _read_again(
        visit, [*(each for each in before if each.name not in names), *kept], found
    )
    return visit.go_on("cluster")


def _fetched(text: str, device: str) -> list[GivenSource]:
    """Fetch lists and a configuration of TFTP nodes, as a phone does.

    Raises:
        PhoneError: When no node answers.
    """
    servers = parse_servers(text, default_port=DEFAULT_TFTP_PORT)
    nodes = trio.from_thread.run(fetch_nodes, servers, parse_device(device), Patience())
    given = []
    for node in nodes:
        for kind in FileKind:
            data = node.find(kind)
            if isinstance(data, bytes) and data:
                ending = ".cnf.xml" if kind is FileKind.CONFIGURATION else ".tlv"
                base = kind.value.removesuffix(".tlv")
                name = f"{base}-{node.server.address}{ending}"
                given.append(GivenSource(name, data))
    if not given:
        raise PhoneError(
            f"no TFTP node answered: {', '.join(map(str, servers))}",
            hint="check address and port; the lab listens on 6969: add :6969",
        )
    return given


def forget(visit: Visit) -> Response:
    """Leave out one source, or all."""
    name = visit.form.one("name")
    before = visit.studio.archive.sources(visit.study_id)
    kept = [each for each in before if name and each.name != name]
    _read_again(visit, kept, Recognised())
    return visit.go_on("cluster")


def _read_again(visit: Visit, given: list[GivenSource], new: Recognised) -> None:
    """Understand the cluster by what is given now."""
    found = recognise(given)
    problems = [*new.problems, *found.problems]
    study = visit.study()
    cluster: Understood | None = None
    try:
        cluster = understand(found, study.corrections, name=study.name)
        if cluster is not None:
            check_script(cluster.script)
            check_lines(cluster.script)
    except PhoneError as error:
        problems.append(Problem("the files together", str(error), error.hint or ""))
    visit.studio.archive.replace_sources(visit.study_id, given)
    sources = tuple(found.sources)
    visit.change(
        lambda old: replace(
            old,
            sources=sources,
            cluster=cluster,
            is_confirmed=False,
            change=Change(),
            plan=None,
        ),
        f"Sources: {', '.join(each.name for each in sources) or 'none'}.",
    )
    visit.session.drafts[f"{_PROBLEMS} {visit.study_id}"] = problems
    if problems:
        visit.say(f"{len(problems)} could not be read; see below.", NoticeKind.ERROR)
    elif cluster is None and sources:
        visit.say("Give the CTL or an ITL of the cluster, too.", NoticeKind.WARNING)


def correct(visit: Visit) -> Response:
    """Take what a person knows better; read the sources again by it."""
    form = visit.form
    study = visit.study()
    if not study.sources:
        raise PhoneError(
            "this study was opened without the cluster's lists",
            hint="give the lists to correct how they are understood",
        )
    corrections = Corrections(
        version=form.one("version").strip(),
        serves_tftp=tuple(form.all("tftp-node")),
        members=tuple(_names(form.one("members"))),
        pools=dict(_pools(visit)),
        models=tuple(each for each in form.all("model") if each in PHONE_MODELS),
    )
    given = visit.studio.archive.sources(visit.study_id)
    # A wrong answer is refused before it replaces a right one.
    understand(recognise(given), corrections, name=study.name)
    visit.change(lambda old: replace(old, corrections=corrections), "")
    _read_again(visit, given, Recognised())
    visit.say("The cluster was read again with your answers.")
    return visit.go_on("cluster")


def _pools(visit: Visit) -> Iterator[tuple[str, tuple[str, ...]]]:
    names = visit.form.all("pool")
    members = visit.form.all("pool-members")
    for name, text in zip(names, members, strict=False):
        if text.strip():
            yield name, tuple(_names(text))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def confirm(visit: Visit) -> Response:
    """Note that a person has seen every guess."""
    _known(visit.study())
    phones = visit.form.one("phones").strip()
    count = int(phones) if phones.isascii() and phones.isdigit() else 20

    def edit(old: Study) -> Study:
        return replace(old, is_confirmed=True, phones=max(1, min(count, 100_000)))

    visit.change(edit, "The guesses were confirmed.")
    return visit.go_on("change")


def _known(study: Study) -> Understood:
    if study.cluster is None:
        raise PhoneError("there is no cluster yet", hint="give its lists first")
    return study.cluster


_CLUSTER: Final = "/studies/{study}/cluster"

PAGES: Final = (
    Page(_CLUSTER, show),
    Page(f"{_CLUSTER}/give", None, give, _CLUSTER),
    Page(f"{_CLUSTER}/forget", None, forget, _CLUSTER),
    Page(f"{_CLUSTER}/correct", None, correct, _CLUSTER),
    Page(f"{_CLUSTER}/confirm", None, confirm, _CLUSTER),
)
