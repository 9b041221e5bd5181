"""TOML that people write: read within bounds, and its faults told by line and key.

What its tables mean is the caller's business. Validation speaks of `$.groups[1]`;
people look for a line, and for the key that a misspelt one was meant to be.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from tokenless.ground.files import TooLongError, read_bounded
from tokenless.protocol.errors import TokenlessError

MAX_BYTES: Final = 1 << 20
Keys = tuple[str | int, ...]
"""From the top of the file: `("groups", 1, "share")`."""

_PART: Final = re.compile(r"([A-Za-z0-9_-]+)|\[(\d+)\]")
_UNKNOWN_KEY: Final = re.compile(r"Object contains unknown field `([^`]*)`")
_PATTERN: Final = re.compile(r"Expected `str` matching regex .*", re.DOTALL)
_AT: Final = re.compile(r" - at `\$?([^`]*)`\Z")
_HEAD: Final = re.compile(r"\s*(\[{1,2})\s*([^\[\]#]+?)\s*\]{1,2}\s*(?:#.*)?\Z")
_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_MOST_PARTS: Final = 32
# Every part costs Python's parser a copy of those before it: a megabyte, gigabytes.
_LONG_KEY: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+)"""
    rf"{{{_MOST_PARTS}}}"
)
_SETTING: Final = re.compile(rf"\s*({_KEY}(?:\.{_KEY})*)\s*=")


class TomlFileError(TokenlessError):
    """A file that is no TOML, or none that is read here; the reason names no file."""


def load_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Return a file's text and its tables.

    Raises:
        TomlFileError: When it is too long, no text, no TOML, or nested too deeply.
        OSError: When it cannot be read.
    """
    tables, text = None, ""
    try:
        text = read_bounded(path, MAX_BYTES).decode()
        tables = None if _LONG_KEY.search(text) else tomllib.loads(text)
    except TooLongError:
        # A part of it would be another fleet, or a rehearsal without its last steps.
        raise TomlFileError("has over 1 MB", hint="divide it") from None
    except UnicodeDecodeError as error:
        raise TomlFileError(f"is no text: {error}", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise TomlFileError(str(error), hint="correct the TOML") from None
    except ValueError:  # Python's own: a number of thousands of digits
        raise TomlFileError("a number is too long", hint="correct the TOML") from None
    except RecursionError:
        pass
    if tables is None:
        raise TomlFileError("nested too deeply", hint="correct the TOML")
    return text, tables


class Fault(NamedTuple):
    """A fault of a value in a file."""

    keys: Keys
    reason: str
    meant: str | None
    """The key that was meant, where another one was written."""


def keys_of(path: str) -> Keys:
    """Read `groups[1].share`, with or without `$.` in front."""
    return tuple(name or int(number) for name, number in _PART.findall(path))


def shown(keys: Keys) -> str:
    """Write keys for people, who count from 1: `groups (entry 2).share`."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f" (entry {key + 1})"
        else:
            text += f".{key}" if text else key
    return text or "the top level"


def fault_of(error: msgspec.ValidationError, kind: type[msgspec.Struct]) -> Fault:
    """Take apart what validation says of a file.

    Args:
        error: What it says.
        kind: What the file was validated against.
    """
    said = str(error)
    place = _AT.search(said)
    keys = keys_of(place[1]) if place else ()
    reason = said[: place.start()] if place else said
    unknown = _UNKNOWN_KEY.fullmatch(reason)
    if unknown is None:
        form = _form_at(kind, keys) if _PATTERN.fullmatch(reason) else None
        return Fault(keys, reason if form is None else f"not {form}", None)
    name = unknown[1]
    near = get_close_matches(name, _keys_at(kind, keys), 1)
    reason = f"there is no key `{name}`"
    return Fault((*keys, name), reason, near[0] if near else None)


def _types_at(kind: type[msgspec.Struct], keys: Keys) -> list[inspect.Type]:
    kinds: list[inspect.Type] = [inspect.type_info(kind)]
    for key in keys:
        kinds = [inner for each in kinds for inner in _inside(each, key)]
    return kinds


def _form_at(kind: type[msgspec.Struct], keys: Keys) -> str | None:
    """Return how a text of this place is written, as its declaration describes it."""
    for each in _types_at(kind, keys):
        if isinstance(each, inspect.Metadata) and each.extra_json_schema:
            return each.extra_json_schema.get("description")
    return None


def _keys_at(kind: type[msgspec.Struct], keys: Keys) -> list[str]:
    """Return the keys that a place of the file can have."""
    return [
        each.encode_name
        for one in _types_at(kind, keys)
        for struct in _plain(one)
        if isinstance(struct, inspect.StructType)
        for each in struct.fields
    ]


def _plain(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        yield from _plain(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _plain(each)
    else:
        yield kind


def _inside(kind: inspect.Type, key: str | int) -> Iterator[inspect.Type]:
    for each in _plain(kind):
        match each:
            case inspect.StructType():
                yield from (f.type for f in each.fields if f.encode_name == key)
            case inspect.DictType():
                yield each.value_type
            case inspect.ListType() | inspect.VarTupleType():
                yield each.item_type
            case _:
                pass


def line_of(text: str, keys: Sequence[str | int]) -> int | None:
    """Return the line in which keys stand, or the nearest table around them.

    Args:
        text: The file.
        keys: From its top.
    """
    wanted = tuple(keys)
    best, best_depth = None, 0
    for number, here in _places(text):
        depth = _common(here, wanted)
        if depth == len(here) and depth > best_depth:
            best, best_depth = number, depth
    return best


def _common(here: Keys, wanted: Keys) -> int:
    count = 0
    for a, b in zip(here, wanted, strict=False):
        if a != b:
            break
        count += 1
    return count


def _places(text: str) -> Iterator[tuple[int, Keys]]:
    """Give the keys that each line of a file begins."""
    counts: dict[Keys, int] = {}
    table: Keys = ()
    fence: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            fence = None if line.count(fence) % 2 else fence
            continue
        if (head := _HEAD.match(line)) is not None:
            names: Keys = tuple(each.strip("\"' ") for each in head[2].split("."))
            table = _resolved(names[:-1], counts) + names[-1:]
            if head[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield number, table
        elif (setting := _SETTING.match(line)) is not None:
            yield number, (*table, *(k.strip("\"'") for k in setting[1].split(".")))
        fence = next((f for f in ('"""', "'''") if line.count(f) % 2), None)


def _resolved(names: Keys, counts: Mapping[Keys, int]) -> Keys:
    """Put the number of the present entry behind each list of tables."""
    keys: Keys = ()
    for name in names:
        keys = (*keys, name)
        if keys in counts:
            keys = (*keys, counts[keys])
    return keys


def is_there(tables: Mapping[str, Any], keys: Keys) -> bool:
    """Return whether tables have a value under keys."""
    here: Any = tables
    for key in keys:
        try:
            here = here[key]
        except (LookupError, TypeError):
            return False
    return bool(keys)
