"""The compiled rooms have nothing that mypyc understands otherwise than Python."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tokenless.phone_emulator.secd.record import RecordedStep
from tools import compiled


@pytest.mark.parametrize("module", compiled.MODULES)
def test_one_name_stands_for_one_kind_of_error(module: str) -> None:
    # mypyc gives a variable the type of its first use: under a second `except` with
    # the same name any other error becomes a TypeError, which nobody catches.
    assert list(_names_of_two_errors((compiled.SOURCES / module).read_text())) == []


def test_such_a_name_is_found() -> None:
    body = "def f():\n try: pass\n except {} as e: pass\n except KeyError as e: pass\n"
    assert list(_names_of_two_errors(body.format("OSError"))) == ["f: e"]
    assert not list(_names_of_two_errors(body.format("KeyError")))


@pytest.mark.parametrize("module", compiled.MODULES)
def test_no_other_module_inherits_from_a_compiled_class(module: str) -> None:
    # mypyc's classes cannot be extended in Python. Exceptions are no such classes.
    own = set(_classes((compiled.SOURCES / module).read_text()))
    name = module.removesuffix(".py").replace("/", ".")
    heirs = [
        f"{path}: {heir}"
        for path, text in _sources_that_import(name)
        for heir, bases in _classes(text).items()
        if own & bases and str(path) not in compiled.MODULES
    ]
    assert heirs == []


def test_no_record_is_read_by_the_types_of_a_compiled_class() -> None:
    # mypyc keeps `type` for each field that has more than one type.
    compiled_modules = {
        module.removesuffix(".py").replace("/", ".") for module in compiled.MODULES
    }
    read = {
        each.cls.__module__
        for each in _read_types(msgspec.inspect.type_info(RecordedStep))
    }
    assert "tokenless.protocol.tvs.answers" in read
    assert not read & compiled_modules


def test_nothing_is_compiled_where_it_is_not_asked_for() -> None:
    command = [sys.executable, "-m", "tools.compiled", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--remove" in done.stdout


def _read_types(
    kind: msgspec.inspect.Type,
) -> Iterator[msgspec.inspect.StructType | msgspec.inspect.DataclassType]:
    """Yield the classes with fields that a type is made of."""
    if isinstance(kind, msgspec.inspect.UnionType):
        for each in kind.types:
            yield from _read_types(each)
    elif isinstance(kind, msgspec.inspect.StructType | msgspec.inspect.DataclassType):
        yield kind
        for field in kind.fields:
            yield from _read_types(field.type)


def _names_of_two_errors(source: str) -> Iterator[str]:
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        kinds = defaultdict(set)
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler) and node.name and node.type:
                kinds[node.name].add(ast.unparse(node.type))
        yield from (
            f"{function.name}: {n}" for n, all_ in kinds.items() if len(all_) > 1
        )


def _classes(source: str) -> dict[str, set[str]]:
    return {
        node.name: {ast.unparse(base).partition("[")[0] for base in node.bases}
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    }


def _sources_that_import(name: str) -> Iterator[tuple[Path, str]]:
    for folder in ("protocol", "services", "phone_emulator"):
        for path in (compiled.SOURCES / "tokenless" / folder).rglob("*.py"):
            text = path.read_text()
            if f"from {name} import" in text:
                yield path.relative_to(compiled.SOURCES), text
