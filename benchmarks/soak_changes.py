"""What the administrator of the soak changes: each is a few commands, then resets.

Changes come from a shuffled deck: each comes before one comes again. A change that
makes new certificates is followed by a new CTL, restarts of TFTP and a reset of all
phones; the next change waits until every phone has followed.
"""

import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import trio

from benchmarks.soak_cluster import NODES, Pool, SoakCluster, configuration

_SERVICES: Final = {
    "CallManager": ("Cisco CallManager",),
    "TVS": ("Cisco Trust Verification Service",),
}
Change = Callable[[], Awaitable[str]]
"""Makes a change, and says what it was."""


class Administrator:
    """Makes one change after the other, as a seed decides."""

    def __init__(
        self,
        cluster: SoakCluster,
        pools: list[Pool],
        boots: Callable[[], int],
        release: str,
        seed: int,
    ) -> None:
        self._cluster = cluster
        self._boots = boots
        self._pools = pools
        self._release = release
        self._random = random.Random(seed)  # noqa: S311
        self._extra: dict[str, str] = {}
        self._added = 0
        self._turn = 0
        self._deck = self._shuffled()

    async def change(self) -> str:
        """Make the next change; return what it was."""
        return await next(self._deck)()

    def _shuffled(self) -> Iterator[Change]:
        while True:
            deck: list[Change] = [
                lambda: self._regenerate("CallManager"),
                lambda: self._regenerate("CallManager"),
                lambda: self._regenerate("TVS"),
                lambda: self._regenerate("TVS"),
                lambda: self._regenerate("CAPF", "pub"),
                lambda: self._regenerate("ITLRecovery", "pub"),
                self._regenerate_tomcat,
                self._add_device,
                self._remove_device,
                self._update_ctl,
                self._restart_tftp,
                self._restart_callmanager,
                self._turn_groups,
                self._back_up,
            ]
            self._random.shuffle(deck)
            yield from deck

    async def _regenerate(self, store: str, node: str | None = None) -> str:
        node = node or self._random.choice(list(NODES))
        await self._cluster.run("cert", "regenerate", store, "--node", node)
        await self._cluster.run("admin", "--yes", "utils ctl update CTLFile")
        for service in _SERVICES.get(store, ()):  # from then on it shows the new one
            await self._cluster.restart(service, node)
        await self._deliver()
        return f"regenerate {store} of {node}, update CTL, reset"

    async def _regenerate_tomcat(self) -> str:
        node = self._random.choice(list(NODES))
        await self._cluster.run("cert", "regenerate", "tomcat", "--node", node)
        return f"regenerate tomcat of {node}"

    async def _update_ctl(self) -> str:
        await self._cluster.run("admin", "--yes", "utils ctl update CTLFile")
        await self._deliver()
        return "update CTL, reset"

    async def _restart_tftp(self) -> str:
        await self._cluster.restart("Cisco Tftp")
        return "restart Cisco Tftp on all nodes"

    async def _restart_callmanager(self) -> str:
        await self._cluster.restart("Cisco CallManager")
        return "restart Cisco CallManager on all nodes"

    async def _add_device(self) -> str:
        self._added += 1
        name = f"SEP0011FF{self._added:06X}"
        pool = self._random.choice(self._pools)
        self._extra[name] = pool.name
        words = ("--pool", pool.name, "--model", pool.model)
        await self._cluster.run("device", "set", name, *words)
        return f"add {name}"

    async def _remove_device(self) -> str:
        name = next(iter(self._extra), None)
        if name is None:
            return await self._add_device()
        del self._extra[name]
        await self._apply("--prune")
        return f"remove {name}"

    async def _turn_groups(self) -> str:
        self._turn += 1
        await self._apply()
        await self._deliver()
        return "apply: groups begin with their next node, reset"

    async def _apply(self, *words: str) -> None:
        text = configuration(self._release, self._pools, self._turn, self._extra)
        self._cluster.config.write_text(text)
        file = str(self._cluster.config)
        await self._cluster.run("apply", "--config", file, "--yes", *words)

    async def _back_up(self) -> str:
        name = f"backup-{self._random.randrange(1 << 32):08x}.tar"
        target = self._cluster.folder / name
        await self._cluster.run("backup", str(target))
        target.unlink()
        return "backup"

    async def _deliver(self) -> None:
        """Restart TFTP, so that it makes new files, and let phones fetch them."""
        await self._cluster.restart("Cisco Tftp")
        before = self._boots()
        ordered = await trio.to_thread.run_sync(self._cluster.reset)
        # Until they have booted, they look as before. A phone whose node is killed
        # right now never hears of its reset.
        with trio.move_on_after(60):
            while self._boots() - before < ordered:  # noqa: ASYNC110
                await trio.sleep(0.2)
