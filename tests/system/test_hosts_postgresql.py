"""Publisher and subscriber as two hosts: folders of their own, one PostgreSQL.

What `docs/operations-database.md` says, as users type it; then the database goes away.
"""

import json
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.rigs.postgresql import Server, running_server
from tests.rigs.warm_start import WarmPopen
from tests.system.hosts.patience import wait_until
from tests.system.serving import (
    PATIENCE_S,
    PUBLISHER,
    SUBSCRIBER,
    Served,
    environment,
    lab_config,
    serving,
    tokenless,
)

ROLE = "sub1"
UPDATE = "utils ctl update CTLFile"


class Hosts:
    """Two hosts and their database."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        self.publisher, self.subscriber = folder / "pub", folder / "sub"
        database = server.create_database()
        self.urls = {
            self.publisher: server.url(database),
            self.subscriber: server.url(database, ROLE),
        }
        for host in self.urls:
            host.mkdir()
            lab_config(host)

    def run(self, host: Path, *words: str) -> CompletedProcess[str]:
        return tokenless(host, *words, "--database-url", self.urls[host])

    def admin(self, host: Path, line: str) -> CompletedProcess[str]:
        node = PUBLISHER if host == self.publisher else SUBSCRIBER
        options = ("--node", node, "--yes", "--database-url", self.urls[host])
        return tokenless(host, "admin", *options, line)

    def boot(self, served: Served, node: str) -> str:
        """Boot a phone; return how it went."""
        flash = served.folder / "flash"
        done = tokenless(
            served.folder,
            *("phone", "boot", "--device", "SEP001122334455", "--model", "7975"),
            *("--flash", str(flash), "--tftp", served.address(node), "--json"),
        )
        return str(json.loads(done.stdout)["outcome"])

    def ctl(self, host: Path) -> bytes:
        node = PUBLISHER if host == self.publisher else SUBSCRIBER
        return (host / "data/nodes" / node / "tftp/CTLFile.tlv").read_bytes()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with running_server() as server:
        hosts = Hosts(tmp_path, server)
        server.create_role(ROLE)
        file = str(tmp_path / "node.json")
        password = ("--password", "what travels is sealed")
        for host, words in (
            (hosts.publisher, ("init",)),
            (hosts.publisher, ("node", "grant", SUBSCRIBER, "--role", ROLE)),
            (
                hosts.publisher,
                ("node", "export", SUBSCRIBER, "--output", file, *password),
            ),
            (hosts.subscriber, ("node", "import", file, *password)),
        ):
            done = hosts.run(host, *words)
            assert done.returncode == 0, done.stderr
        yield hosts


@pytest.mark.parametrize(
    "lock",
    [
        "processnode IN EXCLUSIVE MODE",  # ports are told
        "published IN ACCESS EXCLUSIVE MODE",  # TFTP's files are made
        "certificate IN ACCESS EXCLUSIVE MODE",  # every service loads its own
    ],
)
def test_a_start_that_waits_for_the_database_can_be_stopped(
    hosts: Hosts, lock: str
) -> None:
    """Nobody takes the lock away: the database could hang as well."""
    host = hosts.publisher
    name = hosts.urls[host].rpartition("/")[2]
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with (
        hosts.server.superuser(name) as other,
        hosts.server.superuser(name) as look,
        (host / "serve.log").open("w") as log,
        other.transaction(),
    ):
        other.execute(f"LOCK TABLE {lock}")
        words = ["serve", "--database-url", hosts.urls[host]]
        with WarmPopen(words, cwd=host, env=environment(host), stderr=log) as process:
            wait_until(lambda: look.execute(waiting).fetchone() != (0,), "it waits")
            process.send_signal(signal.SIGTERM)
            status = process.wait(PATIENCE_S)
    said = (host / "serve.log").read_text()
    assert (status, "lock timeout" in said) == (0, False), said


def test_nodes_on_two_hosts_follow_one_database(hosts: Hosts) -> None:
    with (
        serving(hosts.publisher, "--database-url", hosts.urls[hosts.publisher]) as pub,
        serving(
            hosts.subscriber, "--database-url", hosts.urls[hosts.subscriber]
        ) as sub,
    ):
        assert {each["node"] for each in pub.ready} == {PUBLISHER}
        assert {each["node"] for each in sub.ready} == {SUBSCRIBER}
        _change_reaches_both(hosts, pub, sub)
        _database_goes_and_comes(hosts, pub, sub)
        _publisher_is_killed(hosts, pub, sub)
        assert sub.stop() == 0
        for host, url in hosts.urls.items():
            secret = url.split(":")[2].split("@")[0]
            kept = b"".join(p.read_bytes() for p in host.rglob("*.json"))
            assert secret.encode() not in kept
            assert secret not in (host / "serve.log").read_text()
    done = hosts.admin(hosts.publisher, UPDATE)
    assert f"node {SUBSCRIBER} is down" in done.stdout + done.stderr
    with serving(hosts.subscriber, "--database-url", hosts.urls[hosts.subscriber]):
        assert hosts.ctl(hosts.subscriber) == hosts.ctl(hosts.publisher)


def _change_reaches_both(hosts: Hosts, pub: Served, sub: Served) -> None:
    done = hosts.admin(hosts.publisher, "utils ctl set-cluster mixed-mode")
    assert done.returncode == 0, done.stderr
    assert "is down" not in done.stdout + done.stderr, sub.log
    # The command has waited for the other host, too.
    assert hosts.ctl(hosts.subscriber) == hosts.ctl(hosts.publisher)
    for host in (hosts.publisher, hosts.subscriber):
        done = hosts.admin(host, "utils service restart Cisco Tftp")
        assert done.returncode == 0, done.stderr
    assert hosts.boot(pub, PUBLISHER) == "ok"
    assert hosts.boot(sub, SUBSCRIBER) == "ok"
    done = hosts.admin(hosts.subscriber, "set cert regen TVS")
    assert done.returncode == 1
    assert "may only read" in done.stderr


def _has_logged(served: Served, words: str) -> bool:
    return words in served.log


def _database_goes_and_comes(hosts: Hosts, pub: Served, sub: Served) -> None:
    hosts.server.stop()
    for line in (UPDATE, "utils service restart Cisco Tftp"):
        done = hosts.admin(hosts.publisher, line)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "start PostgreSQL" in done.stderr
    assert hosts.boot(pub, PUBLISHER) == "ok"
    assert hosts.boot(sub, SUBSCRIBER) == "ok"
    before = hosts.ctl(hosts.publisher)
    for each in (pub, sub):
        wait_until(partial(_has_logged, each, "cannot follow the database"), "a notice")
    hosts.server.start()
    done = hosts.admin(hosts.publisher, UPDATE)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "cannot apply" not in said, pub.log
    assert "is down" not in said, sub.log
    assert hosts.ctl(hosts.publisher) != before, said
    assert hosts.ctl(hosts.subscriber) == hosts.ctl(hosts.publisher), said
    for each in (pub, sub):
        wait_until(partial(_has_logged, each, "following the database again"), "again")
        assert 1 <= len(re.findall("cannot follow the database", each.log)) <= 4


def _publisher_is_killed(hosts: Hosts, pub: Served, sub: Served) -> None:
    pub.stop(signal.SIGKILL)
    assert hosts.boot(sub, SUBSCRIBER) == "ok"
    done = hosts.admin(hosts.publisher, UPDATE)
    assert f"node {PUBLISHER} is down" in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
