"""Independent judges of a TLS server: sslscan and gnutls-cli, where they are there."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.rigs.peers import require

_WEAK = ("NULL", "RC4", "DES", "EXP", "ADH", "MD5")


@dataclass(frozen=True)
class Scan:
    """What sslscan found."""

    protocols: dict[str, bool]
    """Which are enabled."""
    ciphers: frozenset[str]
    text: str

    def assert_nothing_is_broken(self) -> None:
        """Assert what no server of today may have."""
        assert not self.protocols["SSLv2"]
        assert not self.protocols["SSLv3"]
        assert "not vulnerable to heartbleed" in self.text
        assert "  vulnerable" not in self.text
        assert self.ciphers
        for weak in _WEAK:
            assert not [each for each in self.ciphers if weak in each]


async def run(*command: str, stdin: bytes = b"") -> tuple[int, str]:
    """Run a program while the server goes on; return status and what it printed."""

    def do() -> tuple[int, str]:
        done = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=90,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    return await trio.to_thread.run_sync(do)


async def scan(address: str, port: int, own: Path | None = None) -> Scan:
    """Let sslscan try every version and cipher that it knows.

    Args:
        address: Of the server.
        port: Of the server.
        own: A client's certificate and its key, PEM in one file.
    """
    shown = () if own is None else (f"--certs={own}", f"--pk={own}")
    where = f"{address}:{port}"
    _, text = await run(require("sslscan"), "--no-colour", *shown, where)
    lines = [line.split() for line in text.splitlines()]
    protocols = {
        line[0]: line[1] == "enabled"
        for line in lines
        if len(line) == 2 and line[1] in {"enabled", "disabled"}
    }
    ciphers = frozenset(
        word
        for line in lines
        if line[:1] in (["Accepted"], ["Preferred"])
        for word in line[4:5]
    )
    return Scan(protocols, ciphers, text)


async def gnutls_says(address: str, port: int, version: str, said: bytes = b"") -> str:
    """Let GnuTLS shake hands in one version, say something, and print what came.

    Args:
        address: Of the server.
        port: Of the server.
        version: A priority string's: `TLS1.2`.
        said: What it sends afterwards.
    """
    # 1,024 bits and SHA-1 are the lab's; GnuTLS takes both at its lowest level only.
    priority = f"NORMAL:-VERS-ALL:+VERS-{version}:%VERIFY_ALLOW_SIGN_WITH_SHA1"
    _, text = await run(
        require("gnutls-cli"),
        *("--insecure", "--priority", f"{priority}:%PROFILE_VERY_WEAK"),
        *("--port", str(port), address),
        stdin=said,
    )
    return text
