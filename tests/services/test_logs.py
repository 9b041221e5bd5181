"""Logs: the vendor's line form, JSON, levels, and lines that nobody can forge."""

import errno
import fcntl
import io
import json
import logging
import os
import re
from pathlib import Path

import pytest

from tokenless.services.errors import ConfigurationError
from tokenless.services.logs import _SELDOM, LogLevel, configure_logs, get_logger


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def test_the_vendors_line_form(written: io.StringIO) -> None:
    configure_logs(level=LogLevel.DEBUG, to=written)
    get_logger().debug("tvsHandleQueryCertReq")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} \| debug tvsHandleQueryCertReq\n", written.getvalue()
    )


def test_what_is_known_follows(written: io.StringIO) -> None:
    configure_logs(to=written)
    get_logger(node="lab-pub").info("revision applied", revision=3)
    assert written.getvalue().endswith(
        "| info revision applied  node=lab-pub revision=3\n"
    )


def test_one_json_object_a_line(written: io.StringIO) -> None:
    configure_logs(json=True, to=written)
    get_logger(node="lab-pub").warning("zwykły", address=("127.0.0.1", 69))
    line = json.loads(written.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "event": "zwykły",
        "level": "warning",
        "node": "lab-pub",
        "address": ["127.0.0.1", 69],
    }


def test_a_level_leaves_out_what_is_below(written: io.StringIO) -> None:
    configure_logs(level=LogLevel.WARNING, to=written)
    get_logger().info("quiet")
    get_logger().error("loud")
    assert written.getvalue().count("\n") == 1


@pytest.mark.parametrize("json_form", [False, True])
def test_no_value_forges_a_line(written: io.StringIO, *, json_form: bool) -> None:
    configure_logs(json=json_form, to=written)
    hostile = "x\n12:00:00.000 | info forged\x1b[31m\r"
    get_logger().info(hostile, subject=hostile)
    assert written.getvalue().count("\n") == 1
    assert "\x1b" not in written.getvalue()
    assert "\r" not in written.getvalue()


def test_a_traceback_stays_readable(written: io.StringIO) -> None:
    configure_logs(to=written)
    try:
        int("boom")
    except ValueError:
        get_logger().exception("failed")
    assert "ValueError: invalid literal" in written.getvalue()


def test_the_environment_decides(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENLESS_LOG_LEVEL", "debug")
    monkeypatch.setenv("TOKENLESS_LOG_FORMAT", "json")
    configure_logs(to=written)
    get_logger().debug("seen")
    assert json.loads(written.getvalue())["event"] == "seen"


@pytest.mark.parametrize(
    ("name", "value"),
    [("TOKENLESS_LOG_LEVEL", "chatty"), ("TOKENLESS_LOG_FORMAT", "xml")],
)
def test_a_wrong_environment_is_explained(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=value):
        configure_logs()


def test_lines_that_find_no_room_are_counted_and_end_nothing(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as output, (tmp_path / "log").open("w") as room:
        configure_logs(to=output, json=True)
        get_logger().info("first")
        get_logger().info("second")
        os.dup2(room.fileno(), output.fileno())
        get_logger().info("third")
        get_logger().info("fourth")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["event"] for line in lines[1:]] == ["third", "fourth"]
    assert lines[0]["lost"] == 2


def test_a_torn_line_spoils_no_other() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb") as read, os.fdopen(writer, "w") as output:
        room = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
        configure_logs(to=output, json=True)
        get_logger().info("x" * 2 * room)
        get_logger().info("lost as well")
        assert len(read.read(room)) == room
        get_logger().info("whole")
        torn, *lines = read.read().decode().splitlines()
    assert torn == ""
    assert [json.loads(line).get("lost") for line in lines] == [2, None]


def test_a_reader_that_has_gone_ends_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        configure_logs(to=output)
        get_logger().info("nobody reads")


def test_missing_descriptors_are_told_in_one_line(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each listener wrote a trace of ten lines, ten times a second."""
    monkeypatch.setattr(_SELDOM, "_next", 0.0)
    configure_logs(to=written)
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    for _ in range(50):
        logging.getLogger("trio.serve_listeners").error(
            "no: %s", "EMFILE", exc_info=error
        )
    assert [each.partition("| ")[2] for each in written.getvalue().splitlines()] == [
        "error clients wait  reason=no: EMFILE"
    ]
