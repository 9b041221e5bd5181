"""The first run on a machine: what each worker would compile, they compile together.

pytest compiles the files of tests and hypothesis reads the product's files for
constants. Both keep what they found, for other processes too; but the workers start at
the same moment, and each of them would be the first.
"""

import fcntl
import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parents[2]


def import_from_the_middle(config: pytest.Config) -> None:
    """Import all files of tests; each worker begins with another one.

    One that another worker has compiled meanwhile is only read. The collection finds
    the modules imported, and imports again what cannot be, to report why.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    files = sorted(_ROOT.glob("tests/**/test_*.py"))
    number = int(worker["workerid"].removeprefix("gw"))
    begin = len(files) * number // worker["workercount"]
    skipped = config.getini("norecursedirs")
    for file in files[begin:] + files[:begin]:
        place = file.relative_to(_ROOT).with_suffix("")
        if not set(place.parts) & set(skipped):
            with suppress(Exception, pytest.skip.Exception):
                importlib.import_module(".".join(place.parts))


@contextmanager
def in_turn() -> Iterator[None]:
    """Let one worker at a time through; those after it find what it has kept."""
    with Path(__file__).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
