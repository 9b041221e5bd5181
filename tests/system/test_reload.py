"""SIGHUP: other settings and certificates, and no phone loses its connection."""

import signal
import socket
import time
from pathlib import Path

from tests.rigs.tvs_rig import client_context
from tests.system.serving import PUBLISHER, Served, serving, tokenless
from tokenless.protocol.tvs.messages import Query
from tokenless.services.tvs.client import ServerAddress, TvsClient

REQUEST = b"\0\1ITLFile.tlv\0octet\0blksize\x001428\0"
NOBODY = Query(7, "SEP001122334455", "CN=nobody", "CN=nobody", b"\1")


def reload(served: Served, line: str = "| info reloaded") -> None:
    before = served.log.count(line)
    served.process.send_signal(signal.SIGHUP)
    while served.log.count(line) == before:
        assert served.process.poll() is None
        time.sleep(0.05)


def tvs(served: Served) -> tuple[str, int]:
    host, _, port = served.address(PUBLISHER, "tvs").rpartition(":")
    return host, int(port)


def shown_certificate(served: Served) -> bytes | None:
    with (
        socket.create_connection(tvs(served), timeout=10) as plain,
        client_context().wrap_socket(plain) as tls,
    ):
        return tls.getpeercert(binary_form=True)


def agreed(served: Served) -> bytes:
    """Return the publisher's answer to a phone that wishes for large blocks."""
    host, _, port = served.address(PUBLISHER).rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(REQUEST, (host, int(port)))
        return client.recv(2000)


def test_certificates_and_settings_are_taken(tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    with serving(tmp_path) as served, TvsClient(ServerAddress(*tvs(served))) as old:
        old.ask(NOBODY)
        first = shown_certificate(served)
        assert agreed(served) == b"\0\6blksize\x001428\0"
        done = tokenless(tmp_path, "cert", "regenerate", "--node", PUBLISHER, "TVS")
        assert done.returncode == 0, done.stderr
        assert shown_certificate(served) == first
        text = config.read_text()
        config.write_text(
            text.replace("\n[tftp]\n", "\n[tftp]\nmax_block_size = 600\n")
        )
        reload(served)
        assert "tftp.max_block_size" in served.log
        assert shown_certificate(served) != first
        assert agreed(served) == b"\0\6blksize\x00600\0"
        old.ask(NOBODY)
        assert served.stop() == 0


def test_what_waits_for_a_restart_is_said(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        config = tmp_path / "lab.toml"
        text = config.read_text()
        config.write_text(text.replace("\n[tvs]\n", "\n[tvs]\nworkers = 2\n"))
        reload(served, "apply after a restart")
        assert "tvs.workers" in served.log


def test_a_bad_configuration_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        for bad in ("[tftp]\nprot = 69\n", "no TOML"):
            (tmp_path / "lab.toml").write_text(bad)
            reload(served, "configuration not reloaded")
        assert agreed(served) == b"\0\6blksize\x001428\0"
        assert served.stop() == 0
