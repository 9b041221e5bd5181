"""docs/configuration.md, made from the declaration of the configuration's tables.

    python -m tools.configuration_page

Types, ranges, defaults and what SIGHUP takes come from the classes themselves; the
sentences are those that stand under the fields.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from msgspec import inspect as types

from tokenless.services.config.declaration import (
    AppliedSection,
    HostSection,
    Section,
    inspect_fields,
)
from tokenless.services.config.sections import ClusterConfig, settings_at_once

PAGE: Final = Path(__file__).parents[1] / "docs" / "configuration.md"
_REFERENCE: Final = PAGE.with_name("reference")
_CITATION: Final = re.compile(
    r"REFERENCE(?:-(\d))? (\d+(?:\.\d+)*(?:, \d+(?:\.\d+)*)*)"
)
_WIDTH: Final = 100
_HEAD: Final = """\
This page lists all keys of the configuration file. It is made from
the classes of `services/config/` by `python -m tools.configuration_page`; a test
compares them.

`tokenless serve --config FILE` reads a TOML file; the default is `configs/lab.toml`,
whose comments are an introduction. An unknown or invalid key ends the command; the
error names the line, and the most similar valid key.

Some tables describe the cluster: they are read when its data folder is made, and
afterwards the database has the current values; `tokenless apply` brings these to what
the file says ([operations.md](operations.md)). The others configure the services of a
host: they are read at each start. SIGHUP applies the keys marked *at once*; the log
names the keys that need a restart."""


def make_page() -> str:
    """Return the page."""
    lists = {f.name for f in inspect_fields(ClusterConfig) if _is_list(f.type)}
    tables = (
        line
        for name, section in tables_of(ClusterConfig)
        for line in _table(section, name, is_list=name in lists)
    )
    head = (f"{_filled(each, '')}\n" for each in _HEAD.split("\n\n"))
    return "\n".join(["# Configuration\n", *head, *tables])


def tables_of(
    above: type[Section], path: str = ""
) -> Iterator[tuple[str, type[Section]]]:
    """Give the tables of the file, by their names."""
    for field in inspect_fields(above):
        section = _section_of(field.type)
        if section is not None:
            name = f"{path}{field.name}"
            yield name, section
            yield from tables_of(section, f"{name}.")


def _table(section: type[Section], name: str, *, is_list: bool) -> Iterator[str]:
    yield f"## `[[{name}]]`\n" if is_list else f"## `[{name}]`\n"
    summary, _, more = (inspect.getdoc(section) or "").partition("\n\n")
    words = re.sub(r"^`[^`]*`(: *|\.)", "", summary.replace("\n", " "))
    said = f"{words[:1].upper()}{words[1:]} {more}".strip()
    if issubclass(section, HostSection):
        said += " Read at each start of a host's services."
    elif issubclass(section, AppliedSection):
        said += " Read by `tokenless apply`."
    else:
        said += " Read when the data folder is made."
    yield f"{_filled(_with_links(said), '')}\n"
    texts = texts_of(section)
    for field in inspect_fields(section):
        if _section_of(field.type) is None:
            yield _entry(f"{name}.{field.name}", field, texts.get(field.name, ""))


def _entry(path: str, field: types.Field, text: str) -> str:
    facts = [_type(field.type)]
    if field.required:
        facts.append("required")
    elif field.default is not None:
        facts.append(f"default {_value(field.default)}")
    if path in settings_at_once():
        facts.append("at once")
    said = f" {_with_links(text)}" if text else ""
    key = path.rpartition(".")[2]
    entry = f"- **`{key}`** ({', '.join(facts)}).{said}"
    return f"{_filled(entry, '  ')}\n"


def _with_links(text: str) -> str:
    """Turn citations of the domain reference into links, which readers can follow."""

    def link(match: re.Match[str]) -> str:
        part = match[1] or "1"
        (page,) = _REFERENCE.glob(f"{part}-*.md")
        return f"[reference {part}: {match[2]}](reference/{page.name})"

    return _CITATION.sub(link, text)


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _type(kind: types.Type) -> str:
    match kind:
        case types.Metadata():
            words = _type(kind.type)
        case types.UnionType():
            some = (each for each in kind.types if not isinstance(each, types.NoneType))
            words = " or ".join(map(_type, some))
        case types.LiteralType():
            words = " or ".join(map(_value, kind.values))
        case types.EnumType():
            words = " or ".join(_value(each.value) for each in kind.cls)
        case types.IntType() | types.FloatType():
            words = f"number{_range(kind)}"
        case types.BoolType():
            words = "`true` or `false`"
        case types.StrType():
            words = "text"
        case types.VarTupleType():
            words = f"list of {_type(kind.item_type)}"
        case _:
            raise TypeError(f"{kind} has no words")
    return words


def _value(value: object) -> str:
    return f"`{msgspec.json.encode(value).decode()}`"


def _range(kind: types.IntType | types.FloatType) -> str:
    if kind.gt is not None:
        return f" over {kind.gt:g}"
    if kind.le is not None:
        return f" from {kind.ge} to {kind.le}"
    return "" if kind.ge is None else f" from {kind.ge}"


def _section_of(kind: types.Type) -> type[Section] | None:
    match kind:
        case types.StructType():
            return kind.cls if issubclass(kind.cls, Section) else None
        case types.Metadata():
            return _section_of(kind.type)
        case types.VarTupleType():
            return _section_of(kind.item_type)
        case types.UnionType():
            sections = (_section_of(each) for each in kind.types)
            return next((each for each in sections if each is not None), None)
        case _:
            return None


def _is_list(kind: types.Type) -> bool:
    kind = kind.type if isinstance(kind, types.Metadata) else kind
    return isinstance(kind, types.VarTupleType)


def texts_of(section: type[Section]) -> dict[str, str]:
    """Return the sentences under the fields, those of the classes above included."""
    texts: dict[str, str] = {}
    for each in reversed(section.__mro__):
        if not issubclass(each, Section):
            continue
        (definition,) = ast.parse(inspect.getsource(each)).body
        assert isinstance(definition, ast.ClassDef)  # noqa: S101 (a section is one)
        for statement, behind in pairwise(definition.body):
            match statement, behind:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[name] = " ".join(text.split())
                case _:
                    pass
    return texts


if __name__ == "__main__":
    PAGE.write_text(make_page())
