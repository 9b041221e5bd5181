"""The pages over HTTPS: who is let in, what is refused, what stays when it is over."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.rigs.studio_rig import FIELD, KEY, StudioRig, field_lists, studio_in
from tests.rigs.studio_studies import played_study
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.archive import StudyArchive
from tokenless.phone_emulator.studio.server import StudioSettings, serve_studio
from tokenless.phone_emulator.studio.sharing import write_study
from tokenless.services.errors import ServiceError


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[StudioRig]:
    async with studio_in(tmp_path / "studio") as rig:
        yield rig


async def test_only_who_knows_the_key_is_let_in(rig: StudioRig) -> None:
    stranger = rig.visitor()
    assert (await stranger.get("/")).headers["location"] == "/sign-in?next=%2F"
    part = await rig.visitor(**{"hx-request": "true"}).get("/studies/x/runs/y/live")
    assert (part.text, part.headers["hx-refresh"]) == ("", "true")
    assert (await stranger.get("/sign-in?key=wrong")).status_code == 403
    await stranger.get("/sign-in")
    refused = await stranger.post("/sign-in", {"key": "wrong"})
    assert refused.status_code == 403
    entered = await stranger.post("/sign-in", {"key": KEY})
    assert "key" not in entered.headers["location"]
    assert (await stranger.get("/")).status_code == 200


async def test_a_form_without_its_token_or_of_another_site_does_nothing(
    rig: StudioRig,
) -> None:
    visitor = await rig.signed_in()
    without = await visitor.post("/studies", {"name": "x"}, csrf="other")
    assert without.status_code == 403
    headers = {"origin": "https://evil.example"}
    foreign = await visitor.post("/studies", {"name": "x"}, headers=headers)
    assert foreign.status_code == 403
    assert "There is no study yet" in (await visitor.get("/")).text


async def test_an_address_of_another_machine_is_refused_as_such(
    tmp_path: Path,
) -> None:
    settings = StudioSettings(tmp_path, "192.0.2.77", 0)
    with pytest.raises(ServiceError, match=r"listen on 192\.0\.2\.77") as refused:
        await serve_studio(settings)
    assert refused.value.hint is not None
    assert "an address of this machine" in refused.value.hint


async def test_no_sign_in_is_for_loopback_and_its_names_only(tmp_path: Path) -> None:
    settings = StudioSettings(tmp_path, "0.0.0.0", 0, asks_nobody=True)  # noqa: S104
    with pytest.raises(PhoneError, match="open to all"):
        await serve_studio(settings)
    async with studio_in(tmp_path, asks_nobody=True) as rig:
        assert (await rig.visitor().get("/")).status_code == 200
        rebound = rig.visitor(host="evil.example")
        assert (await rebound.get("/")).status_code == 403


async def test_every_guess_is_on_the_page_before_anything_is_played(
    rig: StudioRig,
) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    page = await visitor.give(study, field_lists())
    assert "6 guesses" in page
    await visitor.post(f"{study}/change/tick", {"unit": "TVS@pub"})
    page = (await visitor.get(f"{study}/play")).text
    assert "the release is a guess" in page
    assert "the CallManager group is a guess" in page
    assert re.search(r"<button disabled[^>]*>Play</button>", page)
    said = await visitor.said(f"{study}/play", {"order": "at-once"})
    assert "were not confirmed" in said
    await visitor.post(f"{study}/cluster/confirm", {"phones": "4"})
    page = (await visitor.get(f"{study}/play")).text
    assert not re.search(r"<button disabled[^>]*>Play</button>", page)


async def test_a_wrong_paste_shows_its_line_with_the_reason(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    cut = field_lists()["ctl.txt"].decode().splitlines()[:60]
    page = await visitor.said(f"{study}/cluster/give", {"paste": "\n".join(cut)})
    assert "the text ends early" in page
    assert 'class="wrong"' in page
    assert f"{cut[0]}\n{cut[1]}" in page.partition("<textarea")[2]
    assert "As understood" not in page


async def test_an_empty_file_is_accounted_for(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    page = await visitor.give(study, {**field_lists(), "CTLFile.tlv": b""})
    assert "CTLFile.tlv is empty" in page
    assert "As understood" in page


async def test_a_private_key_is_neither_shown_nor_kept(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    key = b"-----BEGIN RSA PRIVATE KEY-----\nMIIBsecret\n"
    page = await visitor.give(study, {"tomcat.pem": key})
    assert "tomcat.pem is a private key" in page
    assert "MIIBsecret" not in page


async def test_lists_of_one_name_are_both_kept_and_left_out_alone(
    rig: StudioRig,
) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    ctl, *itls = field_lists().values()
    await visitor.give(study, {"the CTL.txt": ctl})
    await visitor.give(study, {"ITLFile.txt": itls[0]})
    page = await visitor.give(study, {"ITLFile.txt": itls[1]})
    assert re.findall(r'"Leave out ([^"]+)"', page) == [
        *("the_CTL.txt", "ITLFile.txt", "ITLFile-2.txt")
    ]
    again = await visitor.give(study, {"ITLFile.txt": itls[1]})
    assert again.count("Leave out</button>") == 3
    other = (FIELD / "ec-ctl.txt").read_bytes()
    await visitor.give(study, {"other.txt": other})
    page = (await visitor.get(f"{study}/cluster")).text
    assert "the_CTL.txt and other.txt are different" in page
    assert "As understood" not in page
    page = await visitor.said(f"{study}/cluster/forget", {"name": "other.txt"})
    assert "As understood" in page
    page = await visitor.said(f"{study}/cluster/forget", {"name": "the_CTL.txt"})
    assert "the_CTL.txt" not in page.partition("History of the study")[0]


async def test_a_change_outlives_a_new_look_at_the_cluster(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    await visitor.give(study, field_lists())
    await visitor.post(f"{study}/change/tick", {"unit": "TVS@sub1"})
    await visitor.said(f"{study}/cluster/correct", {"version": "11.5(1)"})
    page = (await visitor.get(f"{study}/change")).text
    assert re.findall(r'name="unit" value="(\S+)" checked', page) == ["TVS@sub1"]
    said = await visitor.said(f"{study}/cluster/confirm", {"phones": "many"})
    assert "is not a number of phones" in said


async def test_corrections_are_read_with_the_sources_again(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    await visitor.give(study, field_lists())
    page = await visitor.said(
        f"{study}/cluster/correct", {"version": "11.5(1)", "members": "sub1, pub"}
    )
    assert "release 11.5(1)" in page
    assert "the release is a guess" not in page
    wrong = {"version": "eleven", "members": "sub1"}
    page = await visitor.said(f"{study}/cluster/correct", wrong)
    assert "is not a release" in page
    assert 'value="eleven"' in page
    assert "release 11.5(1)" in page


async def test_answers_that_were_not_read_yet_are_not_lost(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    await visitor.give(study, field_lists())
    answers = {"answers": "yes", "version": "12.5(1)", "phones": "300"}
    page = await visitor.said(f"{study}/cluster/confirm", answers)
    assert "read again with your answers" in page
    assert "release 12.5(1)" in page
    assert 'value="300"' in page
    assert "Phone Interaction on Certificate Update: phones are reset by hand" in page
    page = await visitor.said(f"{study}/cluster/confirm", answers)
    assert "Tick the certificates" in page


async def test_a_wrong_line_of_the_ticket_is_told_beside_it(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = await visitor.begin()
    await visitor.give(study, field_lists())
    ticket = {"commands": "set cert regen TVS\nutils servce restart Cisco Tftp"}
    page = await visitor.said(f"{study}/change/paste", ticket)
    assert "no such command: utils servce" in page
    assert "utils servce restart Cisco Tftp</textarea>" in page


async def test_a_study_is_shared_and_opened(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    given = write_study(played_study(), is_anonymous=False)
    page = await visitor.said("/open", file=given)
    assert "pub-voice" in page
    (study,) = re.findall(r'action="(/studies/\w+)/cluster/confirm', page)
    shared = await visitor.post(f"{study}/share", {"runs": "yes", "anonymous": "yes"})
    assert "attachment" in shared.headers["content-disposition"]
    assert "pub-voice" not in shared.text
    assert "node-1" in shared.text
    assert "is not a study" in await visitor.said("/open", file=b'{"name": "x"}')


async def test_a_report_says_what_was_tested_and_what_not(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    StudyArchive(rig.folder).add(played_study())
    (study,) = set(
        re.findall(r'"(/studies/\w+)/cluster"', (await visitor.get("/")).text)
    )
    page = (await visitor.get(f"{study}/report")).text
    for words in (
        *("Tested", "Not tested", "Rollback", "Verification", "Sign-off", "10.5(1)"),
        "STUCK 1 of 2 phones",
        "Fault put in by hand: step 1, before line 2: phones off office-7975",
        "Real phones, their firmware and their network",
        "lists are signed with SHA1 here",
    ):
        assert words in page, words
    assert "NOT THE STUDY AS IT IS NOW" not in page
    await visitor.post(f"{study}/change/tick", {"unit": "CAPF"})
    page = (await visitor.get(f"{study}/report")).text
    assert "NOT THE STUDY AS IT IS NOW" in page
    assert "<li>regenerate TVS on pub-voice</li>" in page
    alone = (await visitor.get(f"{study}/report.html")).text
    assert "<link" not in alone
    assert "break-inside" in alone
    toml = (await visitor.get(f"{study}/report.toml")).text
    assert 'name = "CHG77"' in toml
    assert "# Played there with 2 phones; --phones sets the number" in toml
    unknown = await visitor.get(f"{study}/report?run={'0' * 16}")
    assert unknown.status_code == 400
    assert "there is no such rehearsal" in unknown.text


async def test_a_run_that_broke_off_is_not_called_safe(rig: StudioRig) -> None:
    study = played_study()
    broken = replace(study.runs[0], state="failed", error="it failed", steps=())
    name = StudyArchive(rig.folder).add(replace(study, runs=(broken,)))
    visitor = await rig.signed_in()
    page = (await visitor.get(f"/studies/{name}/report")).text
    assert "Not every line was carried out" in page
    assert "After no step is a phone stuck" not in page


async def test_a_run_whose_last_line_was_refused_is_not_called_safe(
    rig: StudioRig,
) -> None:
    """No line was left out after it, and no phone is stuck."""
    study = played_study()
    run = study.runs[0]
    steps = tuple(
        replace(each, groups=(), calls=(), tone="plain", left_out=())
        for each in run.steps
    )
    last = replace(steps[-1], tone="bad", verdict="BROKE OFF", refusal="no CTL")
    broken = replace(run, state="done", steps=(*steps[:-1], last), total=len(steps))
    name = StudyArchive(rig.folder).add(replace(study, runs=(broken,)))
    visitor = await rig.signed_in()
    page = (await visitor.get(f"/studies/{name}/report")).text
    assert "Not every line was carried out" in page
    assert "After no step is a phone stuck" not in page


async def test_a_look_before_the_window_is_kept_and_exported(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    study = f"/studies/{StudyArchive(rig.folder).add(played_study())}"
    await visitor.get(f"{study}/look")
    page = await visitor.said(f"{study}/look/preflight", {})
    assert "regenerate TVS@pub-voice" in page
    assert "0 new, 0 gone" in await visitor.said(f"{study}/look/preflight", {})
    (first, second) = (await visitor.get(f"{study}/look.json")).json()
    assert first["findings"] == second["findings"] != []
    rows = (await visitor.get(f"{study}/look.csv")).text.splitlines()
    assert len(rows) > len(first["findings"]) + len(second["findings"])
    assert rows[0].startswith("at,kind,about,severity")


async def test_the_screen_of_a_phone_has_menus_that_lead_on(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    run = (
        f"/studies/{StudyArchive(rig.folder).add(played_study())}/runs/0123456789abcdef"
    )
    here = f"{run}/phone?step=1&group=office-7975"
    page = (await visitor.get(here)).text
    assert "lock: encrypted" in page
    for words in ("Settings", "1  Security Configuration", "2  Trust List"):
        (to,) = re.findall(rf'<a href="([^"]+)"><rect[^<]*<text[^>]*>{words}<', page)
        page = (await visitor.get(to.replace("&amp;", "&"))).text
    assert "CTL File" in page
    assert (await visitor.get(f"{run}/phone?step=9&group=x")).status_code == 400


async def test_a_damaged_study_does_not_hide_the_others(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    archive = StudyArchive(rig.folder)
    broken = archive.add(played_study())
    archive.add(played_study())
    (rig.folder / "studies" / broken / "study.json").write_text("{")
    page = (await visitor.get("/")).text
    assert "CHG77" in page
    assert "Damaged studies" in page
    answer = await visitor.get(f"/studies/{broken}/cluster")
    assert answer.status_code == 400
    assert "cannot be read" in answer.text
    said = await visitor.said(f"/studies/{broken}/delete", {})
    assert f"The study {broken} was deleted" in said
    assert "Damaged studies" not in said
    absent = await visitor.get(f"/studies/{'0' * 16}/cluster")
    assert "there is no such study" in absent.text


async def test_a_form_after_the_session_is_said_not_to_be_done(rig: StudioRig) -> None:
    visitor = await rig.signed_in()
    visitor.client.cookies.clear()
    page = await visitor.said("/studies", {"name": "CHG1"})
    assert "nothing was done: sign in and do it again" in page
