"""Markdown paragraphs and list items, wrapped at 100 columns.

    python -m tools.wrap_documents docs/*.md     # rewrites the files

Tables, code, headings, links and HTML comments keep their lines. Only blocks that have
a line over the limit are wrapped, so that a change touches few lines.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

WIDTH: Final = 100
_KEPT: Final = re.compile(r"\s*(\||#|<|---|\[[^\]]+\]:)")
_FENCE: Final = re.compile(r"\s*(```|~~~)")
_ITEM: Final = re.compile(r"(\s*)((?:[-*+]|\d+\.)\s+|>\s?)?")
_WORD: Final = re.compile(r"(?:`+[^`]+`+|!?\[[^\]]*\]\([^)]*\)|[^\s`\[]|[`\[])+")
"""A word, with code and links whole."""


def wrap(text: str) -> str:
    """Wrap the blocks of a page that have lines over the limit."""
    wrapped: list[str] = []
    for block in _blocks(text.splitlines()):
        wrapped += _wrapped(block.lines) if block.is_too_wide else block.lines
    return "\n".join(wrapped) + "\n"


def long_lines(text: str) -> list[str]:
    """Return the lines of prose that should have been wrapped."""
    return [
        line
        for block in _blocks(text.splitlines())
        if block.is_too_wide and block.lines != _wrapped(block.lines)
        for line in block.lines
        if len(line) > WIDTH
    ]


class _Block(NamedTuple):
    """A paragraph, a list item, or one line of something else."""

    lines: list[str]
    is_prose: bool

    @property
    def is_too_wide(self) -> bool:
        return self.is_prose and any(len(line) > WIDTH for line in self.lines)


def _blocks(lines: list[str]) -> Iterator[_Block]:
    prose: list[str] = []
    is_code = False
    for line in lines:
        fence = _FENCE.match(line) is not None
        is_kept = is_code or fence or not line.strip() or _KEPT.match(line) is not None
        item = _ITEM.match(line)
        if prose and (is_kept or (item and item[2])):
            yield _Block(prose, is_prose=True)
            prose = []
        is_code = is_code != fence
        # Four spaces after an empty line are code, after prose they go on with it.
        if is_kept or (not prose and line.startswith("    ")):
            yield _Block([line], is_prose=False)
        else:
            prose.append(line)
    if prose:
        yield _Block(prose, is_prose=True)


def _wrapped(block: list[str]) -> list[str]:
    item = _ITEM.match(block[0])
    assert item is not None  # noqa: S101 - every part of it is optional
    marker = item[0]
    rest = item[1] + ("> " if marker.strip() == ">" else " " * len(item[2] or ""))
    text = " ".join([block[0][len(marker) :], *map(str.strip, block[1:])])
    words = _WORD.findall(text)
    lines = [marker]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > WIDTH and lines[-1].strip(" >"):
            lines.append(rest)
        gap = "" if lines[-1] in (marker, rest) else " "
        lines[-1] += gap + word
    return lines


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(wrap(path.read_text(encoding="utf-8")), encoding="utf-8")
