"""HTML as text: whatever is not HTML already is escaped."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from tokenless.protocol.certificates.name_text import printable_lines

_VOID: Final = frozenset({"meta", "br", "rect", "line"})


class Html(str):
    """Text that is HTML; plain strings are escaped before they become part of it."""

    __slots__ = ()


def join(*parts: str) -> Html:
    """Return parts one after the other, plain ones escaped."""
    return Html("".join(_safe(part) for part in parts))


def tag(name: str, /, *content: str, **attributes: str | float) -> Html:
    """Return an element.

    Args:
        name: Its name.
        content: What is inside.
        attributes: Its attributes; `class_` is class, other underscores are hyphens.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable_lines(str(value)))}"'
        for key, value in attributes.items()
    )
    if name in _VOID:
        return Html(f"<{name}{said}>" if name in {"meta", "br"} else f"<{name}{said}/>")
    return Html(f"<{name}{said}>{join(*content)}</{name}>")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], class_: str) -> Html:
    """Return a table with a row of headings."""
    return tag(
        "table",
        tag("thead", tag("tr", *(tag("th", cell) for cell in head))),
        tag(
            "tbody",
            *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows),
        ),
        class_=class_,
    )


def code_words(text: str) -> Html:
    """Return text with what stands between backticks set as code."""
    parts = text.split("`")
    return join(
        *(tag("code", part) if index % 2 else part for index, part in enumerate(parts))
    )


def _safe(part: str) -> str:
    # Browsers obey marks that turn the direction of writing, too.
    return part if isinstance(part, Html) else escape(printable_lines(part))


def style_sheet(name: str) -> Html:
    """Return a file of styles that lies beside the reports."""
    return Html("\n" + Path(__file__).with_name(name).read_text())
