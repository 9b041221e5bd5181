"""A study as one file: written for a colleague, read as untrusted.

The file holds no keys: a rehearsal makes its own. Names can be replaced, everywhere at
once, so that a study tells nothing of whose cluster it is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
from msgspec.structs import replace

from tokenless.ground.json_input import decode_json
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.phones import MAX_KINDS
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.line_forms import FORMS
from tokenless.phone_emulator.rehearsal.scripts.script import MAX_PHONES, Script
from tokenless.phone_emulator.rehearsal.scripts.script_files import check_script
from tokenless.phone_emulator.studio.orders import digest_of, orders_of, script_for
from tokenless.phone_emulator.studio.study import (
    MAX_STUDY_BYTES,
    Change,
    Runbook,
    RunSubject,
    Study,
    Understood,
)
from tokenless.protocol.errors import TokenlessError

MAX_LINES: Final = 2000
MAX_NODES: Final = 21
_COLUMNS: Final = 8
"""A runbook's table has more: what is shown of it is known to be there."""
_ADDRESS: Final = "127.9.9.{}"
_FIRST: Final = 10
_LEAST: Final = 2
"""Shorter names stand in too many words to be replaced."""
_KEPT: Final = frozenset({"default", "mixed-mode", "non-secure-mode", "all", "cisco"})
_PROSE: Final = frozenset({"runbook", "plan"})
"""Their sentences are the program's own."""
_NEVER: Final = r"(?!)"
_OTHER: Final = "give the file that `Share` of a studio has written"


def write_study(study: Study, *, is_anonymous: bool) -> bytes:
    """Return a study's file.

    Args:
        study: With its runs.
        is_anonymous: Whether names and addresses are replaced.

    Raises:
        PhoneError: When a name cannot be replaced, or the file would be too long.
    """
    if study.cluster is None:
        study = replace(study, change=Change(), plan=None)
    if is_anonymous:
        study = anonymous(study)
    data = msgspec.json.format(msgspec.json.encode(study), indent=1)
    if len(data) > MAX_STUDY_BYTES:
        raise PhoneError(
            f"the study's file would have over {MAX_STUDY_BYTES} bytes",
            hint="share it without its runs",
        )
    return data


def read_study(data: bytes) -> Study:
    """Read a study's file; nothing of it is believed unchecked.

    Raises:
        PhoneError: When it is none, is too long, or has something that cannot be
            played.
    """
    if len(data) > MAX_STUDY_BYTES:
        raise PhoneError(f"a study has at most {MAX_STUDY_BYTES} bytes", hint=_OTHER)
    try:
        study = decode_json(data, Study)
    except msgspec.DecodeError as error:
        raise PhoneError(f"this is not a study: {error}", hint=_OTHER) from None
    for run in study.runs:
        _check([run.subject.script])
        _check_table(run.subject.runbook)
    if study.plan is not None:
        _check_table(study.plan.runbook)
    if study.cluster is not None:
        _check_shown(study.cluster)
        _check(_played(study, study.cluster.script))
    elif study.change.kind != "none" or study.plan is not None:
        raise PhoneError("this is not a study: it has a change and no cluster")
    # The person who opens it has confirmed nothing yet.
    return replace(study, is_confirmed=False, is_guided=False)


def _check_shown(cluster: Understood) -> None:
    """Refuse a cluster that pages would show as another than the one that is played."""
    script = cluster.script
    nodes = script.cluster.get("nodes")
    shown = [node.name for node in cluster.nodes]
    played = shown if nodes is None else [str(each.get("name")) for each in nodes]
    if not shown or shown != played or script.release not in (None, cluster.version):
        raise PhoneError("this study shows another cluster than it plays", hint=_OTHER)


def _played(study: Study, base: Script) -> Iterator[Script]:
    yield base
    for order in orders_of(study):
        yield script_for(study, order)


def _check(scripts: Iterable[Script]) -> None:
    try:
        for script in scripts:
            _check_sizes(script)
            check_script(script)
            check_lines(script)
    except (TokenlessError, ValueError, TypeError, RecursionError) as error:
        hint = error.hint if isinstance(error, TokenlessError) else None
        raise PhoneError(f"this study cannot be played: {error}", hint=hint) from None


def _check_table(book: Runbook | None) -> None:
    if book is None:
        return
    wide = len(book.columns)
    if wide < _COLUMNS or any(len(row) != wide for row in book.rows):
        raise PhoneError(
            "this study cannot be shown: its runbook has other columns",
            hint="let its plan be made again, by a studio of this version",
        )


def _check_sizes(script: Script) -> None:
    phones = sum(group.count or 1 for group in script.groups)
    lines = sum(len(step.run) + 1 for step in script.steps)
    nodes = script.cluster.get("nodes", ())
    count = len(nodes) if isinstance(nodes, list | tuple) else 0
    for what, found, most in (
        ("phones", phones, MAX_PHONES),
        ("groups of phones", len(script.groups), MAX_KINDS),
        ("lines", lines, MAX_LINES),
        ("nodes", count, MAX_NODES),
    ):
        if found > most:
            raise PhoneError(f"it has {found} {what}", hint=f"at most {most}")


def anonymous(study: Study) -> Study:
    """Return a study in which every name and address is another one.

    Raises:
        PhoneError: When a name is also a word of the commands.
    """
    names = dict(_names(study))
    reserved = {word for form in FORMS for word in form.synopsis.words} | {"utils"}
    clash = sorted(name for name in names if name in reserved)
    if clash:
        raise PhoneError(
            f"the name {clash[0]} is a word of the commands, too",
            hint="share the study without replacing names",
        )
    hiding = _Hiding.of(names, dict(_subject(study)))
    plain: Any = msgspec.to_builtins(_without_certificates(study))
    done = hiding.hide(plain)
    done["name"] = "Study"
    return _with_digests(read_study(msgspec.json.encode(done)))


def _without_certificates(study: Study) -> Study:
    """Leave out what only a preflight looks at: serial numbers lead to an owner."""
    cluster = study.cluster
    if cluster is not None:
        script = replace(cluster.script, certificates=(), name="study")
        cluster = replace(cluster, script=script)
    runs = tuple(replace(run, subject=_bare(run.subject)) for run in study.runs)
    return replace(study, cluster=cluster, sources=(), looks=(), history=(), runs=runs)


def _bare(subject: RunSubject) -> RunSubject:
    script = replace(subject.script, certificates=(), name="study")
    return replace(subject, script=script, sources=())


def _with_digests(study: Study) -> Study:
    """Return a study whose runs are known by their scripts, as these are now."""
    runs = (replace(r, digest=digest_of(r.subject.script)) for r in study.runs)
    return replace(study, runs=tuple(runs))


def _names(study: Study) -> Iterator[tuple[str, str]]:
    """Yield each name, in lower case, with what stands for it."""
    cluster = study.cluster
    if cluster is None:
        return
    settings = cluster.script.cluster
    nodes = settings.get("nodes", ())
    addresses = {each["name"]: each["address"] for each in nodes}
    found: list[tuple[str, str]] = []
    for number, node in enumerate(cluster.nodes, 1):
        address = _ADDRESS.format(_FIRST + number)
        found.append((node.name, f"node-{number}"))
        real = (node.address, addresses.get(node.name))
        found += [(each, address) for each in real if each]
    found += [(pool, f"pool-{n}") for n, pool in enumerate(cluster.pools, 1)]
    found += [(each.group, f"group-{n}") for n, each in enumerate(cluster.phones, 1)]
    found.append((cluster.group, "cm-group"))
    section = settings.get("cluster", {})
    found += [
        (str(section.get("domain", "")), "example.test"),
        (str(section.get("capf", "")), "CAPF-1"),
    ]
    found.append((study.name, "study"))
    for name, other in found:
        if len(name) >= _LEAST and name.casefold() not in _KEPT:
            yield name.casefold(), other


def _subject(study: Study) -> Iterator[tuple[str, str]]:
    """Yield each attribute of the certificates' subject, with what stands for it."""
    settings = {} if study.cluster is None else study.cluster.script.cluster
    subject = settings.get("certificates", {}).get("subject", {})
    for key, value in subject.items():
        word = str(value)
        if key != "country" and len(word) >= _LEAST and word.casefold() not in _KEPT:
            yield word, f"{key}-1"


@dataclass(frozen=True, slots=True)
class _Hiding:
    """What is replaced: names as words, an organisation's also as they are written.

    An organisation is called IT, or Security: in the sentences of a runbook these are
    words, and only `OU=IT` is the name.
    """

    names: Mapping[str, str]
    subject: Mapping[str, str]
    words: re.Pattern[str]
    attributes: re.Pattern[str]
    written: re.Pattern[str]

    @classmethod
    def of(cls, names: Mapping[str, str], subject: Mapping[str, str]) -> Self:
        """Return what hides these, by names in lower case and attributes."""
        words = "|".join(rf"(?<![^\W_]){each}(?![^\W_])" for each in _longest(names))
        values = f"(?:{'|'.join(_longest(subject))})" if subject else _NEVER
        return cls(
            names,
            subject,
            re.compile(words or _NEVER, re.IGNORECASE),
            re.compile(
                rf"(?:(?<==)|\A)(?:{values})(?=[^\w ]|\Z)" if values else _NEVER
            ),
            re.compile(rf"(?<![^\W_])(?:{values})(?![^\W_])" if values else _NEVER),
        )

    def hide(self, value: Any, *, is_prose: bool = False) -> Any:  # noqa: ANN401
        """Return a value of JSON in which everything is replaced."""
        match value:
            case str():
                pattern = self.attributes if is_prose else self.written
                value = pattern.sub(lambda found: self.subject[found[0]], value)
                return self.words.sub(lambda f: self.names[f[0].casefold()], value)
            case dict():
                return {
                    self.hide(key): self.hide(each, is_prose=is_prose or key in _PROSE)
                    for key, each in value.items()
                }
            case list() | tuple():
                return [self.hide(each, is_prose=is_prose) for each in value]
            case _:
                return value


def _longest(names: Iterable[str]) -> list[str]:
    return [re.escape(each) for each in sorted(names, key=len, reverse=True)]
