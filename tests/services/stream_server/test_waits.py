"""Deadlines: what expires, and who goes first when room is needed."""

import tracemalloc
import weakref

from tokenless.services.stream_server.connections.waits import Phase, Timers, Waits
from tokenless.services.stream_server.settings import StreamLimits

LIMITS = StreamLimits(first_byte_s=5, handshake_s=10, request_s=20, idle_s=30)


def waits(*entered: tuple[str, Phase, float]) -> Waits[str]:
    made: Waits[str] = Waits(LIMITS)
    for name, phase, now in entered:
        made.enter(name, phase, now)
    return made


def test_each_phase_has_its_own_limit() -> None:
    made = waits(*((phase.name, phase, 0.0) for phase in Phase))
    assert [name for name, _ in made.expired(4.9)] == []
    assert [name for name, _ in made.expired(5)] == ["FIRST_BYTE"]
    assert [name for name, _ in made.expired(20)] == [
        "FIRST_BYTE",
        "HANDSHAKE",
        "REQUEST",
    ]
    assert len(list(made.expired(30))) == 5


def test_only_those_in_time_are_spared() -> None:
    made = waits(("old", Phase.IDLE, 0.0), ("young", Phase.IDLE, 10.0))
    assert list(made.expired(35)) == [("old", Phase.IDLE)]


def test_moving_begins_anew_and_leaving_ends() -> None:
    made = waits(("a", Phase.IDLE, 0.0), ("b", Phase.IDLE, 1.0))
    made.move("a", Phase.IDLE, Phase.IDLE, 2.0)
    assert made.longest_waiting(3.0) == "b"
    made.leave("b", Phase.IDLE)
    assert made.longest_waiting(3.0) == "a"


def test_whoever_has_waited_longest_makes_room() -> None:
    """Not a phone between handshake and request, while others say nothing at all."""
    made = waits(("silent", Phase.FIRST_BYTE, 1.0), ("idle", Phase.IDLE, 9.0))
    assert made.longest_waiting(9.0) == "silent"
    made = waits(("silent", Phase.FIRST_BYTE, 9.0), ("idle", Phase.IDLE, 1.0))
    assert made.longest_waiting(9.0) == "idle"


def test_room_is_not_made_of_those_that_are_kept() -> None:
    made = waits(("phone", Phase.KEPT, 0.0), ("silent", Phase.FIRST_BYTE, 8.0))
    assert made.longest_waiting(9.0) == "silent"
    made.leave("silent", Phase.FIRST_BYTE)
    assert made.longest_waiting(9.0) is None


def test_one_that_came_just_now_is_not_sent_away() -> None:
    made = waits(("a", Phase.FIRST_BYTE, 10.0), ("b", Phase.HANDSHAKE, 10.1))
    assert made.longest_waiting(10.4) is None
    assert made.longest_waiting(10.5) == "a"
    made.leave("a", Phase.FIRST_BYTE)
    assert made.longest_waiting(10.55) is None
    assert made.longest_waiting(10.6) == "b"


def test_an_empty_table_has_nobody_to_send_away() -> None:
    assert waits().longest_waiting(100.0) is None


def test_a_timer_is_due_once_and_at_its_last_time() -> None:
    timers: Timers[str] = Timers()
    timers.set("phone", 10.0)
    timers.set("phone", 40.0)  # a keep-alive came
    timers.set("other", 20.0)
    timers.cancel("other")
    assert timers.due(39.0) == []
    assert timers.due(40.0) == ["phone"]
    assert timers.due(100.0) == []
    timers.set("phone", 120.0)
    timers.set("phone", 110.0)  # sooner than before
    assert timers.due(115.0) == ["phone"]
    assert timers.due(130.0) == []


def test_timers_that_are_set_again_and_again_take_no_room() -> None:
    timers: Timers[str] = Timers()
    for turn in range(1000):
        timers.set("phone", 60.0 + turn)
        timers.set("phone", 30.0 + turn)
    assert len(timers._heap) < 5


class Client:
    """A connection that may be watched."""


def test_an_ended_connection_does_not_stay_until_its_time() -> None:
    """Standby connections that end after the handshake kept 25 kB each for 120 s."""
    timers: Timers[Client] = Timers()
    ended, stays = Client(), Client()
    timers.set(ended, 120.0)
    timers.set(stays, 130.0)
    kept = weakref.ref(ended)
    timers.forget(ended)
    del ended
    assert kept() is None
    assert timers.due(125.0) == []
    assert timers.due(130.0) == [stays]


def test_entries_of_ended_connections_do_not_pile_up() -> None:
    timers: Timers[Client] = Timers()
    stays = Client()
    timers.set(stays, 50.0)
    tracemalloc.start()
    try:
        for _ in range(20_000):
            ended = Client()
            timers.set(ended, 120.0)
            timers.forget(ended)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 500_000
    assert timers.due(60.0) == [stays]


def test_a_deadline_that_moves_earlier_comes_once() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 100.0)
    timers.set("a", 50.0)
    assert timers.due(60.0) == ["a"]
    assert timers.due(200.0) == []
    timers.forget("a")
    timers.set("a", 300.0)
    timers.cancel("a")
    timers.set("a", 250.0)
    assert timers.due(250.0) == ["a"]
