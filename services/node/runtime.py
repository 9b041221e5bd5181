"""A node that runs: its services, its follower, its control socket."""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import partial
from typing import TypeAlias, assert_never

import trio

from tokenless.protocol.codes import UNITS_OF_EVERY_NODE, NodeRole
from tokenless.protocol.trust.signing import itl_signer
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.distribution import record_applied
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.metrics import CTL_INSTALLS, exposition
from tokenless.services.monitoring.expiry import COLLECTOR, load_ends
from tokenless.services.monitoring.health import NodeHealth, judge
from tokenless.services.node.control import requests
from tokenless.services.node.control.server import serve_control
from tokenless.services.node.database_thread import in_thread
from tokenless.services.node.follow_up import AtOnce, CertificateWatch, FollowUps, Pace
from tokenless.services.node.follower import Follower, follow_notifications
from tokenless.services.node.recording import OwnRecords
from tokenless.services.node.schema_watch import SchemaWatch
from tokenless.services.node.supervised.callmanager import CallManagerService
from tokenless.services.node.supervised.stream_services import CapfService, TvsService
from tokenless.services.node.supervised.supervision import (
    Service,
    ServiceName,
    Supervised,
)
from tokenless.services.node.supervised.tftp import TftpService
from tokenless.services.node.supervised.trust import NodeTrust
from tokenless.services.node.taken_lists import TakenLists
from tokenless.services.publishing.snapshot import ClusterSnapshot


@unique
class ServiceKind(StrEnum):
    """Services that `serve --only` can name."""

    TFTP = "tftp"
    TVS = "tvs"
    CALLMANAGER = "callmanager"
    CAPF = "capf"


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that a service listens on."""

    node: str
    service: str
    address: str
    port: int


Reload: TypeAlias = Callable[[], Awaitable[None]]
"""Takes settings and certificates of now; raises ServiceError when it cannot."""


class NodeRuntime:
    """One node's running parts."""

    def __init__(
        self,
        cluster: Cluster,
        node: Node,
        kinds: frozenset[ServiceKind],
        nursery: trio.Nursery,
        pace: Pace | None = None,
    ) -> None:
        self.node = node
        self._trust = NodeTrust(cluster, node)
        self._tftp = TftpService(cluster, node)
        self._tvs = TvsService(cluster, node, self._trust.caches)
        self._callmanager = CallManagerService(cluster, node)
        self._capf = CapfService(cluster, node)
        self._cluster = cluster
        self._services = {
            service.name: Supervised(node.name, service, nursery, cluster.clock)
            for kind, service in self._activated()
            if kind in kinds
        }
        CTL_INSTALLS.labels(node.name)
        self._nursery = nursery
        self._watch = CertificateWatch(cluster, node)
        self._follow_ups = FollowUps(
            node.name,
            self._services,
            self._tftp,
            self._callmanager,
            check_ready=partial(in_thread, cluster, check_ready, cluster, node),
            pace=pace or AtOnce(),
        )
        self._schema = SchemaWatch(cluster.store, node.name, get_logger(node=node.name))
        self._lists = TakenLists(cluster, node, get_logger(node=node.name))
        self.follower = self._make_follower()
        self._records = self._make_records()

    def _make_follower(self) -> Follower:
        node, cluster = self.node, self._cluster
        is_shared = cluster.store.is_shared
        return Follower(
            node.name,
            node.ctl_file,
            self._look_up_revision,
            self._apply,
            self._trust.refill_ctl_cache,
            record_applied=partial(record_applied, cluster, node)
            if is_shared
            else None,
            may_hang=is_shared,
        )

    def _look_up_revision(self) -> int:
        revision = self._schema.revision()
        self._lists.record_again()
        return revision

    def _make_records(self) -> OwnRecords:
        troubles: dict[str, Callable[[], str | None]] = {
            "lists": lambda: self._lists.trouble.reason
        }
        if ServiceName.CALLMANAGER in self._services:
            troubles["registrations"] = lambda: self._callmanager.unwritten
        if self._cluster.store.is_shared:
            troubles["revision"] = lambda: self.follower.unrecorded
        return OwnRecords(self.node.name, troubles)

    def _activated(self) -> Iterator[tuple[ServiceKind, Service]]:
        """Yield the services that the node has, in the order of their start."""
        node, config = self.node, self._cluster.config
        if node.serves_tftp:
            yield ServiceKind.TFTP, self._tftp
        yield ServiceKind.TVS, self._tvs
        if NodeRole.CALLMANAGER in node.roles:
            yield ServiceKind.CALLMANAGER, self._callmanager
        if config.capf.enabled and NodeRole.CAPF in node.roles:
            yield ServiceKind.CAPF, self._capf

    async def bind(self) -> None:
        """Take every socket. Raises ServiceError when one cannot be had."""
        for supervised in self._services.values():
            await supervised.service.bind()

    def close(self) -> None:
        """Give back the sockets of services that were never started."""
        for supervised in self._services.values():
            supervised.service.close()

    async def start(self, nursery: trio.Nursery) -> None:
        """Apply the database's state, then start every service and take requests."""
        await nursery.start(self.follower.follow)
        store = self._cluster.store
        if store.is_shared:
            nursery.start_soon(follow_notifications, store, self.follower.wake)
        for supervised in self._services.values():
            await supervised.start()
        await nursery.start(
            serve_control, self.node.name, self.node.control_socket, self.handle
        )

    @property
    def reloads(self) -> Mapping[str, Reload]:
        """What makes each service take the settings and the certificates of now."""
        return {
            self._tftp.name: self._tftp.take_settings,
            self._tvs.name: self._tvs.reload,
            self._callmanager.name: self._callmanager.reload,
            self._capf.name: self._capf.reload,
        }

    async def drain(self, timeout_s: float) -> None:
        """Begin nothing new; return when no phone is in the middle of a file."""
        await self._tftp.drain(timeout_s)

    @property
    def listening(self) -> list[Listening]:
        """The sockets that this node's services have taken."""
        return [
            Listening(self.node.name, name, *address)
            for supervised in self._services.values()
            for name, address in supervised.service.addresses.items()
        ]

    @property
    def health(self) -> NodeHealth:
        """Return whether its services run, and whether it can follow the database."""
        follower = self.follower
        return judge(
            self.node.name,
            {
                name.value: each.state
                for name, each in self._services.items()
                if each.is_expected
            },
            revision=follower.applied,
            stale_for_s=None if follower.trouble is None else follower.age_s,
            reason=follower.trouble,
            now=self._cluster.clock(),
            drops_requests=self._tftp.drops_requests,
            unwritten=self._records.unwritten,
            newer_schema=self._schema.newer,
        )

    async def handle(self, request: requests.Request) -> Mapping[str, object]:
        """Do what an administrator's process asks.

        Raises:
            ServiceError: When it cannot be done.
        """
        match request:
            case requests.Status():
                return self._status()
            case requests.Sync(revision=revision):
                await self.follower.sync(revision)
                return {"revision": self.follower.applied}
            case requests.StartService(service=name):
                await self._service(name).start()
            case requests.StopService(service=name):
                await self._service(name).stop()
            case requests.RestartService(service=name):
                # What could not be started again goes on as it is.
                await in_thread(self._cluster, check_ready, self._cluster, self.node)
                await self._service(name).restart()
            case (
                requests.ShowRegistrations()
                | requests.ResetPhones()
                | requests.ShowTvsCache()
                | requests.ShowMetrics()
            ):
                return self._tell(request)
            case _:
                assert_never(request)
        return {}

    def _tell(
        self,
        request: requests.ShowRegistrations
        | requests.ResetPhones
        | requests.ShowTvsCache
        | requests.ShowMetrics,
    ) -> Mapping[str, object]:
        """Answer what needs no waiting."""
        match request:
            case requests.ShowRegistrations():
                return self._callmanager.registrations()
            case requests.ResetPhones(devices=names, restart=is_restart):
                return {"reset": self._callmanager.reset(names, restart=is_restart)}
            case requests.ShowTvsCache():
                return {"entries": self._trust.entries()}
            case requests.ShowMetrics():
                return {"text": exposition()}
            case _:
                assert_never(request)

    def _status(self) -> Mapping[str, object]:
        return {
            "node": self.node.name,
            "pid": os.getpid(),
            "revision": self.follower.applied,
            "health": self.health,
            "starts": {
                name.value: each.starts for name, each in self._services.items()
            },
            "services": [
                {
                    "name": name.value,
                    "state": supervised.state.value,
                    "activated": supervised.is_activated,
                    "started_at": supervised.started_at,
                    "listens": [
                        f"{host}:{port}"
                        for host, port in supervised.service.addresses.values()
                    ],
                }
                for name, supervised in self._services.items()
            ],
        }

    def _service(self, name: str) -> Supervised:
        for known, supervised in self._services.items():
            if known == name:
                return supervised
        raise ServiceError(
            f"{name} is not activated on {self.node.name}",
            hint=f"here are {', '.join(self._services)}",
        )

    async def _apply(self, _revision: int) -> bool:
        """Bring the node's folder, TVS and, if it is to be so, TFTP up to date.

        Returns:
            Whether TVS must judge the CTL file again, changed or not.
        """
        if await in_thread(self._cluster, self._lists.take_ctl):
            CTL_INSTALLS.labels(self.node.name).inc()
        judge_anew = await self._trust.refill_db_cache()
        ends = await in_thread(self._cluster, load_ends, self._cluster, self.node)
        COLLECTOR.follow(self.node.name, ends, self._cluster.clock)
        await self._callmanager.follow()
        await self._follow_activation()
        reset = await in_thread(self._cluster, self._lists.take_reset_itl)
        if reset is not None:
            self._tftp.serve_itl(reset)
            await self._tftp.take_devices()
        elif self._cluster.config.tftp.reload == "automatic":
            await self._tftp.reload()
        else:
            await self._tftp.take_devices()
        await self._follow_certificates()
        return judge_anew

    async def _follow_activation(self) -> None:
        """Stop services that an administrator deactivated, start those activated."""
        for node in await in_thread(self._cluster, lambda: self._cluster.nodes):
            if node.id == self.node.id:
                for supervised in self._services.values():
                    await supervised.follow_activation(node.roles)

    async def _follow_certificates(self) -> None:
        """Begin what follows from changed certificates; no task waits for its end."""
        follow_up = await in_thread(self._cluster, self._watch.look)
        if follow_up.is_something:
            self._follow_ups.expect(follow_up)
            self._nursery.start_soon(self._follow_ups.carry_out, follow_up)


def check_ready(cluster: Cluster, node: Node) -> None:
    """Check that the database can be read and that the node has its keys.

    Raises:
        ServiceError: When the database is away, or a key of the node is on another
            host, as after a regeneration there (services.cluster.handover).
    """
    with cluster.store.read() as connection:
        snapshot = ClusterSnapshot.read(connection)
    row = snapshot.node(node.id)
    needed = [
        (store, snapshot.certificate(store, row)) for store in UNITS_OF_EVERY_NODE
    ]
    if row.serves_tftp:
        needed.append(snapshot.signer(itl_signer(snapshot.release), row))
    for store, certificate in needed:
        node.keys.load(store, certificate)
