"""The settings of `make mutants` name what exists, as the tests import it."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]


def test_each_module_is_named_as_it_is_imported() -> None:
    """A mutant is known by its path: under another name it would never run."""
    for path in SETTINGS["only_mutate"]:
        assert path.startswith("src/tokenless/")
        assert (ROOT / path).is_file(), path


def test_each_module_is_below_a_path_that_is_walked() -> None:
    """A link inside of a path is not followed, so each has to be named."""
    links = {f"src/tokenless/{name}" for name in ("protocol", "services")}
    assert links < set(SETTINGS["source_paths"])
    for path in SETTINGS["only_mutate"]:
        assert any(path.startswith(f"{each}/") for each in SETTINGS["source_paths"])


def test_its_tests_exist() -> None:
    for path in SETTINGS["pytest_add_cli_args_test_selection"]:
        assert (ROOT / path).exists(), path


def test_what_tests_import_is_copied() -> None:
    """They run in a copy of the tree that has nothing else."""
    copied = {*SETTINGS["also_copy"], "tests"}
    for statement in ast.parse((ROOT / "tests" / "conftest.py").read_text()).body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            folder = statement.module.partition(".")[0]
            assert folder in copied or not (ROOT / folder).is_dir()
