"""No decision of product code rests on the words of a sentence.

Reasons, remedies and database errors are values. Their sentences are for people: they
quote names out of foreign files, and a driver writes them in any language.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[1]
RINGS = ("protocol", "services", "phone_emulator")
SENTENCES: Final = frozenset(
    {"reason", "reasons", "message", "hint", "remedy", "advice", "consequence", "why"}
)
"""What variables and attributes are called that hold a sentence."""
SEARCHES: Final = frozenset(
    {"startswith", "endswith", "find", "index", "count", "removeprefix", "partition"}
)
GRAMMARS: Final = {
    # What the vendor's commands print.
    "protocol/show_output/parse.py",
    # Commands as they are typed.
    "phone_emulator/rehearsal/planning/starting_point.py",
    # msgspec gives the path of a key in its message only.
    "services/config/__init__.py",
    # Names of the vendor's certificates.
    "services/tvs/log_lines.py",
}
"""Modules that read texts whose words are fixed."""


def offences(source: str) -> list[str]:
    """Return the places of a module where a sentence is searched for words."""
    tree = ast.parse(source)
    phrases = _phrases(tree)
    held = {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_sentence(node.value, frozenset())
        for name in node.targets
        if isinstance(name, ast.Name)
    }
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.Call)
        and any(
            _is_sentence(hay, frozenset(held)) or _is_phrase(needle, phrases)
            for needle, hay in _searched(node)
        )
    ]


def _searched(node: ast.Compare | ast.Call) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Return what is looked for, and in what."""
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in SEARCHES:
            yield from ((each, function.value) for each in node.args[:1])
        return
    left = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, ast.In | ast.NotIn) and not _is_collection(right):
            yield left, right
        left = right


def _is_collection(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict)


def _is_sentence(node: ast.expr, held: frozenset[str]) -> bool:
    """Whether an expression is called as a sentence is, or is an error's text."""
    for each in ast.walk(node):
        match each:
            case ast.Attribute(attr=name) if name in SENTENCES - {"reasons"}:
                return True
            case ast.Name(id=name) if name in SENTENCES | held and each is node:
                return True
            case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=name)]):
                return name in {"error", "cause", "failure"}
            case ast.Call(
                func=ast.Name(id="str"), args=[ast.Attribute(value=ast.Name(id=name))]
            ):
                return name in {"error", "cause", "failure"}
            case _:
                pass
    return False


def _phrases(tree: ast.Module) -> frozenset[str]:
    """Return the names of constants that hold phrases."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, value = node.target.id, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        else:
            continue
        if value is not None and any(map(_has_words, ast.walk(value))):
            found.add(name)
    return frozenset(found)


def _has_words(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value.split()) > 1
    )


def _is_phrase(node: ast.expr, phrases: frozenset[str]) -> bool:
    return _has_words(node) or (isinstance(node, ast.Name) and node.id in phrases)


MODULES = sorted(
    path for ring in RINGS for path in (ROOT / ring).rglob("*.py") if path.is_file()
)


@pytest.mark.parametrize("ring", RINGS)
def test_no_sentence_is_searched_for_words(ring: str) -> None:
    found = [
        f"{path.relative_to(ROOT)} {each}"
        for path in MODULES
        if path.is_relative_to(ROOT / ring)
        and str(path.relative_to(ROOT)) not in GRAMMARS
        for each in offences(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'if "expired" in refusal.reason: pass',
        "if any(_NOT_USABLE in reason for reason in trouble.reasons): pass",
        'if (file.reason or "").startswith(_OF_THE_FILE): pass',
        "whole = str(error.orig).lower()\nif any(w in whole for w in _AWAY): pass",
        '_BY_HAND = "on each phone by hand"\nremedy_.endswith(_BY_HAND)',
        'if "permission denied" in text: pass',
        'if "gone" not in str(error): pass',
    ],
)
def test_what_is_looked_for_is_found(source: str) -> None:
    assert len(offences(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "if refusal.code in FAULTS_OF_THE_FILE: pass",
        'if name.startswith("."): pass',
        'if ":" in address: pass',
        "raise ServiceError(error.reason, hint=error.hint)",
        "for reason in trouble.reasons: pass",
    ],
)
def test_what_is_right_is_left_alone(source: str) -> None:
    assert offences(source) == []
