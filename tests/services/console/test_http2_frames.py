"""Floods of HTTP/2 frames are counted, however they are cut into packets."""

from collections import deque

import pytest

from tokenless.services.console.bounds.http2_frames import (
    FRAMES_PER_S,
    MAX_EMPTY_FRAMES,
    MAX_SETTINGS,
    FrameMeter,
    TooManyFramesError,
)

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _PRIORITY, _RESET, _SETTINGS, _PUSH, _PING = range(7)
_WINDOW_UPDATE, _CONTINUATION = 8, 9


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return a frame of stream 1."""
    return len(payload).to_bytes(3) + bytes([kind, 0, 0, 0, 0, 1]) + payload


def meter() -> FrameMeter:
    """Return the meter of a connection after its preface."""
    fresh = FrameMeter(0.0)
    fresh.receive(_PREFACE, 0.0)
    return fresh


@pytest.mark.parametrize(
    "kind", [_DATA, _PRIORITY, _RESET, _SETTINGS, _PING, _CONTINUATION, 200]
)
@pytest.mark.parametrize("piece_bytes", [1, 7, 100_000])
def test_a_flood_of_frames_that_bring_nothing_ends(kind: int, piece_bytes: int) -> None:
    flood = _PREFACE + frame(kind) * (MAX_EMPTY_FRAMES + 1)
    counted = FrameMeter(0.0)
    starts = range(0, len(flood), piece_bytes)
    pieces = [flood[start : start + piece_bytes] for start in starts]
    with pytest.raises(TooManyFramesError):
        deque((counted.receive(piece, 0.0) for piece in pieces), maxlen=0)


def test_so_many_at_once_are_taken_and_one_more_is_not() -> None:
    """Also on a clock that runs for years, and once more when it was silent."""
    pings = frame(_PING, bytes(8)) * MAX_EMPTY_FRAMES
    counted = FrameMeter(1e6)
    counted.receive(_PREFACE, 1e6)
    counted.receive(pings, 1e6)
    counted.receive(pings, 2e6)
    with pytest.raises(TooManyFramesError):
        counted.receive(frame(_PING, bytes(8)), 2e6)


def test_what_a_clock_shows_is_no_time_that_passed() -> None:
    counted = FrameMeter(1e6)
    counted.receive(_PREFACE + frame(_PING) * MAX_EMPTY_FRAMES, 1e6)
    with pytest.raises(TooManyFramesError):
        counted.receive(frame(_PING), 1e6)


def test_a_payload_in_two_packets_hides_no_flood_behind_it() -> None:
    counted, payload = meter(), b"\xff" * 100
    whole = frame(_DATA, payload)
    counted.receive(whole[:-50], 0.0)
    with pytest.raises(TooManyFramesError):
        counted.receive(whole[-50:] + frame(_PING) * (MAX_EMPTY_FRAMES + 1), 0.0)


def test_as_many_in_a_longer_time_are_taken() -> None:
    counted = meter()
    for second in range(10 * MAX_EMPTY_FRAMES):
        counted.receive(frame(_PING, bytes(8)) * 10, float(second))


def test_settings_are_counted_for_the_connections_life() -> None:
    counted = meter()
    for second in range(MAX_SETTINGS // 2):
        counted.receive(frame(_SETTINGS, bytes(6)), 3600.0 * second)
    with pytest.raises(TooManyFramesError):
        counted.receive(frame(_SETTINGS, bytes(6)), 1e9)


def test_settings_are_counted_one_by_one() -> None:
    with pytest.raises(TooManyFramesError):
        meter().receive(frame(_SETTINGS, bytes(6 * MAX_SETTINGS)), 0.0)


def test_settings_that_are_cut_short_are_none() -> None:
    counted = meter()
    for second in range(MAX_SETTINGS):
        counted.receive(frame(_SETTINGS, bytes(5)), float(second))


@pytest.mark.parametrize("kind", [_DATA, _HEADERS, _WINDOW_UPDATE])
def test_frames_of_honest_transfers_wait_when_they_are_many(kind: int) -> None:
    counted = meter()
    assert counted.receive(frame(kind, bytes(4)) * FRAMES_PER_S, 0.0) == 0.0
    assert counted.receive(frame(kind, bytes(4)) * FRAMES_PER_S, 0.0) == 1.0
    assert counted.receive(b"", 1.0) == 0.0
