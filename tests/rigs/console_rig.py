"""A console behind a real socket, and a browser that keeps cookies and runs nothing."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import trio

from tests.rigs.any_server import any_server
from tokenless.services.changes.console_users import add_user
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.server import ConsoleSettings, serve_console
from tokenless.services.store.console_users import ConsoleRole

_OK = 200
_SEE_OTHER = 303
PASSWORD = "correct horse battery"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Visitor:
    """One browser."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.csrf = ""

    async def get(self, path: str) -> httpx.Response:
        response = await self.client.get(path)
        if found := _CSRF.search(response.text):
            self.csrf = found.group(1)
        return response

    async def post(
        self,
        path: str,
        fields: dict[str, str] | None = None,
        *,
        file: bytes | None = None,
        csrf: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send a form, with the token of the page that was seen last.

        Where it takes long, its progress is followed to the end.
        """
        data = {**(fields or {}), "csrf": self.csrf if csrf is None else csrf}
        files = None if file is None else {"file": ("upload.cer", file)}
        response = await self.client.post(path, data=data, files=files, headers=headers)
        where = response.headers.get("location", "")
        if where.startswith("/works/"):
            await self.client.get(f"{where}/events")
            return await self.client.get(where)
        return response

    async def said(
        self,
        path: str,
        fields: dict[str, str] | None = None,
        *,
        file: bytes | None = None,
    ) -> str:
        """Send a form; return the page that answers it, or that it leads to."""
        response = await self.post(path, fields, file=file)
        if response.status_code == _OK:
            return response.text
        assert response.status_code == _SEE_OTHER, response.text
        return (await self.get(response.headers["location"])).text

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        await self.get("/sign-in")
        response = await self.post("/sign-in", {"name": name, "password": password})
        await self.get("/")
        return response


class ConsoleRig:
    """A console, and new browsers for it."""

    def __init__(self, base: str, nursery: trio.Nursery) -> None:
        self.base = base
        self.nursery = nursery
        self._clients: list[httpx.AsyncClient] = []

    def visitor(self, **headers: str) -> Visitor:
        context = any_server()
        client = httpx.AsyncClient(
            base_url=self.base, verify=context, headers=headers, timeout=60
        )
        self._clients.append(client)
        return Visitor(client)

    async def signed_in(self, name: str) -> Visitor:
        visitor = self.visitor()
        response = await visitor.sign_in(name)
        assert response.status_code == 303, response.text
        return visitor

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def add_users(cluster: Cluster) -> None:
    """Let `alice` change and `ray` read."""
    add_user(cluster, "alice", ConsoleRole.CHANGE, PASSWORD, by="test")
    add_user(cluster, "ray", ConsoleRole.READ, PASSWORD, by="test")


@asynccontextmanager
async def console_of(
    cluster: Cluster, *, asks_nobody: bool = False
) -> AsyncIterator[ConsoleRig]:
    """Serve the console of a cluster on a free port."""
    settings = ConsoleSettings(
        cluster.publisher, "127.0.0.1", 0, asks_nobody=asks_nobody
    )
    async with trio.open_nursery() as nursery:
        address, port = await nursery.start(serve_console, cluster, settings)
        rig = ConsoleRig(f"https://{address}:{port}", nursery)
        try:
            yield rig
        finally:
            await rig.close()
            nursery.cancel_scope.cancel()
