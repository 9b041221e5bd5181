"""Exit statuses of what cannot begin: a wrong name is no verdict on a change."""

from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli

OURS = (
    'name = "ours"\nlesson = "x"\n[[groups]]\nname = "desk"\n[[steps]]\n'
    'title = "one"\nrun = ["phones boot"]\n'
)
PLAN = ("rehearse", "plan", "--goal")
REPLAY = ("rehearse", "explore", "ours.toml", "--replay")
CASES = [
    ((*PLAN, "CalManager"), 2),
    ((*PLAN, "TVS@nobody"), 2),
    ((*PLAN, "TVS", "--models", "9999"), 2),
    ((*PLAN, "TVS", "--version", "9.1"), 2),
    ((*PLAN, "TVS", "--multi-server", "nothing"), 2),
    ((*PLAN, "TVS", "--phone-interaction", "automatic"), 2),
    ((*PLAN, "TVS", "--compare", "nothing"), 2),
    ((*PLAN, "CalManager", "--for", "ours.toml"), 2),
    ((*PLAN, "TVS", "--for", "none.toml"), 3),
    ((*PLAN, "TVS", "--for", "wrong.toml"), 1),
    (("rehearse", "run", "nothing"), 2),
    (("rehearse", "run", "callmanager-and-tvs@9"), 2),
    (("rehearse", "run", "none.toml"), 3),
    (("rehearse", "run", "wrong.toml"), 1),
    (("rehearse", "explore", "nothing"), 2),
    (("rehearse", "explore", "none.toml"), 3),
    ((*REPLAY, "twice:9.9"), 2),
    ((*REPLAY, "node-down:1:cucm-1051-a-pub+tvs-down:1:cucm-1051-a-pub"), 2),
    (("preflight", "ours.toml", "--goal", "CalManager"), 2),
    (("preflight", "ours.toml", "--goal", "TVS", "--to", "nothing"), 2),
    (("preflight", "none.toml", "--goal", "TVS"), 3),
    (("preflight", "wrong.toml", "--goal", "TVS"), 1),
]


@pytest.mark.parametrize(
    ("words", "status"), CASES, ids=[" ".join(words) for words, _ in CASES]
)
def test_wrong_names_missing_files_and_refused_files_differ(
    words: tuple[str, ...],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ours.toml").write_text(OURS)
    Path("wrong.toml").write_text(OURS.replace("boot", "bot"))
    found, out, err = run_cli(*words)
    assert (found, out) == (status, "")
    assert err.startswith(("tokenless: ", "Usage: "))
