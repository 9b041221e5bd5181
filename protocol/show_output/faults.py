"""Errors in a pasted `show ctl` or `show itl` text, with advice.

A fault is a value; its sentence is made here, with the line that it stands in and how
much of the list had been read before it.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.errors import ProtocolError

_SHOWN: Final = 40
"""Characters of a foreign text that are quoted."""
_PASTE_AGAIN: Final = "paste all that the command prints, or save the file with "
_GET_FILE: Final = "`file get tftp`"
_NAMES: Final = "; other names that were written in need the lengths of the old ones"


@unique
class ShowFault(Enum):
    """Errors in a pasted text; the value is the sentence that is shown."""

    TOO_LONG = "the text is longer than {expected} characters"
    TOO_MANY_RECORDS = "there are over {expected} records"
    NOT_A_LIST = "this is not what `show ctl` or `show itl` prints"
    BEGINNING_MISSING = "{found!r} is a part of a list whose beginning is missing"
    END_MISSING = "the closing sentence of the list is missing: the text ends early"
    STRANGE_TEXT = "{found!r} is not part of what the command prints"
    NODE_CANNOT_PARSE = "the node itself could not parse its file"
    TWICE = "{name} comes twice"
    ROW_MISSING = "{name} is missing"
    NO_LENGTH = "{name} has no LENGTH: {found!r}"
    VALUE_LENGTH = "{name} has a LENGTH of {expected}, its value has {found} bytes"
    BLANK_AT_BREAK = (
        "{name} is broken across lines, and nothing tells whether a blank was lost "
        "there: it has a LENGTH of {expected}"
    )
    LETTERS_LOST = (
        "{name} is {found!r}: letters outside of ASCII may have become question marks"
    )
    STRANGE_VALUE = "{name} has the value {found!r}, which cannot be"
    ROLE_CUT = "FUNCTION is {found!r}, which no node writes: the rest may be missing"
    RECORD_LENGTH = "RECORDLENGTH is {expected}, the record's rows add up to {found}"
    HEADER_LENGTH = "HeaderLength is {expected}, the header's rows add up to {found}"
    NESTED_LENGTH = "{name} contains {expected} bytes, its rows add up to {found}"
    NUMBERS = "record {found} stands where record {expected} must be"
    FILE_LENGTH = "the file has {expected} bytes, its header and records add up to"
    SAME_CERTIFICATE = (
        "records {expected} and {found} have the same certificate, and not the same "
        "names, serial number and lengths"
    )
    PARTS_MOVED = (
        "{name} is {found!r}, the letters of {expected!r} in another order: lines may "
        "have been moved"
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """The part of a list that was read before an error."""

    kind: str
    records: int
    header: int
    """Bytes of the header; 0 when it had not been read to its end."""
    bytes_read: int
    length: int

    @property
    def words(self) -> str:
        """Say it: `the header and 2 whole records, 3758 of 7061 bytes`."""
        plural = "" if self.records == 1 else "s"
        parts = ["the header"] if self.header else []
        parts.append(f"{self.records} whole record{plural}")
        return (
            f"{self.bytes_read} of {self.length} bytes of the {self.kind} were read: "
            f"{' and '.join(parts)}"
        )


class ShowTextError(ProtocolError):
    """A pasted text that does not account for a whole list.

    Attributes:
        fault: What is wrong.
        line: Where, counted from 1.
    """

    def __init__(
        self,
        fault: ShowFault,
        line: int,
        *,
        name: str = "",
        expected: object = None,
        found: object = None,
        progress: Progress | None = None,
    ) -> None:
        said = fault.value.format(
            name=name, expected=_shown(expected), found=_shown(found)
        )
        if fault is ShowFault.FILE_LENGTH:
            said = f"{said} {found}"
        if progress is not None:
            said = f"{said} ({progress.words})"
        hint = _PASTE_AGAIN + _GET_FILE
        if fault is ShowFault.VALUE_LENGTH:
            hint += _NAMES
        super().__init__(f"line {line}: {said}", hint=hint)
        self.fault = fault
        self.line = line
        self.name = name
        self.expected = expected
        self.found = found

    def at(self, progress: Progress) -> "ShowTextError":
        """Return the same error with how far reading had come."""
        return ShowTextError(
            self.fault,
            self.line,
            name=self.name,
            expected=self.expected,
            found=self.found,
            progress=progress,
        )


def _shown(value: object) -> object:
    """Return a text of the paste as it may be quoted."""
    return printable(value[:_SHOWN]) if isinstance(value, str) else value
