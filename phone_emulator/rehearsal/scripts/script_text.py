"""Write a script as TOML, for scripts that a program has made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.certificates.name_text import printable

_LISTS = ("approximations", "certificates", "groups", "steps", "expect")
"""Types that are written as one table each."""


def write_script(script: Script, *, comment: str = "") -> str:
    """Return a script as TOML that `load_script` reads back.

    Args:
        script: The script; fields that have their default are left out.
        comment: What stands above it, line by line.
    """
    # A comment may quote certificates; TOML takes no control characters there, either.
    said = comment.split("\n") if comment else []
    lines = [f"# {printable(line)}".rstrip() for line in said]
    values = _values(script)
    tables = {k: v for k, v in values.items() if isinstance(v, Mapping)}
    plain = {k: v for k, v in values.items() if k not in (*tables, *_LISTS)}
    lines += [f"{name} = {_value(value)}" for name, value in plain.items()]
    for name, table in tables.items():
        lines += _table(name, table)
    for name in ("approximations", "certificates", "groups", "steps"):
        for item in values.get(name, ()):
            lines += ["", f"[[{name}]]", *_fields(item)]
    return "\n".join(lines) + "\n"


def _values(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that do not have their default."""
    fields = msgspec.structs.fields(struct)
    return {
        each.name: value
        for each in fields
        if (value := getattr(struct, each.name)) not in (each.default, {}, ())
    }


def _fields(item: msgspec.Struct) -> Iterator[str]:
    for name, value in _values(item).items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            yield f"{name} = ["
            yield from (f"    {_value(each)}," for each in value)
            yield "]"
        else:
            yield f"{name} = {_value(value)}"


def _table(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Write a table of plain values, then its tables and lists of tables."""
    inner = {k: v for k, v in table.items() if isinstance(v, Mapping)}
    lists = {k: v for k, v in table.items() if _is_list_of_tables(v)}
    plain = {k: v for k, v in table.items() if k not in (*inner, *lists)}
    if plain:
        yield ""
        yield f"[{path}]"
        yield from (f"{name} = {_value(value)}" for name, value in plain.items())
    for name, value in inner.items():
        yield from _table(f"{path}.{name}", value)
    for name, items in lists.items():
        for item in items:
            yield ""
            yield f"[[{path}.{name}]]"
            yield from (f"{key} = {_value(value)}" for key, value in item.items())


def _is_list_of_tables(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    return bool(value) and all(isinstance(each, Mapping) for each in value)


def _value(value: object) -> str:
    """Write one value; JSON's strings and numbers are TOML's."""
    match value:
        case msgspec.Struct():
            inner = (f"{k} = {_value(v)}" for k, v in _values(value).items())
            return "{ " + ", ".join(inner) + " }"
        case datetime():
            return value.isoformat()
        case str() | bool() | int() | float():
            return "".join(map(_toml, json.dumps(value, ensure_ascii=False)))
        case [*items]:
            return "[" + ", ".join(map(_value, items)) + "]"
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")


def _toml(character: str) -> str:
    """Escape what cannot be printed; JSON does that for the first 32 alone."""
    return character if character.isprintable() else f"\\U{ord(character):08X}"
