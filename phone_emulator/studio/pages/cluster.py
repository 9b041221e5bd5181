"""Page 1, Your cluster: what was given, how it is understood, every guess."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final, Literal

import msgspec
import trio
from msgspec.structs import replace
from starlette.responses import Response

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.script_files import check_script
from tokenless.phone_emulator.studio.archive import GivenSource
from tokenless.phone_emulator.studio.sources import (
    Problem,
    Recognised,
    beside,
    distinct,
    fetch_sources,
    free_name,
    recognise,
)
from tokenless.phone_emulator.studio.study import Corrections, Study, Understood
from tokenless.phone_emulator.studio.understanding import (
    USUAL_MODELS,
    kept_change,
    understand,
)
from tokenless.phone_emulator.studio.visit import Page, Visit
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.release import Release
from tokenless.services.console.sessions import NoticeKind

_PROBLEMS: Final = "problems"
_TYPED: Final = "typed"
_FIELDS: Final = ("paste", "tftp", "device")
_CORRECTIONS: Final = "corrections"
_MOST_PHONES: Final = 100_000
_RESETS: Final[dict[str, Literal["manual", "automatic"]]] = {
    "manual": "manual",
    "automatic": "automatic",
}


def show(visit: Visit) -> Response:
    """Show the cluster as understood."""
    study = visit.study()
    return visit.page(
        "cluster",
        study,
        seen=_mark_of(study),
        problems=visit.draft(_PROBLEMS, None) or _problems_of(visit, study),
        typed=visit.draft(_TYPED, {}),
        corrections=visit.draft(_CORRECTIONS, study.corrections),
        models=sorted(PHONE_MODELS),
        has_phone_interaction=study.cluster is not None
        and Release.parse(study.cluster.version).has_phone_interaction,
        usual=USUAL_MODELS,
    )


def _problems_of(visit: Visit, study: Study) -> list[Problem]:
    """Return why the sources of a study are no cluster, as long as they are none."""
    if study.cluster is not None or not study.sources:
        return []
    found = recognise(visit.studio.archive.sources(visit.study_id))
    problems = list(found.problems)
    _cluster_of(study, found, problems)
    return problems


def give(visit: Visit) -> Response:
    """Take files, a paste, or the addresses of TFTP nodes."""
    form, before = visit.form, visit.study().sources
    typed = {name: form.one(name).replace("\r\n", "\n") for name in _FIELDS}
    # What a person has typed stands there again when it is refused.
    visit.keep_draft(_TYPED, typed)
    # A browser sends a nameless, empty file where none was chosen.
    uploads = [each for each in form.uploads if each.name or each.data]
    given = [GivenSource(each.name, each.data) for each in uploads]
    pasted = free_name("paste.txt", [each.name for each in before])
    if typed["paste"].strip():
        given.append(GivenSource(pasted, typed["paste"].encode()))
    if typed["tftp"].strip():
        given += _fetched(visit, typed["tftp"], typed["device"].strip())
    if not given:
        raise PhoneError(
            "nothing was given",
            hint="drop files, or paste what `show ctl` and `show itl` print",
        )
    given = distinct(given)
    found = recognise(given)
    wrong = {each.source for each in found.problems}
    visit.keep_draft(_TYPED, {"paste": typed["paste"]} if pasted in wrong else {})
    right = [each for each in given if each.name not in wrong]
    kept = beside(before, found.sources, right)
    names = {each.name for each in kept}
    _read_again(
        visit,
        lambda before: [*(each for each in before if each.name not in names), *kept],
        found,
    )
    return visit.go_on("cluster")


def _fetched(visit: Visit, addresses: str, device: str) -> list[GivenSource]:
    given, silent = trio.from_thread.run(fetch_sources, addresses, device)
    if silent:
        words = f"No file came from {', '.join(silent)}."
        visit.say(words, NoticeKind.WARNING)
    return given


def forget(visit: Visit) -> Response:
    """Leave out one source."""
    name = visit.form.one("name")
    _read_again(
        visit,
        lambda before: [each for each in before if each.name != name],
        Recognised(),
    )
    return visit.go_on("cluster")


def _read_again(
    visit: Visit,
    choose: Callable[[list[GivenSource]], list[GivenSource]],
    new: Recognised,
) -> None:
    """Understand the cluster by what is given now."""
    archive, name = visit.studio.archive, visit.study_id
    with visit.studio.reading:
        given = choose(archive.sources(name))
        found = recognise(given)
        problems = [*new.problems, *found.problems]
        cluster = _cluster_of(visit.study(), found, problems)
        archive.replace_sources(name, given)
        _keep(visit, found, cluster)
    visit.keep_draft(_PROBLEMS, problems)
    if problems:
        visit.say(
            f"{len(problems)} of the sources cannot be read; see below.",
            NoticeKind.ERROR,
        )
    elif cluster is None and found.sources:
        visit.say("Give the CTL or an ITL of the cluster, too.", NoticeKind.WARNING)


def _cluster_of(
    study: Study, found: Recognised, problems: list[Problem]
) -> Understood | None:
    """Return the cluster; None, and one problem more, when it cannot be played."""
    try:
        cluster = understand(found, study.corrections, name=study.name)
        if cluster is not None:
            check_script(cluster.script)
            check_lines(cluster.script)
    except PhoneError as error:
        problems.append(Problem("the files together", str(error), error.hint or ""))
        return None
    return cluster


def _keep(visit: Visit, found: Recognised, cluster: Understood | None) -> None:
    sources = tuple(found.sources)
    said: list[str] = []

    def edit(old: Study) -> Study:
        change, lost = kept_change(old.change, cluster)
        said.extend([lost] if lost else [])
        return replace(
            old,
            sources=sources,
            cluster=cluster,
            is_confirmed=False,
            change=change,
            plan=None,
        )

    names = ", ".join(each.name for each in sources) or "none"
    visit.change(edit, f"Sources: {names}.")
    for words in said:
        visit.say(words, NoticeKind.WARNING)


def correct(visit: Visit) -> Response:
    """Take what a person knows better; read the sources again by it."""
    study = visit.study()
    if not study.sources:
        raise PhoneError(
            "this study was opened without the cluster's lists",
            hint="give the lists to correct how they are understood",
        )
    _keep_count(visit, study)
    return _corrected(visit, study, _answers(visit))


def _answers(visit: Visit) -> Corrections:
    form = visit.form
    return Corrections(
        version=form.one("version").strip(),
        serves_tftp=tuple(form.all("tftp-node")),
        members=tuple(_names(form.one("members"))),
        pools=dict(_pools(visit)),
        models=tuple(each for each in form.all("model") if each in PHONE_MODELS),
        phone_interaction=_RESETS.get(form.one("phone-interaction"), ""),
    )


def _corrected(visit: Visit, study: Study, corrections: Corrections) -> Response:
    given = visit.studio.archive.sources(visit.study_id)
    # A wrong answer is refused before it replaces a right one, and stands there again.
    visit.keep_draft(_CORRECTIONS, corrections)
    understand(recognise(given), corrections, name=study.name)
    visit.draft(_CORRECTIONS, None)
    visit.change(lambda old: replace(old, corrections=corrections), "")
    _read_again(visit, lambda before: before, Recognised())
    visit.say(
        "The cluster was read again with your answers. See what is guessed now, then "
        "go on."
    )
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
    """Note that a person has seen every guess; answers not read yet are read first.

    Raises:
        PhoneError: When the cluster is another one than their page showed.
    """
    study = visit.study()
    _known(study)
    if visit.form.one("seen") not in {"", _mark_of(study)}:
        raise PhoneError(
            "the cluster was read again since this page was loaded",
            hint="look at what is guessed now, then go on",
        )
    _keep_count(visit, study)
    if visit.form.one("answers") and study.sources:
        answers = _answers(visit)
        if answers != study.corrections:
            # By them other things are guessed, which nobody has seen.
            return _corrected(visit, study, answers)
    visit.change(
        lambda old: replace(old, is_confirmed=True), "The guesses were confirmed."
    )
    return visit.go_on("change")


def _keep_count(visit: Visit, study: Study) -> None:
    count = _count(visit.form.one("phones").strip(), study.phones)
    if count != study.phones:
        visit.change(lambda old: replace(old, phones=count), "")


def _count(text: str, before: int) -> int:
    """Return how many phones a person wants; as before when they say nothing.

    Raises:
        PhoneError: When it is not a number of phones.
    """
    if not text:
        return before
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST_PHONES:
        return int(text[:9])
    raise PhoneError(
        f"{text[:20]!r} is not a number of phones", hint=f"write 1 to {_MOST_PHONES}"
    )


def _mark_of(study: Study) -> str:
    """Return what tells whether a page showed the cluster as it is understood now."""
    return sha256(msgspec.json.encode(study.cluster)).hexdigest()


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
