"""A studio behind a real socket, and browsers that keep cookies and run nothing."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import trio

from tests.rigs.any_server import any_server
from tests.rigs.console_rig import Visitor
from tokenless.phone_emulator.studio.server import StudioSettings, serve_studio

KEY = "the-key-of-the-tests"
FIELD = Path(__file__).parents[1] / "field"
LISTS = ("ctl.txt", "itl-pub.txt", "itl-sub1.txt")


class StudioVisitor(Visitor):
    """One browser at a studio."""

    async def give(self, study: str, files: Mapping[str, bytes]) -> str:
        """Drop files on the page Your cluster; return the page that answers."""
        response = await self.client.post(
            f"{study}/cluster/give",
            data={"csrf": self.csrf},
            files=[("files", each) for each in files.items()],
        )
        assert response.status_code == 303, response.text
        return (await self.get(response.headers["location"])).text

    async def begin(self, name: str = "CHG1") -> str:
        """Begin a study; return its path."""
        await self.get("/")
        response = await self.post("/studies", {"name": name})
        where: str = response.headers["location"]
        return where.removesuffix("/cluster")


def field_lists() -> dict[str, bytes]:
    """Return the lists of the two-node cluster of the field cases."""
    return {name: (FIELD / name).read_bytes() for name in LISTS}


class StudioRig:
    """A studio, and new browsers for it."""

    def __init__(self, base: str, folder: Path) -> None:
        self.base = base
        self.folder = folder
        self._clients: list[httpx.AsyncClient] = []

    def visitor(self, **headers: str) -> StudioVisitor:
        context = any_server()
        client = httpx.AsyncClient(
            base_url=self.base, verify=context, headers=headers, timeout=120
        )
        self._clients.append(client)
        return StudioVisitor(client)

    async def signed_in(self) -> StudioVisitor:
        visitor = self.visitor()
        response = await visitor.get(f"/sign-in?key={KEY}")
        assert response.status_code == 303, response.text
        await visitor.get("/")
        return visitor

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def studio_in(
    folder: Path, *, asks_nobody: bool = False
) -> AsyncIterator[StudioRig]:
    """Serve a studio on a free port until the block ends."""
    settings = StudioSettings(folder, "127.0.0.1", 0, asks_nobody=asks_nobody, key=KEY)
    async with trio.open_nursery() as nursery:
        address, port = await nursery.start(serve_studio, settings)
        rig = StudioRig(f"https://{address}:{port}", folder)
        try:
            yield rig
        finally:
            await rig.close()
            nursery.cancel_scope.cancel()
