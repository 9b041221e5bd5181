"""The console beside phones that boot: how long pages take, what TFTP and TVS lose.

    python -m benchmarks.console [--phones 2000] [--views 50]

A lab is served with its console in one process. A fleet boots twice, each time after
the CTL has got another signer, so that every phone fetches its files and asks TVS:
alone, and while browsers hold live views open and load pages all the time. The goal:
pages under 200 ms in the median, and the fleet keeps 90% of its rate.
"""

import argparse
import json
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import httpx
import trio

ROOT = Path(__file__).parents[1]
TOKENLESS = (sys.executable, "-m", "tokenless")
PASSWORD = "correct horse battery"  # noqa: S105 - of a lab that lasts a minute
NODES = ("cucm-1051-a-pub", "cucm-1051-a-sub1")
PATHS = (
    "/",
    "/cmplatform/certificates?find=1",
    "/ccmservice/control-center",
    "/cucreports",
)
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


def run(folder: Path, *words: str) -> str:
    """Run a command; end with its error when it fails."""
    done = subprocess.run(
        [*TOKENLESS, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def change_signer(folder: Path) -> None:
    """Let another key sign what phones get: they ask TVS at their next boot."""
    for line in ("set cert regen CallManager", "utils ctl update CTLFile"):
        run(folder, "admin", "--yes", line)
    for node in NODES:
        line = "utils service restart Cisco Tftp"
        run(folder, "admin", "--yes", "--node", node, line)


def boot(
    folder: Path, phones: int, tftp: str, name: str = "flash"
) -> dict[str, object]:
    """Boot a fleet; return its report."""
    out = run(
        folder,
        *("fleet", "boot", "--count", str(phones), "--first-mac", "001122000000"),
        *("--model", "7975", "--flash", name, "--tftp", tftp, "--json"),
    )
    report: dict[str, object] = json.loads(out.splitlines()[-1])
    return report


def client(base: str) -> httpx.AsyncClient:
    """Return a browser that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return httpx.AsyncClient(base_url=base, verify=context, timeout=60)


async def view(base: str, cookies: httpx.Cookies, stop: trio.Event) -> None:
    """Hold one live view open."""
    async with client(base) as browser:
        browser.cookies = cookies
        async with browser.stream("GET", "/live") as events:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_cancel, stop, scope)
                    async for _ in events.aiter_bytes():
                        pass


async def _cancel(stop: trio.Event, scope: trio.CancelScope) -> None:
    await stop.wait()
    scope.cancel()


async def load(base: str, cookies: httpx.Cookies, stop: trio.Event) -> list[float]:
    """Load pages one after the other, as a person who reads them: five a second."""
    took = []
    async with client(base) as browser:
        browser.cookies = cookies
        while not stop.is_set():
            for path in PATHS:
                begun = time.perf_counter()
                response = await browser.get(path)
                took.append(time.perf_counter() - begun)
                if response.status_code != httpx.codes.OK:
                    sys.exit(f"{path}: {response.status_code}")
                await trio.sleep(0.2)
    return took


async def sign_in(base: str) -> httpx.Cookies:
    """Sign in; return what the browser keeps."""
    async with client(base) as browser:
        found = _CSRF.search((await browser.get("/sign-in")).text)
        token = "" if found is None else found.group(1)
        form = {"name": "alice", "password": PASSWORD, "csrf": token}
        response = await browser.post("/sign-in", data=form)
        if response.status_code != httpx.codes.SEE_OTHER:
            sys.exit("the sign-in was refused")
        return browser.cookies


async def together(
    folder: Path, base: str, tftp: str, phones: int, views: int
) -> tuple[dict[str, object], list[float]]:
    """Boot a fleet beside browsers."""
    cookies = await sign_in(base)
    stop = trio.Event()
    took: list[float] = []

    async def keep_loading() -> None:
        took.extend(await load(base, cookies, stop))

    async with trio.open_nursery() as nursery:
        for _ in range(views):
            nursery.start_soon(view, base, cookies, stop)
        nursery.start_soon(keep_loading)
        await trio.sleep(2)
        begun = partial(boot, folder, phones, tftp)
        report = await trio.to_thread.run_sync(begun)
        stop.set()
    return report, took


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--phones", type=int, default=2000)
    parser.add_argument("--views", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = (ROOT / "configs/lab.toml").read_text()
        text = re.sub(r"^(\w*port) = \d+", r"\1 = 0", text, flags=re.MULTILINE)
        (folder / "lab.toml").write_text(f"{text}\n[console]\nport = 0\n")
        run(folder, "init", "--config", "lab.toml")
        run(folder, "console", "user", "add", "alice", f"--password={PASSWORD}")
        run(folder, "admin", "--yes", "utils ctl set-cluster mixed-mode")
        with subprocess.Popen(
            [*TOKENLESS, "serve", "--config", "lab.toml"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as served:
            assert served.stdout is not None  # noqa: S101  # it is a pipe
            sockets: dict[str, str] = {}
            for line in served.stdout:
                event = json.loads(line)
                if event["event"] == "serving":
                    break
                where = f"{event['address']}:{event['port']}"
                sockets.setdefault(event["service"], where)
            try:
                boot(folder, options.phones, sockets["tftp"])
                change_signer(folder)
                alone = boot(folder, options.phones, sockets["tftp"])
                change_signer(folder)
                beside, took = trio.run(
                    together,
                    folder,
                    f"https://{sockets['console']}",
                    sockets["tftp"],
                    options.phones,
                    options.views,
                )
            finally:
                served.terminate()
    slow = statistics.median(took) * 1000
    print(f"phones alone:        {alone['phones_per_second']} a second")
    print(f"beside {options.views} views:    {beside['phones_per_second']} a second")
    print(f"outcomes:            {beside['outcomes']}, TVS {beside['tvs_answers']}")
    print(f"pages:               {len(took)}, median {slow:.0f} ms")


if __name__ == "__main__":
    main()
