"""A boot on record, and its replay."""

import pytest

from tests.rigs.cluster import Lab
from tests.rigs.phone_bench import nodes_of, phone
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.secd.record import BootRecorder, Replay

MIXED = Lab(mixed=True)


@pytest.fixture
def record() -> bytes:
    """The record of a boot with a question to TVS."""
    bench = phone(nodes_of(MIXED))
    bench.boot()
    bench.nodes = nodes_of(MIXED.regenerate_callmanager())
    recorder = BootRecorder()
    bench.boot(recorder)
    return recorder.finish(bench.secd.report.to_json())


def test_a_replay_is_the_same(record: bytes) -> None:
    replay = Replay(record)
    steps = list(replay)
    assert [step.event for step in steps] == [
        "PowerOn",
        "Downloaded",
        "TvsAnswered",
        "Downloaded",
        "Downloaded",
    ]
    assert not any(step.differs for step in steps)
    assert replay.is_same


def test_a_changed_record_differs(record: bytes) -> None:
    lines = record.splitlines(keepends=True)
    forged = lines[3].replace(b'"status":0', b'"status":1')
    assert forged != lines[3]
    replay = Replay(b"".join([*lines[:3], forged, *lines[4:]]))
    changed = next(step for step in replay if step.differs)
    assert changed.event == "TvsAnswered"
    assert not replay.is_same


def test_a_changed_report_differs(record: bytes) -> None:
    replay = Replay(record.replace(b'"outcome":"ok"', b'"outcome":"rejected"'))
    assert not any(step.differs for step in replay)
    assert not replay.is_same


def test_an_impossible_record_is_refused(record: bytes) -> None:
    lines = record.splitlines(keepends=True)
    with pytest.raises(PhoneError, match="event 2"):
        list(Replay(b"".join([lines[0], lines[1], lines[1], lines[-1]])))


@pytest.mark.parametrize(
    "data", [b"", b"{}\n{}\n", b"x\ny\n", b"\xff\n\xff\n", b"[]\n" * 20_000]
)
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(PhoneError):
        Replay(data)


def test_an_unknown_model_or_format_is_refused(record: bytes) -> None:
    for old, new in ((b'"7975"', b'"9999"'), (b'"format":2', b'"format":1')):
        with pytest.raises(PhoneError):
            Replay(record.replace(old, new))
