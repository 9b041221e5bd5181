"""Files that have to be signed first: no client waits long for what others asked."""

import threading
import time
from collections.abc import Callable
from functools import partial

from tests.rigs.tftp_rig import FILES, Rig, rig
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.files.source import Content, MemoryFiles, UnpreparedFile


class SlowFiles(MemoryFiles):
    """Files whose `.sgn` names have to be made; it counts and dates the making."""

    def __init__(self) -> None:
        super().__init__(dict(FILES))
        self.made: list[str] = []
        self.threads: set[str] = set()

    def find(self, name: str) -> Content:  # type: ignore[override]
        if not name.endswith(".sgn") or name in self.files:
            return super().find(name)
        return UnpreparedFile(partial(self._make, name), partial(self._keep, name))

    def _make(self, name: str) -> bytes:
        self.threads.add(threading.current_thread().name)
        if name.startswith("broken"):
            raise OverflowError("can't convert negative int to unsigned")
        time.sleep(0.002)
        self.made.append(name)
        return name.encode()

    def _keep(self, name: str, made: bytes) -> bytes:
        return self.files.setdefault(name, made)


def turn_until(server: Rig, is_done: Callable[[], bool]) -> None:
    """Turn while the thread works; it is bounded by pytest's time-out."""
    while not is_done():
        server.turn()
        time.sleep(0.001)


def test_signing_happens_in_one_thread_and_never_in_the_loop() -> None:
    files = SlowFiles()
    with rig(source=files) as server:
        clients = [server.client(f"127.0.7.{n}") for n in range(1, 21)]
        for number, client in enumerate(clients):
            client.ask(f"{number}.sgn")
        server.turn()
        turn_until(server, lambda: len(files.files) == len(FILES) + 20)
        server.turn()
        for number, client in enumerate(clients):
            assert client.one()[0][4:] == f"{number}.sgn".encode()
        assert files.threads == {"tftp background"}


def test_one_client_that_makes_up_names_gets_few_signatures() -> None:
    """Its requests replace each other: what nobody waits for is not signed."""
    files = SlowFiles()
    with rig(source=files) as server:
        attacker, honest = server.client("127.0.7.1"), server.client("127.0.7.2")
        for number in range(500):
            attacker.ask(f"{number}.sgn")
            server.turn()
        honest.ask("honest.sgn")
        turn_until(server, lambda: "honest.sgn" in files.files)
        server.turn()
        assert honest.one()[0][4:] == b"honest.sgn"
        assert len(files.made) < 100


def test_an_address_that_asks_for_thousands_keeps_another_waiting_for_few() -> None:
    files = SlowFiles()
    with rig(source=files) as server:
        attackers = [server.client("127.0.7.1") for _ in range(1200)]
        for number, attacker in enumerate(attackers):
            attacker.ask(f"{number}.sgn")
            if number % 100 == 99:
                server.turn()
        honest = server.client("127.0.7.2")
        server.fetch(honest, "small")
        before = len(files.made)
        honest.ask("honest.sgn")
        turn_until(server, lambda: "honest.sgn" in files.files)
        assert len(files.made) - before < 40
        assert server.counters[Count.OVER_LIMIT] > 0
        server.turn()
        assert honest.one()[0][4:] == b"honest.sgn"


def test_a_file_that_cannot_be_made_ends_one_request() -> None:
    files = SlowFiles()
    with rig(source=files) as server:
        client = server.client()
        client.ask("broken.sgn")
        turn_until(server, lambda: bool(server.log))
        assert client.one()[0] == b"\0\5\0\0The file cannot be made\0"
        assert "OverflowError" in str(server.log[0]["reason"])
        assert server.fetch(client, "large") == FILES["large"]


def test_a_repeated_request_for_a_file_that_is_being_made_waits_once() -> None:
    files = SlowFiles()
    with rig(source=files) as server:
        client = server.client()
        for _ in range(5):
            client.ask("a.sgn")
        turn_until(server, lambda: "a.sgn" in files.files)
        server.turn()
        assert client.one()[0][4:] == b"a.sgn"
        assert server.counters[Count.DUPLICATES] == 4
        assert files.made == ["a.sgn"]
