"""Lines and keys of TOML files, as errors name them."""

import tomllib

import pytest

from tokenless.ground.toml_files import Keys, is_there, keys_of, line_of, shown

TEXT = '''name = "x"  # a comment
"quoted key" = 1
why = """
[[groups]]
share = 9
"""

[cluster.cluster]
version = "10.5(1)"

[[groups]]
name = "a"
[[groups]]
name = "b"
share = 0.5

[[others.new.nodes]]
name = "n1"
[[others.new.nodes]]
address = "127.0.0.1"
[groups.inner]
deep.er = 1
'''


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("name",), 'name = "x"  # a comment'),
        (("quoted key",), '"quoted key" = 1'),
        (("cluster", "cluster", "version"), 'version = "10.5(1)"'),
        (("cluster", "cluster", "missing"), "[cluster.cluster]"),
        (("groups", 1, "share"), "share = 0.5"),
        (("groups", 0, "share"), "[[groups]]"),
        (("others", "new", "nodes", 1, "address"), 'address = "127.0.0.1"'),
        (("groups", 1, "inner", "deep", "er"), "deep.er = 1"),
    ],
)
def test_lines(keys: Keys, words: str) -> None:
    line = line_of(TEXT, keys)
    assert line is not None
    assert TEXT.splitlines()[line - 1] == words
    assert is_there(tomllib.loads(TEXT), keys[:1])


def test_a_key_that_is_nowhere_has_no_line() -> None:
    assert line_of(TEXT, ("nowhere",)) is None
    assert line_of("", ("a", 1)) is None
    assert not is_there({}, ())
    assert not is_there({"a": [1]}, ("a", 1))
    assert not is_there({"a": 1}, ("a", "b"))


def test_keys_for_people() -> None:
    assert keys_of("$.groups[1].share") == ("groups", 1, "share")
    assert shown(("groups", 1, "share")) == "groups (entry 2).share"
    assert shown(()) == "the top level"
