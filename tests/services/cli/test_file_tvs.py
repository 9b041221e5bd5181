"""`tokenless file verify --tvs`: a real TVS daemon vouches for a list's signer."""

import contextlib
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

import pytest
import trio

from tests.rigs import defects, minting
from tests.rigs.lists import tokenless
from tests.rigs.tvs_rig import own_certificate, running
from tokenless.protocol.codes import Role
from tokenless.services.cli.main import main
from tokenless.services.tvs.caches import CachedCertificate
from tokenless.services.tvs.settings import TvsSettings

Outcome = tuple[int, dict[str, object], str]


def verify(path: Path, server: str, *options: str) -> Outcome:
    """Run the command in this thread, which blocks; standard streams are its own."""
    out, err = io.StringIO(), io.StringIO()
    words = ["verify", str(path), "--tvs", server, "--json", *options]
    sys.argv = ["tokenless", "file", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            status = stop.code
    assert isinstance(status, int)
    return status, json.loads(out.getvalue() or "{}"), err.getvalue()


async def ask(
    folder: Path, data: bytes, roles: tuple[int, ...], *options: str
) -> Outcome:
    path = folder / "list.tlv"
    path.write_bytes(data)
    entry = CachedCertificate.of(minting.server().certificate, roles)
    settings = TvsSettings((own_certificate(folder, fresh()),), port=0)
    async with running(settings, [entry]) as rig:
        host, port = rig.address
        return await trio.to_thread.run_sync(
            lambda: verify(path, f"{host}:{port}", *options)
        )


@cache
def fresh() -> minting.Identity:
    """Return a server's identity that has not expired: TLS clients look at dates."""
    key = minting.rsa_key(2048, "fresh tvs")
    certificate = minting.mint(
        minting.lab_name("tvs"),
        key,
        serial=minting.serial_of("fresh tvs"),
        digest="sha256",
        not_before=datetime.now(UTC).replace(microsecond=0) - timedelta(days=1),
    )
    return minting.Identity(certificate, key)


@pytest.fixture(autouse=True)
def _restore_argv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", list(sys.argv))


async def test_a_sast_is_vouched_for(tmp_path: Path) -> None:
    status, shown, _ = await ask(tmp_path, tokenless().data, (Role.CCM_TFTP, Role.SAST))
    assert status == 0
    assert shown["status"] == "verified"
    assert shown["verified_by"] == "tvs"
    assert "not authenticated" in str(shown["note"])


async def test_another_role_is_not_enough(tmp_path: Path) -> None:
    status, shown, err = await ask(tmp_path, tokenless().data, (Role.APP_SERVER,))
    assert status == 1
    assert shown["status"] == "self-consistent"
    assert "needs SAST" in err


async def test_a_key_that_tvs_does_not_vouch_for(tmp_path: Path) -> None:
    """The impostor has the names and serial of a certificate that TVS knows."""
    status, _, err = await ask(tmp_path, defects.impostors_list().data, (Role.SAST,))
    assert status == 1
    assert "made by another key than the one that TVS vouches for" in err


async def test_an_unknown_signer(tmp_path: Path) -> None:
    status, _, err = await ask(tmp_path, tokenless(2048).data, (Role.SAST,))
    assert status == 1
    assert "does not vouch" in err


async def test_the_server_can_be_authenticated(tmp_path: Path) -> None:
    right, wrong = tmp_path / "tvs.pem", tmp_path / "wrong.pem"
    right.write_bytes(fresh().certificate_pem)
    wrong.write_bytes(minting.server().certificate_pem)
    roles = (Role.SAST,)
    status, shown, err = await ask(
        tmp_path, tokenless().data, roles, "--tvs-ca", str(right)
    )
    assert (status, shown.get("note")) == (0, None), err
    status, shown, err = await ask(
        tmp_path, tokenless().data, roles, "--tvs-ca", str(wrong)
    )
    assert (status, shown["status"]) == (1, "self-consistent")
    assert "certificate is not accepted" in err


@pytest.mark.parametrize("server", ["127.0.0.1:1", "nohost.invalid"])
def test_nobody_there(tmp_path: Path, server: str) -> None:
    path = tmp_path / "list.tlv"
    path.write_bytes(tokenless().data)
    status, shown, err = verify(path, server)
    assert (status, shown["status"]) == (3, "unknown")
    assert f"TVS server {server}" in str(shown["reasons"])
    assert f"TVS server {server}" in err
    assert err.count("\n") == 1


def test_a_forged_list_needs_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "list.tlv"
    data = bytearray(tokenless().data)
    data[-1] ^= 1
    path.write_bytes(data)
    status, shown, _ = verify(path, "127.0.0.1:1")
    assert (status, shown["status"]) == (1, "not-verified")


def test_another_source_may_vouch_where_a_server_is_silent(tmp_path: Path) -> None:
    path, other = tmp_path / "list.tlv", tmp_path / "trusted.tlv"
    path.write_bytes(tokenless().data)
    other.write_bytes(tokenless().data)
    more = ("--tvs", "127.0.0.1:2", "--against", str(other))
    assert verify(path, "127.0.0.1:1", *more)[0] == 0


async def test_a_server_that_speaks_something_else(tmp_path: Path) -> None:
    async def talk(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.aclose()

    path = tmp_path / "list.tlv"
    path.write_bytes(tokenless().data)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, talk, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        host, port = listener.socket.getsockname()
        status, shown, _ = await trio.to_thread.run_sync(
            lambda: verify(path, f"{host}:{port}")
        )
        nursery.cancel_scope.cancel()
    assert (status, shown["status"]) == (3, "unknown")
