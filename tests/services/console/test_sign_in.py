"""The sign-in: where it leads, and what it says of a form that came too late."""

import pytest

from tests.rigs.console_rig import PASSWORD, add_users, console_of
from tokenless.services.changes.console_users import add_user
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.guard import is_of_user
from tokenless.services.console.sessions import COOKIE, IDLE_S, Sessions
from tokenless.services.store.console_users import ConsoleRole

FOUND = "/cmplatform/certificates?find=1&field=common-name"
REGENERATE = "/cmplatform/certificates/1/regenerate"


async def test_the_sign_in_leads_to_the_whole_address_also_after_a_wrong_password(
    lab: Cluster,
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        late = console.visitor()
        asked = await late.get(FOUND)
        await late.get(asked.headers["location"])
        where = FOUND.replace("&", "&amp;")
        for word in ("wrong", "wrong again"):
            answer = await late.post(
                "/sign-in", {"name": "ray", "password": word, "next": FOUND}
            )
            assert f'name="next" value="{where}"' in answer.text
        led = await late.post(
            "/sign-in", {"name": "ray", "password": PASSWORD, "next": FOUND}
        )
        assert led.headers["location"] == FOUND


async def test_a_form_that_comes_after_the_session_is_said_not_to_be_done(
    lab: Cluster,
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        alice = await console.signed_in("alice")
        alice.client.cookies.clear()
        page = await alice.said(REGENERATE, {"key-size": "2048"})
        assert "nothing was changed: sign in and do it again" in page
        assert 'name="next" value="/cmplatform/certificates/1"' in page
        alice.client.cookies.clear()
        page = await alice.said("/sign-in", {"name": "alice", "password": PASSWORD})
        assert "nothing was changed: sign in and do it again" in page
        assert lab.store.revision() == before


async def test_a_live_page_of_nobody_is_loaded_again_as_a_whole(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        nobody = console.visitor(**{"hx-request": "true"})
        answer = await nobody.get("/")
        assert (answer.headers["hx-refresh"], answer.text) == ("true", "")


async def test_an_open_page_is_told_that_its_console_was_started_again(
    lab: Cluster,
) -> None:
    """Without a sign-in, too: its stream would begin and end for ever."""
    async with console_of(lab, asks_nobody=True) as console:
        left = console.visitor()
        left.client.cookies.set(COOKIE, "of the console before")
        assert (await left.client.get("/live")).status_code == 403


async def test_a_page_says_which_change_it_was_made_after(lab: Cluster) -> None:
    """What happens between a page and its stream of events is not passed over."""
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        numbers, page = [], ""
        async with alice.client.stream("GET", "/live") as stream:
            async for line in stream.aiter_lines():
                _, is_data, number = line.partition("data: ")
                numbers += [number] if is_data else []
                if number == "1":
                    # The first look has found the cluster as it is.
                    page = (await alice.get("/")).text
                    add_user(lab, "bob", ConsoleRole.READ, PASSWORD, by="test")
                elif number == "2":
                    await alice.post("/sign-out")
                    add_user(lab, "carol", ConsoleRole.READ, PASSWORD, by="test")
        assert numbers == ["0", "1", "2"]
        assert 'data-known="1"' in page


@pytest.mark.parametrize(
    ("headers", "is_user"),
    [
        ({"accept": "text/html"}, True),
        ({"hx-request": "true"}, False),
        ({"accept": "text/event-stream"}, False),
    ],
)
def test_what_a_live_page_fetches_by_itself_is_not_its_users(
    headers: dict[str, str], is_user: bool
) -> None:
    assert is_of_user(headers) is is_user


def test_a_session_is_prolonged_by_its_user_only() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    value, session = sessions.begin("alice")
    now = IDLE_S
    assert sessions.find(value, prolongs=False) is session
    now += 1
    assert sessions.find(value) is None
