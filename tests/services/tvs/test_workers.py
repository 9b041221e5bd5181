"""Several processes on one port: fed, counted, replaced, and ended."""

import os
import signal
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.rigs import lists, minting
from tests.rigs.tvs_rig import (
    PUBLISHER,
    Rig,
    ask,
    client_context,
    own_certificate,
    phone,
    query_for,
    running,
    settings_for,
    verify_for,
)
from tests.rigs.waiting import is_alive, until
from tokenless.services.errors import ServiceError
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.stream_server.worker import StreamSetup
from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.counters import TvsCount
from tokenless.services.tvs.guest import CachesState, unpack_caches
from tokenless.services.tvs.server import TvsServer
from tokenless.services.tvs.settings import LegacyListener
from tokenless.services.workers.frames import (
    Begin,
    Drain,
    FrameStream,
    Ready,
    Settings,
    State,
    pack_frame,
)


def children_of(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for thread in threads for each in thread.read_text().split()]


def pool_of_this_process() -> int:
    pools = [
        pid
        for pid in children_of(os.getpid())
        if b"workers.pool" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(pools) == 1
    return pools[0]


async def ask_often(rig: Rig, times: int = 40) -> None:
    for session in range(times):
        answer = await ask(rig.address, query_for(PUBLISHER, session))
        assert answer.is_trusted
        assert answer.session_id == session


async def test_workers_answer_and_are_counted_together(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, workers=2)) as rig:
        assert len(children_of(pool_of_this_process())) == 2
        await ask_often(rig)
        await until(lambda: rig.count(TvsCount.QUERIES) == 40)
        await until(lambda: rig.count(StreamCount.CONNECTIONS_OPEN) == 0)
        assert rig.count(TvsCount.ANSWERS_TRUSTED) == 40


async def test_who_is_cancelled_while_the_pool_begins_leaves_no_process(
    tmp_path: Path,
) -> None:
    server = TvsServer(Caches(), settings_for(tmp_path, workers=2))
    before = set(children_of(os.getpid()))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve)
            await server.bind()
            while set(children_of(os.getpid())) <= before:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert set(children_of(os.getpid())) <= before


async def test_a_changed_cache_reaches_every_worker(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, workers=2), []) as rig:
        assert not (await ask(rig.address, verify_for(PUBLISHER))).is_trusted
        rig.server.caches.ctl.replace(lists.tokenless().data, lambda _: True)
        in_a_row = 0  # at whichever worker: twenty times, so that it was at both
        while in_a_row < 20:
            answer = await ask(rig.address, verify_for(PUBLISHER))
            in_a_row = in_a_row + 1 if answer.is_trusted else 0


async def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, workers=2)) as rig:
        pool = pool_of_this_process()
        first, second = children_of(pool)
        os.kill(first, signal.SIGKILL)
        await ask_often(rig)  # those in the dead one's backlog wait for the next
        await until(lambda: len(children_of(pool)) == 2)
        assert second in children_of(pool)
        assert first not in children_of(pool)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_to_the_group_are_left_to_the_daemon(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, a service manager and a terminal that closes reach all its processes."""
    async with running(settings_for(tmp_path, workers=2)) as rig:
        pool = pool_of_this_process()
        processes = [pool, *children_of(pool)]
        for each in processes:
            os.kill(each, number)
        await ask_often(rig, 4)
        assert [pool_of_this_process(), *children_of(pool)] == processes


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_ticket_is_good_at_every_worker(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    async with running(settings_for(tmp_path, workers=2)) as rig:
        context, session = client_context(version), None
        for _ in range(30):
            session = await trio.to_thread.run_sync(
                lambda session: blocking_exchange(rig.address, context, session),
                session,
            )
        await until(lambda: rig.count(TvsCount.QUERIES) == 30)
        assert rig.count(StreamCount.HANDSHAKES_FULL) == 1
        assert rig.count(StreamCount.HANDSHAKES_RESUMED) == 29


def blocking_exchange(
    address: tuple[str, int], context: ssl.SSLContext, session: ssl.SSLSession | None
) -> ssl.SSLSession | None:
    tcp = socket.create_connection(address)
    tls = context.wrap_socket(tcp, session=session)
    tls.sendall(query_for(PUBLISHER).encode())
    assert tls.recv(65536)
    session = tls.session
    tls.close()
    return session


async def test_certificates_are_reloaded_worker_by_worker(tmp_path: Path) -> None:
    new = own_certificate(tmp_path, minting.server("tvs-new", 2048))
    settings = settings_for(tmp_path, workers=2)
    async with running(settings) as rig, phone(rig.address) as old:
        pool = pool_of_this_process()
        workers = set(children_of(pool))
        rig.server.reload(replace(settings, certificates=(new,)))
        await until(lambda: len(workers & set(children_of(pool))) == 1)
        assert (await old.ask(query_for(PUBLISHER))).is_trusted
        for _ in range(20):
            async with phone(rig.address) as client:
                assert client.tls.getpeercert(binary_form=True) == new.der
                assert (await client.ask(query_for(PUBLISHER))).is_trusted
        await trio.aclose_forcefully(old.tls)
        await until(lambda: not workers & set(children_of(pool)))
        assert len(children_of(pool)) == 2


async def test_the_end_of_the_pool_is_an_error_and_of_its_workers(
    tmp_path: Path,
) -> None:
    workers: list[int] = []

    async def kill_the_pool() -> None:
        async with running(settings_for(tmp_path, workers=2)):
            pool = pool_of_this_process()
            workers.extend(children_of(pool))
            os.kill(pool, signal.SIGKILL)
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await kill_the_pool()
    assert caught.group_contains(ServiceError, match="TVS workers has ended")
    assert len(workers) == 2
    await until(lambda: not [pid for pid in workers if is_alive(pid)])


async def test_the_pool_runs_no_code_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "tokenless"
    stranger.mkdir()
    (stranger / "__init__.py").write_text("open('ran', 'w').close()")
    monkeypatch.chdir(tmp_path)
    async with running(settings_for(tmp_path, workers=2)) as rig:
        await ask_often(rig, 2)
    assert not (tmp_path / "ran").exists()


async def test_stopping_frees_the_port(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, workers=2)
    async with running(settings) as rig:
        await ask_often(rig, 4)
        address = rig.address
        workers = children_of(pool_of_this_process())
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream(*address)
    await until(lambda: not [pid for pid in workers if is_alive(pid)])
    async with running(replace(settings, port=address[1])) as rig:
        await ask_often(rig, 4)


async def test_a_port_in_use_is_noticed_though_workers_share_theirs(
    tmp_path: Path,
) -> None:
    async with running(settings_for(tmp_path, workers=2)) as rig:
        taken = settings_for(tmp_path, workers=2, port=rig.address[1])
        with pytest.raises(ServiceError, match=f"port {rig.address[1]}: Address"):
            await TvsServer(Caches(), taken).bind()


async def test_workers_have_legacy_listeners_too(tmp_path: Path) -> None:
    lab = own_certificate(tmp_path, minting.server("tvs-lab", 1024))
    settings = settings_for(
        tmp_path, certificates=(lab,), legacy=LegacyListener(port=0), workers=2
    )
    old = client_context(ssl.TLSVersion.TLSv1, ciphers="AES256-SHA:@SECLEVEL=0")
    async with running(settings) as rig:
        assert rig.server.legacy_address is not None
        for _ in range(10):
            answer = await ask(rig.server.legacy_address, query_for(PUBLISHER), old)
            assert answer.is_trusted


def test_the_caches_reach_a_worker_as_they_are() -> None:
    caches, others = Caches(), Caches()
    caches.db.replace([PUBLISHER])
    caches.ctl.replace(lists.tokenless().data, lambda _: True)
    state = CachesState(caches)
    before = state.version()
    unpack_caches(state.pack(), others)
    assert others.snapshot() == caches.snapshot()
    caches.db.replace([])
    assert state.version() != before


def test_settings_there_and_back(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path, legacy=LegacyListener(1), client_ca=tmp_path, workers=3
    )
    setup = StreamSetup(settings.for_streams(), "module:name", 8, 5)
    assert StreamSetup.unpack(setup.pack()) == setup


def test_frames_there_and_back_however_they_are_cut() -> None:
    frames: list[Begin | State | Settings | Drain | Ready] = [
        Begin("module:Job", "TVS", "pub", b"settings", ((3, 4), (5, 6))),
        State(b"\xff" * 100_000),
        Settings(b""),
        Drain(),
        Ready(),
    ]
    data, stream = b"".join(pack_frame(each) for each in frames), FrameStream()
    received = []
    for start in range(0, len(data), 7):
        received += stream.receive(data[start : start + 7])
    assert received == frames
