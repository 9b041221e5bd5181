"""`compose.yaml`, as docs/containers.md walks through it, under podman and Docker.

The page's commands are typed as they stand. Part of `make image`; an engine without its
compose is skipped: podman-compose, or Docker with the plugin or `docker-compose`.
"""

import os
import random
import signal
import sys
import time

import pytest

from tests.system.image.page import blocks, not_told, section
from tests.system.image.stack import PUBLISHER, SUBSCRIBER, Stack, admin_words

pytestmark = pytest.mark.timeout(1800)

KILLS = 10


def test_the_page_is_typed(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    typed = blocks(section("A cluster: `compose.yaml`"))
    assert len(typed) == 7
    began = time.monotonic()
    for number, (commands, shown) in enumerate(typed):
        told = stack.type(commands)
        assert not_told(shown, told) == [], told
        if number == 0:
            with capsys.disabled():
                took = time.monotonic() - began
                sys.stdout.write(f"\nhealthy {took:.1f} s after `up`\n")
    assert stack.checksum(PUBLISHER) == stack.checksum(SUBSCRIBER)


def test_a_call_of_two_phones(stack: Stack) -> None:
    called = stack.compose("--profile call run -T --rm call")
    assert called.count(" 0 refused") == 2


def test_the_engine_is_restarted(stack: Stack) -> None:
    before = stack.checksum(SUBSCRIBER)
    stack.restart_engine()
    stack.await_ready()
    assert "50 unchanged" in stack.boot()
    assert stack.checksum(PUBLISHER) == stack.checksum(SUBSCRIBER) == before


def test_phones_converge_after_each_of_ten_kills_in_mid_update(stack: Stack) -> None:
    """The first process of a node, and with it the administrator's command in it."""
    update = admin_words(PUBLISHER, "utils ctl update CTLFile")
    began = time.monotonic()
    stack.compose(*update)
    whole_s = time.monotonic() - began
    moments = random.Random(0)
    for number in range(KILLS):
        killed = (PUBLISHER, SUBSCRIBER)[number % 2]
        process = stack.process_of(killed)
        running = stack.begin(*update)
        time.sleep(moments.uniform(0, whole_s))
        os.kill(process, signal.SIGKILL)
        running.wait()
        stack.process_of(killed, other_than=process)
        stack.await_ready()
        stack.restart_tftp()
        stack.boot()
        assert stack.checksum(PUBLISHER) == stack.checksum(SUBSCRIBER)


def test_down_removes_everything(stack: Stack) -> None:
    stack.compose("--profile fleet --profile call down --volumes")
    assert stack.shell("docker volume ls --quiet") == ""
