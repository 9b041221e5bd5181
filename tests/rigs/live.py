"""The authority of `tests/rigs/cluster` behind real sockets: TFTP and TVS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio

from tests.rigs.cluster import Authority, Keypair
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.phones.configuration import TvsMember
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.stream_server.settings import OwnCertificate
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tvs.caches import CachedCertificate, Caches
from tokenless.services.tvs.server import TvsServer
from tokenless.services.tvs.settings import TvsSettings


@dataclass
class AuthorityFiles:
    """A TFTP source: what the authority signs, once for each name and state."""

    authority: Authority
    signed: dict[str, bytes] = field(default_factory=dict)

    def find(self, name: str) -> bytes:
        if name not in self.signed:
            data = self.authority.fetch(name)
            if data is None:
                raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
            self.signed[name] = data
        return self.signed[name]


@dataclass
class LiveNode:
    """A node that runs."""

    tftp: Server
    tvs: Server | None
    tftp_server: TftpServer

    def serve(self, authority: Authority) -> None:
        """Serve another state: what a restart of Cisco Tftp does."""
        if self.tvs is not None and authority.configuration is not None:
            members = (TvsMember(self.tvs.address, self.tvs.port, 0),)
            authority.configuration = replace(authority.configuration, tvs=members)
        self.tftp_server.source = AuthorityFiles(authority)


@asynccontextmanager
async def live_node(
    authority: Authority, keys: Path, *, address: str = "127.0.47.155"
) -> AsyncIterator[LiveNode]:
    """Run the TFTP server and, when the authority has a certificate for it, TVS."""
    async with trio.open_nursery() as nursery:
        tvs = None
        if authority.tvs_certificate is not None:
            server = tvs_server(authority, authority.tvs_certificate, keys, address)
            tvs = Server(*await nursery.start(server.serve))
        tftp = TftpServer(AuthorityFiles(authority), address=address, port=0)
        where = Server(*await nursery.start(tftp.serve))
        node = LiveNode(where, tvs, tftp)
        node.serve(authority)
        yield node
        nursery.cancel_scope.cancel()


def tvs_server(
    authority: Authority, own: Keypair, keys: Path, address: str
) -> TvsServer:
    """Return a TVS daemon that knows what the authority knows."""
    key = keys / f"{own.certificate.serial_hex}.pem"
    key.write_bytes(own.pem)
    caches = Caches()
    caches.db.replace(
        CachedCertificate.of(who.certificate, roles, ttl=authority.ttl)
        for who, roles in authority.known.values()
    )
    settings = TvsSettings(
        (OwnCertificate(own.certificate.der, key),), address=address, port=0
    )
    return TvsServer(caches, settings)
