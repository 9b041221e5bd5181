"""SIGHUP: other settings and certificates, and no phone loses its connection."""

import re
import signal
import socket
import time
import urllib.request
from pathlib import Path

from tests.rigs.tvs_rig import client_context
from tests.system.serving import PUBLISHER, Served, lab_config, serving, tokenless
from tokenless.protocol.tvs.messages import Query
from tokenless.services.tvs.client import ServerAddress, TvsClient

REQUEST = b"\0\1ITLFile.tlv\0octet\0blksize\x001428\0"
LAB_DAYS = 1825
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


def shown_certificate(served: Served, service: str = "tvs") -> bytes | None:
    host, _, port = served.address(PUBLISHER, service).rpartition(":")
    context = client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain) as tls,
    ):
        return tls.getpeercert(binary_form=True)


def days_shown(served: Served, server: str) -> int:
    """Return what the metrics say of the certificate that a server shows."""
    (port,) = [each["port"] for each in served.ready if each["service"] == "metrics"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    pattern = (
        "tokenless_shown_certificate_days_to_expiry"
        rf'{{node="{PUBLISHER}",server="{server}"}} (\S+)'
    )
    found = re.search(pattern, text)
    assert found is not None, text
    return round(float(found[1]))


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


def test_what_is_shown_is_known_and_every_server_takes_it(tmp_path: Path) -> None:
    """Renewed in the database is not renewed for clients: both are told."""
    config = lab_config(tmp_path)
    config.write_text(f"{config.read_text()}\n[capf]\nenabled = true\nport = 0\n")
    servers = {"capf": ("CAPF", "CAPF"), "console": ("console", "tomcat")}
    with serving(tmp_path, "--console", "0", "--metrics", "0") as served:
        first = {service: shown_certificate(served, service) for service in servers}
        for server, unit in servers.values():
            renew = ("cert", "regenerate", "--node", PUBLISHER, "--days", "10", unit)
            done = tokenless(tmp_path, *renew)
            assert done.returncode == 0, done.stderr
            assert days_shown(served, server) == LAB_DAYS
        reload(served)
        for service, (server, _) in servers.items():
            assert shown_certificate(served, service) != first[service]
            assert days_shown(served, server) == 10
        assert days_shown(served, "TVS") == LAB_DAYS
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
