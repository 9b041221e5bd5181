"""Standard output for people: as wide as the terminal, or as a file wants it."""

import os

from rich.console import Console


def result_console(width_in_files: int) -> Console:
    """Return the console of standard output.

    Args:
        width_in_files: How wide it is where there is no terminal and COLUMNS does
            not say it.
    """
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = width_in_files
    return console
