"""Damage that pasting does to a text of `show ctl` or `show itl`.

Two sorts: `UNDONE` moves blanks, marks and encodings, which reading undoes; `LOSSES`
take characters, lines or blocks away, or put others in. A letter that is changed into
another leaves no trace, and is not imitated.
"""

import re
import textwrap
from collections.abc import Callable
from random import Random

from tests.rigs.shown_texts import SAST

Damage = Callable[[str, Random], str]


def _lines(change: Callable[[list[str], Random], list[str]]) -> Damage:
    def damage(text: str, chance: Random) -> str:
        return "\n".join(change(text.split("\n"), chance))

    return damage


def folded(text: str, chance: Random) -> str:
    """Wrap as `fold -s` does: after a blank where there is one, else anywhere."""
    return fold(text, chance.randint(40, 100), at_blanks=True)


def hard_wrapped(text: str, chance: Random) -> str:
    return fold(text, chance.randint(18, 100), at_blanks=False)


def fold(text: str, width: int, *, at_blanks: bool) -> str:
    lines = []
    for whole in text.split("\n"):
        rest = whole
        while len(rest) > width:
            cut = rest.rfind(" ", 0, width) + 1 if at_blanks else width
            cut = cut or width
            lines.append(rest[:cut])
            rest = rest[cut:]
        lines.append(rest)
    return "\n".join(lines)


def mail_wrapped(text: str, chance: Random) -> str:
    """Wrap as mail programs do that take the blank away."""
    width = chance.randint(66, 80)
    return "\n".join(
        "\n".join(
            textwrap.wrap(line, width, break_long_words=False, replace_whitespace=False)
        )
        or line
        for line in text.split("\n")
    )


def _trimmed(lines: list[str], _: Random) -> list[str]:
    return [line.rstrip() for line in lines]


def _quoted(lines: list[str], chance: Random) -> list[str]:
    mark = chance.choice(["> ", ">", "> > ", ">> ", "| "])
    return [mark + line for line in lines]


def _stamped(lines: list[str], chance: Random) -> list[str]:
    form = chance.choice(
        [
            "[2025-01-14 10:00:{:02}] ",
            "[2025-01-14 10:00:{:02}.123] ",
            "10:00:{:02} ",
            "Jan 14 10:00:{:02} ",
            "2025-01-14T10:00:{:02}Z ",
            "14.01.2025 10:00:{:02} | ",
            "(10:00:{:02} AM) ",
        ]
    )
    return [form.format(n % 60) + line for n, line in enumerate(lines)]


def _paged(lines: list[str], chance: Random) -> list[str]:
    pager = chance.choice(
        [
            "--More--",
            "-- More --",
            "Press <enter> for 1 line, <space> for one page, or <q> to quit",
            "options: q=quit, n=next, p=prev, b=begin, e=end (lines 1 - 20 of 99) :",
            "--More--\r        \r",
            "--More--\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b",
        ]
    )
    paged: list[str] = []
    for number, line in enumerate(lines, 1):
        paged.append(line)
        if number % 23 == 0:
            paged.append(pager)
    return paged


def _spaced_out(lines: list[str], _: Random) -> list[str]:
    return [each for line in lines for each in (line, "")]


def _prompted(text: str, _: Random) -> str:
    kind = "ctl" if "CTL" in text else "itl"
    return f"admin:show {kind}\n{text}admin:show status\n\nHost Name : x\nadmin:"


def _older(text: str, _: Random) -> str:
    text = re.sub(r"TL Record #:(\d)", r"TL Record  #: \1", text)
    return text.replace(SAST, "Security Token").replace("SERIALNUMBER", "SERIAL NUMBER")


def _tabbed(text: str, _: Random) -> str:
    return re.sub(" {2,8}(?=[^ \n]|$)", "\t", text)


UNDONE: dict[str, Damage] = {
    "nothing": lambda text, _: text,
    "fold -s": folded,
    "hard wrap": hard_wrapped,
    "no blanks at ends": _lines(_trimmed),
    "quoted": _lines(_quoted),
    "time stamps": _lines(_stamped),
    "pager": _lines(_paged),
    "double spaced": _lines(_spaced_out),
    "prompts": _prompted,
    "CRLF": lambda text, _: text.replace("\n", "\r\n"),
    "no-break spaces": lambda text, _: text.replace("  ", "\u00a0 "),
    "one line": lambda text, _: text.replace("\n", " "),
    "older layout": _older,
    "colours": lambda text, _: f"\x1b[0m\x1b[32m{text}\x1b[m",
    "fenced": lambda text, _: f"```text\n{text}```\n",
    "invisible": lambda text, _: "\ufeff" + text.replace(";", "\u200b;"),
    "mojibake": lambda text, _: text.encode().decode("cp1252", errors="strict"),
}
"""Each alone is undone, whatever the list."""

MAY_BE_UNDONE: dict[str, Damage] = {
    "tabs": _tabbed,
    "mail": mail_wrapped,
    "one blank": lambda text, _: re.sub(" +", " ", text),
    "indented": lambda text, _: text.replace("\n", "\n    "),
}


def _drop(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(lines))
    return lines[:at] + lines[at + 1 :]


def _drop_block(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(lines))
    return lines[:at] + lines[at + chance.randint(2, 40) :]


def _elide(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(lines))
    mark = chance.choice(["[...]", "...", "<snip>", "…", "(output omitted)"])
    return [*lines[:at], mark, *lines[at + chance.randint(0, 40) :]]


def _repeat(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(lines))
    block = lines[at : at + chance.choice([1, 1, 3, 15])]
    return lines[:at] + block + lines[at:]


def _swap(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(max(len(lines) - 1, 1))
    return lines[:at] + lines[at : at + 2][::-1] + lines[at + 2 :]


def _narrow(lines: list[str], chance: Random) -> list[str]:
    width = chance.randint(20, 90)
    return [line[:width] for line in lines]


def _cut_margin(lines: list[str], chance: Random) -> list[str]:
    width = chance.randint(1, 8)
    return [line[width:] for line in lines]


def _interrupted(lines: list[str], chance: Random) -> list[str]:
    said = ["%LINK-3-UPDOWN: changed state", "Broadcast message from root", "42"]
    at = chance.randrange(len(lines))
    return [*lines[:at], chance.choice(said), *lines[at:]]


def _one_short(text: str, chance: Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + text[at + 1 :]


def _one_twice(text: str, chance: Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + text[at : at + 1] + text[at:]


def _span_lost(text: str, chance: Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + text[at + chance.randint(20, 400) :]


LOSSES: dict[str, Damage] = {
    "a line": _lines(_drop),
    "a block": _lines(_drop_block),
    "elided": _lines(_elide),
    "repeated": _lines(_repeat),
    "swapped": _lines(_swap),
    "narrow": _lines(_narrow),
    "left margin": _lines(_cut_margin),
    "interrupted": _lines(_interrupted),
    "the end": lambda text, chance: text[: chance.randrange(len(text))],
    "the beginning": lambda text, chance: text[chance.randrange(len(text)) :],
    "a character": _one_short,
    "a character twice": _one_twice,
    "a span": _span_lost,
    "no umlauts": lambda text, _: text.encode("ascii", "replace").decode(),
    "undecodable": lambda text, _: (
        text.encode("ascii", "replace").decode().replace("?", "\ufffd")
    ),
}
INSIDE_LINES = frozenset({"a character", "a character twice", "a span"})
"""Two of these in one name may leave its length as it was: a change without a trace."""
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252")
