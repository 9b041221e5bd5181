"""Fill the TVS caches of a node from the database and the node's CTL file.

The DB cache holds every certificate of the cluster that has a role: own ones of all
nodes, which are replicated, and those of trust stores. The CTL cache holds what the
node's `CTLFile.tlv` lists, if the cluster vouches for its signer (REFERENCE 10.2).
"""

import os

import trio

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.files.trust_list import MAX_FILE_LENGTH
from tokenless.services.changes.tvs_entries import ctl_signers, db_entries
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.logs import get_logger
from tokenless.services.metrics import CACHE_ENTRIES
from tokenless.services.node.database_thread import in_thread
from tokenless.services.store.certificates import StoredCertificate
from tokenless.services.tvs.caches import (
    CachedCertificate,
    CacheName,
    Caches,
    CtlAdmission,
    CtlCache,
)


class NodeTrust:
    """The caches of one node, whether or not its TVS runs."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._log = log = get_logger(node=node.name)
        self.caches = Caches(ctl=CtlCache(log))
        self._cluster = cluster
        self._node = node
        self._callmanager_trust = cluster.config.tvs.callmanager_trust
        self._admission = CtlAdmission(cluster.config.tvs.ctl_cache)
        size_of = CACHE_ENTRIES.labels
        size_of(node.name, CacheName.DB.value).set_function(
            lambda: len(self.caches.db.index)
        )
        size_of(node.name, CacheName.CTL.value).set_function(
            lambda: len(self.caches.ctl.index)
        )
        self._vouched: frozenset[bytes] = frozenset()
        if self._admission is CtlAdmission.AS_LOGGED:
            log.warning(
                "tvs.ctl_cache is as-logged: anyone who can write CTLFile.tlv can make "
                "every phone trust any signer"
            )

    async def refill_db_cache(self) -> bool:
        """Take what the database holds now.

        Returns:
            Whether other signers of a CTL file are vouched for than before.
        """
        stored, vouched = await in_thread(self._cluster, self._load)
        self.caches.db.replace(
            CachedCertificate.of(each.certificate, each.roles) for each in stored
        )
        before, self._vouched = self._vouched, vouched
        return self._vouched != before

    async def refill_ctl_cache(self) -> None:
        """Take what the CTL file in the node's folder vouches for now."""
        data = await trio.to_thread.run_sync(self._read_ctl_file)
        if data is None and not self.caches.ctl.index:
            return
        self.caches.ctl.replace(data, self._admits, self._admission)

    def entries(self) -> list[dict[str, object]]:
        """Return both caches for `show tvs cache`."""
        return [
            {"cache": name.value, "roles": list(entry.roles), "key": entry.key}
            for name, entry in self.caches.snapshot()
        ]

    def _load(self) -> tuple[list[StoredCertificate], frozenset[bytes]]:
        stored = db_entries(self._cluster, self._callmanager_trust)
        return stored, ctl_signers(self._cluster)

    def _read_ctl_file(self) -> bytes | None:
        """Read the file; what cannot be read is empty, and so refused by the cache."""
        path = self._node.ctl_file
        try:
            # A pipe of that name must not make the reader wait.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                return file.read(MAX_FILE_LENGTH + 1) or b""
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log.warning("CTL file not read", why=error.strerror)
            return b""

    def _admits(self, signer: Certificate) -> bool:
        return signer.der in self._vouched
