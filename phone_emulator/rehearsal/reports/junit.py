"""Rehearsals and explorations as JUnit XML, which CI servers show like tests.

A rehearsal is a suite and each step a test; an exploration is a suite and each run of
it a test. What is said of a failure is what the other reports say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from tokenless.phone_emulator.rehearsal.explore.exploration import Exploration
from tokenless.phone_emulator.rehearsal.explore.runs import RunResult
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.reports.exploration import (
    loss_words,
    recovery_lines,
)
from tokenless.phone_emulator.rehearsal.reports.verdict import step_verdicts
from tokenless.protocol.certificates.name_text import printable

_FAILURE, _ERROR, _SKIPPED = "failure", "error", "skipped"
_COUNTED: Final = {"failures": _FAILURE, "errors": _ERROR, "skipped": _SKIPPED}


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    seconds: float = 0.0
    kind: str | None = None
    """`failure`, `error` or `skipped`; None: it passed."""
    lines: tuple[str, ...] = ()
    """The reasons; the first one leads."""


def rehearsals_junit(results: Sequence[Played]) -> str:
    """Return the document of rehearsals that were played."""
    suites = [(each.script.name, list(_steps(each))) for each in results]
    return _document(suites)


def exploration_junit(found: Exploration) -> str:
    """Return the document of an exploration, the costliest runs first."""
    runs = (found.baseline, *found.singles, *found.pairs)
    cases = [_run(each) for each in runs]
    if found.left_out:
        why = ("the exploration was ended before",)
        cases.append(_Case(f"{found.left_out} more runs", kind=_SKIPPED, lines=why))
    return _document([(found.script.name, cases)])


def _steps(played: Played) -> Iterator[_Case]:
    for step in played.steps:
        name = f"{step.number}. {step.step.title}"
        if step.ok:
            yield _Case(name, step.seconds)
            continue
        said = (
            *step.differences,
            *step.unforeseen,
            *(str(each) for each in step_verdicts(step)),
        )
        yield _Case(name, step.seconds, _FAILURE, said)
    for number in range(len(played.steps), len(played.script.steps)):
        name = f"{number + 1}. {played.script.steps[number].title}"
        yield _Case(name, kind=_SKIPPED, lines=("it was not played",))


def _run(run: RunResult) -> _Case:
    name = f"{run.name}: {'; '.join(run.words)}"
    if run.failure is not None:
        return _Case(name, run.seconds, _ERROR, (run.failure,))
    if not any(run.end.weight):
        return _Case(name, run.seconds)
    lost = f"at the end: {loss_words(run.end, run.phones)}"
    return _Case(name, run.seconds, _FAILURE, (lost, *recovery_lines(run)))


def _document(suites: Sequence[tuple[str, Sequence[_Case]]]) -> str:
    root = ET.Element("testsuites", name="tokenless")
    for name, cases in suites:
        counts = {
            title: str(sum(each.kind == kind for each in cases))
            for title, kind in _COUNTED.items()
        }
        seconds = f"{sum(each.seconds for each in cases):.3f}"
        suite = ET.SubElement(
            root,
            "testsuite",
            {
                "name": printable(name),
                "tests": str(len(cases)),
                "time": seconds,
                **counts,
            },
        )
        for case in cases:
            _add(suite, name, case)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add(suite: ET.Element, name: str, case: _Case) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": printable(name),
            "name": printable(case.name),
            "time": f"{case.seconds:.3f}",
        },
    )
    if case.kind is not None:
        lines = [printable(line) for line in case.lines]
        told = ET.SubElement(element, case.kind, message=lines[0] if lines else "")
        told.text = "\n".join(lines)
