"""Columns of text, as the shell prints tables."""

from collections.abc import Sequence

from tokenless.protocol.certificates.name_text import printable


def columns(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, underline: str = "="
) -> str:
    """Lay rows out under their heads: every column as wide as its widest cell."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    lines = [heads, [underline * width for width in widths], *rows]
    return "\n".join(
        " ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
