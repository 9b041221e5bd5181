"""Notices that a certificate has changed, and carries out what follows on one node.

What the node has seen is compared with the database after each revision; the first
look, when the node starts, only remembers. A node that joins or leaves is no change.
Services restart first, TFTP makes its files again, then the phones that are registered
here are reset; CallManager restarts last, so that they hear of it. Nodes do not wait
for each other: a phone may boot while another node still serves what it had.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Protocol

import trio

from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import FollowUp
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.monitoring.health import ServiceState
from tokenless.services.node.supervised.callmanager import CallManagerService
from tokenless.services.node.supervised.supervision import ServiceName, Supervised
from tokenless.services.node.supervised.tftp import TftpService
from tokenless.services.store import certificates

_Place = tuple[int, TrustStore]
_NOTHING: Final = FollowUp()
_LEAVE_S: Final = 3.0
"""So long CallManager waits for phones that were reset to leave before it restarts."""


@dataclass(frozen=True, slots=True)
class _Changed:
    """A certificate that took another one's place."""

    node_id: int
    unit: TrustStore


class CertificateWatch:
    """The own certificates of all nodes as one node saw them last."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node
        self._seen: dict[_Place, bytes] | None = None

    def look(self) -> FollowUp:
        """Return what follows on the node from changes since the last look (blocking).

        Raises:
            ServiceError: When the database cannot be read; nothing is forgotten then.
        """
        cluster = self._cluster
        with cluster.store.read() as connection:
            now = {
                (each.node_id, each.store): each.certificate.der
                for each in certificates.all_own(connection)
                if each.node_id is not None
            }
        before, release = self._seen, cluster.release
        interaction = cluster.phone_interaction
        self._seen = now
        if before is None:
            return _NOTHING
        changed = [
            _Changed(*place)
            for place, der in now.items()
            if place in before and before[place] != der
        ]
        return FollowUp.of(
            release,
            interaction,
            own={each.unit for each in changed if each.node_id == self._node.id},
            anywhere={each.unit for each in changed},
        )


@unique
class Stage(StrEnum):
    """The stages that a node goes through after a change."""

    SERVICES = "services"
    """TVS and CAPF restart."""
    TFTP = "tftp"
    """TFTP makes its files again."""
    PHONES = "phones"
    """Phones are reset, and CallManager restarts."""


class Pace(Protocol):
    """Lets nodes go on, stage by stage."""

    def expect(self, node: str, follow_up: FollowUp) -> None:
        """Hear what a node is about to do, before its revision counts as applied."""

    async def before(self, node: str, stage: Stage) -> None:
        """Return when a node may begin a stage."""

    def done(self, node: str) -> None:
        """Hear that a node has done everything."""


class AtOnce:
    """Nobody is held up."""

    def expect(self, node: str, follow_up: FollowUp) -> None:
        """Expect nothing."""

    async def before(self, node: str, stage: Stage) -> None:  # noqa: ARG002
        """Go on."""
        await trio.lowlevel.checkpoint()

    def done(self, node: str) -> None:
        """Remember nothing."""


class FollowUps:
    """The follow-up actions on one node, one change after the other."""

    def __init__(
        self,
        node: str,
        services: Mapping[ServiceName, Supervised],
        tftp: TftpService,
        callmanager: CallManagerService,
        *,
        check_ready: Callable[[], Awaitable[None]],
        pace: Pace,
    ) -> None:
        """Prepare.

        Args:
            node: The node's name.
            services: Its services.
            tftp: Of them, Cisco Tftp.
            callmanager: Of them, Cisco CallManager.
            check_ready: Raises ServiceError when the node lacks a key that it needs.
            pace: Lets it go on.
        """
        self._node = node
        self._services = services
        self._tftp = tftp
        self._callmanager = callmanager
        self._check_ready = check_ready
        self._pace = pace
        self._one_at_a_time = trio.Lock()
        self._log = get_logger(node=node)

    def expect(self, follow_up: FollowUp) -> None:
        """Announce what will be carried out."""
        self._pace.expect(self._node, follow_up)

    async def carry_out(self, follow_up: FollowUp) -> None:
        """Do it all; what cannot be done is logged and left."""
        try:
            async with self._one_at_a_time:
                await self._pace.before(self._node, Stage.SERVICES)
                if follow_up.restarts_tvs:
                    await self._restart(ServiceName.TVS)
                if follow_up.restarts_capf:
                    await self._restart(ServiceName.CAPF)
                await self._pace.before(self._node, Stage.TFTP)
                if follow_up.rebuilds_tftp:
                    await self._rebuild()
                await self._pace.before(self._node, Stage.PHONES)
                if follow_up.resets_phones:
                    reset = self._callmanager.reset((), restart=False)
                    self._log.info("phones reset automatically", phones=reset)
                if follow_up.restarts_callmanager:
                    await self._wait_for_phones(resets=follow_up.resets_phones)
                    await self._restart(ServiceName.CALLMANAGER)
        finally:
            self._pace.done(self._node)

    async def _restart(self, name: ServiceName) -> None:
        service = self._services.get(name)
        if service is None or service.state is ServiceState.STOPPED:
            return
        if await self._try(name, service.restart):
            self._log.info("restarted automatically", service=name.value)

    async def _rebuild(self) -> None:
        if await self._try(ServiceName.TFTP, self._tftp.reload):
            self._log.info("made its files again", service=ServiceName.TFTP.value)

    async def _try(self, name: ServiceName, do: Callable[[], Awaitable[None]]) -> bool:
        """Do something if the node has its keys; tell whether it was done."""
        try:
            await self._check_ready()
            await do()
        except (ServiceError, OSError) as error:
            self._log.error("not changed", service=name.value, reason=str(error))
        except Exception:  # noqa: BLE001  # the node's other services go on
            self._log.exception("not changed", service=name.value)
        else:
            return True
        return False

    async def _wait_for_phones(self, *, resets: bool) -> None:
        """Let phones that were reset take the order and leave."""
        if not resets:
            return
        with trio.move_on_after(_LEAVE_S):
            await self._callmanager.until_left()
