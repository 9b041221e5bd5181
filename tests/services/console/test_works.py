"""Forms that take long: a page shows how far they are, and leads on when they end."""

import json
import threading

import httpx
import pytest
import trio

from tests.rigs.console_rig import add_users, console_of
from tests.rigs.waiting import until
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.sessions import Session
from tokenless.services.console.works import MAX_RUNNING, Work, Works

PARAMETERS = "/ccmadmin/enterprise-parameters"
SAVE = {"AutoRegistration": "False"}


class Holder:
    """Another administrator, in the middle of a change until told to end it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.is_held = threading.Event()
        self.may_end = threading.Event()

    def hold(self) -> None:
        with self._cluster.store.change("test", "held", by="other"):
            self.is_held.set()
            self.may_end.wait()


async def events_of(client: httpx.AsyncClient, path: str) -> list[tuple[str, object]]:
    """Read a work's events to their end."""
    response = await client.get(path)
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for event in response.text.split("\n\n"):
        if event:
            name, data = event.split("\n")
            said = json.loads(data.removeprefix("data: "))
            found.append((name.removeprefix("event: "), said))
    return found


async def test_a_form_that_waits_shows_how_far_it_is(lab: Cluster) -> None:
    add_users(lab)
    holder = Holder(lab)
    async with console_of(lab) as console, trio.open_nursery() as nursery:
        alice = await console.signed_in("alice")
        ray = await console.signed_in("ray")
        await alice.get(PARAMETERS)
        nursery.start_soon(trio.to_thread.run_sync, holder.hold)
        await trio.to_thread.run_sync(holder.is_held.wait)
        form = SAVE | {"csrf": alice.csrf}
        began = await alice.client.post(PARAMETERS, data=form)
        where = began.headers["location"]
        assert where.startswith("/works/")
        page = await alice.client.get(where)
        assert "<progress" in page.text
        # It is its own session's: others learn neither its state nor its answer.
        assert (await ray.client.get(where)).headers["location"] == "/"
        assert (await ray.client.get(f"{where}/events")).status_code == 404
        assert (
            await console.visitor().client.get(f"{where}/events")
        ).status_code == 404
        holder.may_end.set()
        *steps, last = await events_of(alice.client, f"{where}/events")
        assert last == ("over", {})
        for name, state in steps:
            assert name == "work"
            assert isinstance(state, dict)
            assert 0 <= state["done"] < state["total"]
        over = await alice.client.get(where)
        assert over.headers["location"] == PARAMETERS
        assert "Update Successful" in (await alice.client.get(PARAMETERS)).text
        # The answer is given once.
        assert (await alice.client.get(where)).headers["location"] == "/"
    assert lab.parameters()["AutoRegistration"] == "False"


async def test_a_live_view_takes_no_sentence_of_a_form(lab: Cluster) -> None:
    """A view that follows the cluster asks while a form is at work."""
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        await alice.get(PARAMETERS)
        assert (await alice.post(PARAMETERS, SAVE)).status_code == 303
        live = await alice.client.get(PARAMETERS, headers={"hx-request": "true"})
        assert "Update Successful" not in live.text
        assert "Update Successful" in (await alice.client.get(PARAMETERS)).text


async def test_a_browser_that_leaves_does_not_end_its_work(lab: Cluster) -> None:
    add_users(lab)
    holder = Holder(lab)
    async with console_of(lab) as console, trio.open_nursery() as nursery:
        alice = await console.signed_in("alice")
        await alice.get(PARAMETERS)
        nursery.start_soon(trio.to_thread.run_sync, holder.hold)
        await trio.to_thread.run_sync(holder.is_held.wait)
        form = SAVE | {"csrf": alice.csrf}
        began = await alice.client.post(PARAMETERS, data=form)
        assert began.headers["location"].startswith("/works/")
        await alice.client.aclose()
        holder.may_end.set()
        await until(lambda: lab.parameters()["AutoRegistration"] == "False")


def session_of(user: str) -> Session:
    return Session(user, "token", 0.0, 0.0)


async def test_what_a_work_fails_with_reaches_its_browser() -> None:
    works = Works()

    def fail() -> None:
        raise ZeroDivisionError

    async with trio.open_nursery() as nursery:
        with pytest.raises(ZeroDivisionError):
            await works.run(nursery, Work(session_of("alice")), fail)  # type: ignore[arg-type]


async def test_there_are_not_endlessly_many_works() -> None:
    works = Works()
    end = threading.Event()

    def wait() -> None:
        end.wait()

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as starting:
            for _ in range(MAX_RUNNING):
                work = Work(session_of("alice"))
                starting.start_soon(works.run, nursery, work, wait)  # type: ignore[arg-type]
        with pytest.raises(Exception, match="Too many operations are running"):
            await works.run(nursery, Work(session_of("ray")), wait)  # type: ignore[arg-type]
        end.set()


def test_steps_are_counted_to_a_known_end() -> None:
    work = Work(session_of("alice"), total=3)
    seen = [work.state]
    for words in ("one", "two", "three", "more than were expected"):
        work.begin(words)
        seen.append(work.state)
    assert [done for done, _, _ in seen] == [0, 0, 1, 2, 2]
    assert all(total == 3 for _, total, _ in seen)
