"""Undo what pasting does to the text of `show ctl` and `show itl`.

Encodings, quotes of a mail, time stamps of a terminal's log, pager lines, colours,
no-break spaces and tabs are taken off line by line, so that line numbers stay. What is
left is read without its blanks (`Paste.dense`): wrapping at any width, one long line
and the spacing of other tools change nothing but blanks.
"""

import re
from array import array
from bisect import bisect_right
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

_BREAK: Final = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE: Final = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad\x07]")
_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]"
    r"|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\-_])"
)
_OTHER_BLANK: Final = re.compile(r"[^\S ]")
_QUOTE: Final = re.compile(r"\s*(?:[>|] ?)+")
_STAMP: Final = re.compile(
    r"\s*[\[(]?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+)?"
    r"(?:\d{4}[-/.]\d\d[-/.]\d\d[T ,]\s?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4},?\s+"
    r"|[A-Z][a-z]{2}\s+\d{1,2}(?:,?\s+\d{4})?,?\s+|\d{1,2}\s[A-Z][a-z]{2}\s\d{4}\s)?"
    r"\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?(?:\s?[AP]M)?"
    r"(?:[\])]\s?|[:|>]?(?:\s|$))(?:[:|>-]\s)?"
)
_PAGER: Final = re.compile(
    r"\s*(?:<?-+\s*more\s*-+>?(?:\s*\(\d{1,3}%\))?"
    r"|press (?:<enter>|any key|space)[^\n]{0,80}"
    r"|options: q=quit[^\n]{0,100}|`{3}\w{0,12}\s*$)",
    re.IGNORECASE,
)
_FEW_STAMPS: Final = 5
_RUN: Final = re.compile(r"\S+")


def decode_pasted(data: bytes) -> str:
    """Return a file's text, whichever usual encoding it was saved in.

    A text that is not UTF-8 is taken for Windows' Latin-1. What cannot be decoded stays
    as U+FFFD, which no list has.
    """
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    sample = data[:512]
    zeros = sample.count(0)
    if zeros * 3 > len(sample):  # UTF-16 whose mark was lost: every second byte is 0
        is_big = sample[::2].count(0) > zeros // 2
        return data.decode("utf-16-be" if is_big else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def is_encoding_guessed(data: bytes) -> bool:
    """Return whether nothing but a guess tells what some of a text's letters are.

    Every byte is a letter of some terminal; that all of them make UTF-8 is no chance.
    """
    text = decode_pasted(data)
    return not text.isascii() and text == data.decode("cp1252", errors="replace")


@dataclass(frozen=True, slots=True)
class Paste:
    """A cleaned text, and the same without its blanks."""

    text: str
    dense: str
    _runs: "array[int]"
    """The start in `dense` of each run of characters without blanks."""
    _places: "array[int]"
    """The start in `text` of the same run."""
    _lines: Sequence[int]
    """The start in `text` of each line."""

    def offset(self, at: int) -> int:
        """Return where a character of `dense` stands in `text`."""
        if at >= len(self.dense):
            return len(self.text)
        run = bisect_right(self._runs, at) - 1
        return self._places[run] + at - self._runs[run]

    def line(self, at: int) -> int:
        """Return the line of a character of `dense`, counted from 1."""
        last = max(len(self.dense) - 1, 0)
        return bisect_right(self._lines, self.offset(min(at, last)))

    def region(self, start: int, end: int) -> str:
        """Return the text, with its blanks, of a part of `dense`."""
        if start >= end:
            return ""
        return self.text[self.offset(start) : self.offset(end - 1) + 1]

    def rest_of_line(self, at: int) -> str:
        """Return what stands in the line from there on, for people."""
        start = self.offset(at)
        return self.text[start : start + 200].partition("\n")[0].strip()


def clean(text: str) -> Paste:
    """Undo what pasting did, line by line."""
    lines = list(_cleaned(_BREAK.split(_INVISIBLE.sub("", _ESCAPES.sub("", text)))))
    joined = "\n".join(lines)
    runs, places = array("I"), array("I")
    parts: list[str] = []
    length = 0
    for match in _RUN.finditer(joined):
        runs.append(length)
        places.append(match.start())
        parts.append(match[0])
        length += len(match[0])
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    return Paste(joined, "".join(parts), runs, places, starts)


def _cleaned(lines: Sequence[str]) -> Iterator[str]:
    unquoted = [_unquoted(_erased(line)) for line in lines]
    stamps = sum(1 for line in unquoted if _STAMP.match(line))
    has_stamps = stamps >= _FEW_STAMPS
    for line in unquoted:
        plain = (
            _STAMP.sub("", line, count=1) if has_stamps and _STAMP.match(line) else line
        )
        if (pager := _PAGER.match(plain)) is not None:
            plain = plain[pager.end() :]
        yield _unquoted(plain)


def _unquoted(line: str) -> str:
    """Take quote marks off, and make every blank a space."""
    plain = _OTHER_BLANK.sub(" ", line)
    quote = _QUOTE.match(plain)
    return plain if quote is None else plain[quote.end() :]


def _erased(line: str) -> str:
    """Carry backspaces out: pagers rub their line out with them."""
    if "\b" not in line:
        return line
    kept: list[str] = []
    for character in line:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)
