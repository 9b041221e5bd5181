"""Rehearsals that are played: faults by a click, stopped runs, processes that die."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.rigs.studio_rig import StudioRig, StudioVisitor, studio_in
from tests.rigs.studio_studies import played_study
from tests.rigs.waiting import is_alive
from tokenless.phone_emulator.studio.archive import StudyArchive
from tokenless.phone_emulator.studio.gate import MAX_WAITING


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[StudioRig]:
    async with studio_in(tmp_path / "studio") as rig:
        yield rig


def children() -> set[int]:
    """Return the processes that this one has started and that still run."""
    found = Path("/proc/self/task").glob("*/children")
    pids = {int(pid) for each in found for pid in each.read_text().split()}
    return {pid for pid in pids if is_alive(pid)}


async def _click_too_often(visitor: StudioVisitor, run: str) -> None:
    """More faults than may wait: the page says that some were not taken."""
    page = (await visitor.get(run)).text
    node = re.findall(r'value="tvs-down".*?name="of" value="([^"]+)"', page)[0]
    for _ in range(MAX_WAITING + 2):
        await visitor.post(run, {"do": "tvs-down", "of": node})
    with trio.fail_after(120):
        while "2 later clicks were not taken" not in page:
            page = (await visitor.get(f"{run}/controls")).text
            await trio.sleep(0.1)


async def test_what_is_stopped_leaves_no_process_and_no_folder(
    rig: StudioRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    visitor = await rig.signed_in()
    before = children()
    response = await visitor.post("/guided", {})
    study = response.headers["location"].removesuffix("/cluster")
    await visitor.post(f"{study}/cluster/confirm", {"phones": "2"})
    started = await visitor.post(f"{study}/play", {"order": "at-once", "paused": "yes"})
    run = started.headers["location"]
    with trio.fail_after(120):
        while True:
            page = (await visitor.get(run)).text
            if "paused before the next line" in page:
                break
            await trio.sleep(0.1)
    assert "after the last restart of each" in page
    assert ">2 ok<" in page
    assert children() - before
    assert list(scratch.iterdir())
    await _click_too_often(visitor, run)
    # Nothing of the run is lost for who loads the page again, or comes later.
    other = await rig.signed_in()
    assert "Current state" in (await other.get(run)).text
    await other.post(run, {"do": "stop"})
    assert children() == before
    assert not list(scratch.iterdir())
    page = (await visitor.get(run)).text
    assert "it was stopped before its end" in page
    assert "1 of 2 steps" in page


@pytest.mark.parametrize(
    ("worker", "reason"),
    [
        ("no_such_module", "has died: .*No module named no_such_module"),
        ("this", "is unreadable: JSON is malformed"),
    ],
)
async def test_a_process_that_dies_has_its_last_words_on_the_page(
    rig: StudioRig, monkeypatch: pytest.MonkeyPatch, worker: str, reason: str
) -> None:
    monkeypatch.setattr("tokenless.phone_emulator.studio.process._WORKER", worker)
    visitor = await rig.signed_in()
    study = f"/studies/{StudyArchive(rig.folder).add(played_study())}"
    await visitor.get("/")
    started = await visitor.post(f"{study}/play", {"order": "at-once"})
    run = started.headers["location"]
    with trio.fail_after(120):
        while "Failed:" not in (page := (await visitor.get(run)).text):
            assert "This cannot be shown" not in page
            await visitor.get(f"{run}/live")
    assert re.search(reason, page)
