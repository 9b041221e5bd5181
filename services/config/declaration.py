"""Declaration of settings: types of keys, kinds of tables, keys that SIGHUP changes."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import inspect

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
GivenPort = Annotated[int, msgspec.Meta(ge=1, le=65535)]
"""One that is not chosen by the system."""
Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36500)]
KeySize = Literal[1024, 2048, 3072, 4096]
HostName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
        r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z",
        max_length=128,
        description="a host name: letters, digits, `-` and dots",
    ),
]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]

_Value = TypeVar("_Value")
_MARK: Final = "at once"
AtOnce = Annotated[_Value, msgspec.Meta(extra={_MARK: True})]
"""A setting that SIGHUP changes; the others wait for a restart."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class AppliedSection(Section, frozen=True):
    """A table of the cluster that `tokenless apply` reads, and nothing else."""


class HostSection(Section, frozen=True):
    """A table with settings of this host's services, not of the cluster."""


def is_at_once(field: inspect.Field) -> bool:
    """Return whether SIGHUP changes a setting."""
    kind = field.type
    return isinstance(kind, inspect.Metadata) and bool((kind.extra or {}).get(_MARK))


def inspect_fields(section: type[Section]) -> tuple[inspect.Field, ...]:
    """Return the keys of a table, with their types."""
    section_type = inspect.type_info(section)
    assert isinstance(section_type, inspect.StructType)  # noqa: S101 (a section is one)
    return section_type.fields


def tables_in(kind: inspect.Type) -> Iterator[inspect.StructType]:
    """Give the tables that a key can be, also one that may be absent."""
    match kind:
        case inspect.StructType():
            yield kind
        case inspect.Metadata():
            yield from tables_in(kind.type)
        case inspect.UnionType():
            for each in kind.types:
                yield from tables_in(each)
        case _:
            pass
