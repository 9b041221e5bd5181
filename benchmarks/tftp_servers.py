"""The TFTP servers that are compared: how each is started, and what it costs."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
HOST: Final = "127.0.0.1"
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RMEM_DEFAULT: Final = Path("/proc/sys/net/core/rmem_default")
BIG_BUFFER_BYTES: Final = 8 << 20
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_START_S: Final = 15.0

Command = Callable[[int, Path], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server program and the way it is started."""

    name: str
    program: str
    command: Command
    needs_big_kernel_buffers: bool = False
    """True if net.core.rmem_default is raised while it opens its socket."""
    counts_cpu: bool = True
    """True if its CPU can be read: not of children that nobody waits for."""
    fixed_port: int | None = None
    """The only port that it can serve; ports below 1024 need root."""

    @property
    def why_not(self) -> str | None:
        """Return why it cannot be measured here, or None."""
        if find_program(self.program) is None:
            return f"{self.program} is not installed"
        if self.fixed_port is not None and os.geteuid():
            return f"only root may bind port {self.fixed_port}"
        if self.needs_big_kernel_buffers and not os.access(_RMEM_DEFAULT, os.W_OK):
            return "net.core.rmem_default can only be raised by root"
        return None


def find_program(name: str) -> str | None:
    """Return where a program is; a path stays as it is."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")


def ours(name: str, *arguments: str) -> Server:
    """Return our server with settings."""

    def command(port: int, root: Path) -> Sequence[str]:
        module = ("-m", "benchmarks.tftp_ours")
        return [sys.executable, *module, str(port), str(root), *arguments]

    return Server(name, sys.executable, command)


def ours_of(checkout: Path) -> Server:
    """Return our server as another checkout has it."""

    def command(port: int, root: Path) -> Sequence[str]:
        # Before `src/` the packages lay at the top.
        paths = f"PYTHONPATH={checkout / 'src'}:{checkout}"
        there = ("env", "-C", str(checkout), paths, sys.executable)
        return [*there, "-m", "benchmarks.tftp_ours", str(port), str(root)]

    return Server(f"tokenless of {checkout}", "env", command)


def _dnsmasq(_port: int, root: Path) -> Sequence[str]:
    words = (
        "--keep-in-foreground --conf-file=/dev/null --port=0 --user=root --enable-tftp"
        " --tftp-max=10000 --bind-interfaces --except-interface=none"
        " --log-facility=/dev/null --pid-file"
    )
    return [
        "dnsmasq",
        *words.split(),
        f"--listen-address={HOST}",
        f"--tftp-root={root}",
    ]


def _tftpd_hpa(port: int, root: Path) -> Sequence[str]:
    return ["in.tftpd", "-L", "-a", f"{HOST}:{port}", "-u", "root", "-s", str(root)]


def _atftpd(port: int, root: Path) -> Sequence[str]:
    words = (
        f"atftpd --daemon --no-fork --port {port} --bind-address {HOST}"
        " --user root.root --maxthread 10000 --logfile /dev/null --verbose=0"
    )
    return [*words.split(), str(root)]


OURS: Final = ours("tokenless")
OURS_SINGLE_PORT: Final = ours("tokenless, single port", "--ports=single")
DNSMASQ: Final = Server("dnsmasq", "dnsmasq", _dnsmasq, fixed_port=69)
DNSMASQ_BIG: Final = Server(
    "dnsmasq, 8 MB", "dnsmasq", _dnsmasq, needs_big_kernel_buffers=True, fixed_port=69
)
TFTPD_HPA: Final = Server("tftpd-hpa", "in.tftpd", _tftpd_hpa, counts_cpu=False)
ATFTPD: Final = Server("atftpd", "atftpd", _atftpd)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has been started."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        """Return the CPU seconds of the server with its children, ended ones too."""
        return sum(_cpu_s(pid) for pid in self._processes())

    def resident_mb(self) -> float:
        """Return the resident memory of the server with its children."""
        return sum(_resident_mb(pid) for pid in self._processes())

    def _processes(self) -> Sequence[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, children.split())]


@contextlib.contextmanager
def running(server: Server, root: Path) -> Iterator[Running]:
    """Start a server, wait until it has its socket, and end it afterwards."""
    port = server.fixed_port or _free_port()
    with _kernel_buffers(BIG_BUFFER_BYTES if server.needs_big_kernel_buffers else None):
        command = list(server.command(port, root))
        command[0] = find_program(command[0]) or command[0]
        process = subprocess.Popen(
            command,
            cwd=HERE.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            take_precedence(process.pid)
            _wait_for(process, port)
        except BaseException:
            _end(process)
            raise
    try:
        yield Running(process.pid, port)
    finally:
        _end(process)


def take_precedence(pid: int) -> None:
    """Let a process with its session go before what else the machine does.

    TFTP_BENCH_NICE=-15 does it for the servers and the generator alike (root only).
    The kernel weighs sessions, not processes, where autogroups are on.
    """
    nice = os.environ.get("TFTP_BENCH_NICE")
    if nice is not None:
        os.setpriority(os.PRIO_PROCESS, pid, int(nice))
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(nice)


@contextlib.contextmanager
def _kernel_buffers(size: int | None) -> Iterator[None]:
    """Let sockets that are opened meanwhile have large receive buffers."""
    if size is None:
        yield
        return
    before = _RMEM_DEFAULT.read_text()
    _RMEM_DEFAULT.write_text(str(size))
    try:
        yield
    finally:
        _RMEM_DEFAULT.write_text(before)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the kernel lists a UDP socket on the port."""
    wanted = f":{port:04X}"
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        lines = Path("/proc/net/udp").read_text().splitlines()[1:]
        if any(line.split()[1].endswith(wanted) for line in lines):
            return
        if process.poll() is not None:
            msg = f"{process.args!r} ended with status {process.returncode}"
            raise RuntimeError(msg)
        time.sleep(0.02)
    msg = f"{process.args!r} did not open port {port}"
    raise RuntimeError(msg)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server that we started, with the children of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _cpu_s(pid: int) -> float:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except FileNotFoundError:
        return 0.0
    # utime, stime, and those of children that were waited for: fields 14 to 17.
    return sum(int(field) for field in after_name.split()[11:15]) / _TICKS_A_SECOND


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
