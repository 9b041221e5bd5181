"""Pages beside each other: what one did not show is neither confirmed nor played."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.rigs.studio_rig import KEY, StudioRig, field_lists, studio_in
from tests.rigs.studio_studies import played_study
from tokenless.phone_emulator.studio.archive import StudyArchive

_SEEN = re.compile(r'name="seen" value="(\w+)"')
_SHOWN = re.compile(r'value="at-once"><input type="hidden" name="shown" value="(\w+)"')


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[StudioRig]:
    async with studio_in(tmp_path) as running:
        yield running


async def test_guesses_that_a_page_did_not_show_are_not_confirmed(
    rig: StudioRig,
) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    lists = field_lists()
    old = await visitor.give(study, {"itl-pub.txt": lists["itl-pub.txt"]})
    new = await visitor.give(study, lists)
    confirm = f"{study}/cluster/confirm"
    said = await visitor.said(confirm, {"seen": _SEEN.findall(old)[0]})
    assert "was read again since this page was loaded" in said
    assert "Confirmed." not in said
    await visitor.post(confirm, {"seen": _SEEN.findall(new)[0]})
    assert "Confirmed." in (await visitor.get(f"{study}/cluster")).text


async def test_a_change_that_a_page_did_not_show_is_not_played(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    await visitor.give(study, field_lists())
    await visitor.post(f"{study}/cluster/confirm", {"phones": "2"})
    await visitor.post(f"{study}/change/tick", {"unit": "TVS@pub"})
    (shown,) = _SHOWN.findall((await visitor.get(f"{study}/play")).text)
    planned: list[str] = []
    with trio.fail_after(120):
        while True:
            planned = _SHOWN.findall((await visitor.get(f"{study}/plan")).text)
            if planned:
                break
            await trio.sleep(0.1)
    assert planned == [shown]
    await visitor.post(f"{study}/change/tick", {"unit": "CAPF"})
    fields = {"order": "at-once", "shown": shown}
    said = await visitor.said(f"{study}/play", fields)
    assert "is another one since this page was loaded" in said
    assert "playing" not in said


async def test_times_say_their_zone(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    await visitor.begin()
    page = (await visitor.get("/")).text
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d [A-Z+-]\w*<", page)


async def test_commands_in_a_reason_are_set_as_code(rig: StudioRig) -> None:
    study = played_study()
    name = StudyArchive(rig.folder).add(study)
    visitor = await rig.signed_in()
    page = (await visitor.get(f"/studies/{name}/runs/{study.runs[0].id}")).text
    assert "<code>utils ctl update CTLFile</code> was not run." in page


async def test_a_button_that_is_refused_shows_why(rig: StudioRig) -> None:
    """The page stays where it is, so it has to load itself again."""
    visitor = await rig.signed_in()
    response = await visitor.post("/guided", {})
    study = response.headers["location"].removesuffix("/cluster")
    await visitor.post(f"{study}/cluster/confirm", {"phones": "2"})
    started = await visitor.post(f"{study}/play", {"order": "at-once", "paused": "yes"})
    run = started.headers["location"]
    fields = {"do": "node-down", "of": "nowhere"}
    answer = await visitor.post(run, fields, headers={"hx-request": "true"})
    assert answer.headers["hx-refresh"] == "true"
    assert "there is no such node or group" in (await visitor.get(run)).text
    await visitor.post(run, {"do": "stop"})
    said = await visitor.said(run, {"do": "pause"})
    assert "is over: nothing was done" in said


async def test_one_thing_is_not_called_several(rig: StudioRig) -> None:
    StudyArchive(rig.folder).add(played_study())
    visitor = await rig.signed_in()
    (study,) = set(re.findall(r"/studies/\w{16}", (await visitor.get("/")).text))
    pages = [(await visitor.get(f"{study}/{each}")).text for each in ("share", "look")]
    pages += [(await visitor.get("/")).text, (await visitor.get(f"{study}/play")).text]
    for page in pages:
        assert not re.search(r"\b1 [a-z]+s\b", page.partition("<main")[2])


async def test_the_sign_in_leads_back_to_the_page(rig: StudioRig) -> None:
    """The studio was started again while a page was open."""
    visitor = await rig.signed_in()
    study = await visitor.begin()
    visitor.client.cookies.clear()
    asked = await visitor.get(f"{study}/cluster?x=1")
    await visitor.get(asked.headers["location"])
    wrong = await visitor.post("/sign-in", {"key": "x", "next": f"{study}/cluster?x=1"})
    assert f'name="next" value="{study}/cluster?x=1"' in wrong.text
    entered = await visitor.post("/sign-in", {"key": KEY, "next": f"{study}/cluster"})
    assert entered.headers["location"] == f"{study}/cluster"
    visitor.client.cookies.clear()
    page = await visitor.said(f"{study}/cluster/forget", {"name": "x"})
    assert "nothing was done: sign in" in page
    assert f'name="next" value="{study}/cluster"' in page
    left = await visitor.post("/sign-in", {"key": KEY, "next": "//evil.example"})
    assert left.headers["location"] == "/"
