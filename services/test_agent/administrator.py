"""Actions of tests as the administrator, in the process that has the cluster open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.services.admin.shell import AdminShell
from tokenless.services.changes import certificates, ctl_client, trust_stores
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.announce import announce
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, create_token, open_token

_BY: Final = "test"
_MODES: Final = {
    None: None,
    "mixed-mode": SecurityMode.MIXED,
    "non-secure-mode": SecurityMode.NON_SECURE,
}


@dataclass(frozen=True, slots=True)
class Administrator:
    """The administrator of an open cluster; every change waits for the nodes."""

    cluster: Cluster

    def type_line(self, node: Node, line: str) -> str:
        """Run a line in a node's shell, with yes to its questions.

        Raises:
            ServiceError: When the command is refused or fails.
        """
        result = AdminShell(self.cluster, node.name, assume_yes=True).run(line)
        if result.status:
            raise ServiceError(f"{line}: {result.error or result.text}")
        return result.text

    def create_token(self, name: str) -> None:
        """Make a security token. Raises ServiceError when there is one of the name."""
        create_token(self.cluster.tokens_folder, name, now=self.cluster.clock())

    def sign_with_tokens(
        self, names: Sequence[str], mode: str | None, *, ignore_missing: bool
    ) -> None:
        """Update the CTL with tokens.

        Args:
            names: Of the tokens.
            mode: `mixed-mode`, `non-secure-mode`, or None to keep it.
            ignore_missing: Whether a cluster in mixed mode may have no CTL file.

        Raises:
            ServiceError: When a token is none, or the CTL Client refuses.
        """
        if mode not in _MODES:
            raise ServiceError(f"there is no mode {mode}")
        folder = self.cluster.tokens_folder
        inserted = [open_token(folder, name) for name in names]
        for token in inserted:
            token.unlock(DEFAULT_PASSWORD)
        ctl_client.update(
            self.cluster,
            inserted,
            mode=_MODES[mode],
            ignore_missing=ignore_missing,
            by=_BY,
        )
        announce(self.cluster)

    def upload(self, store: str, data: bytes) -> None:
        """Upload a certificate (PEM or DER) to a trust store.

        Raises:
            ServiceError: When it is none, or the store does not take it.
        """
        target = certificates.find_store(store)
        trust_stores.upload(self.cluster, target, data, by=_BY)
        announce(self.cluster)

    def upload_token(self, store: str, token: str) -> None:
        """Upload a token's certificate. Raises ServiceError as `upload`."""
        opened = open_token(self.cluster.tokens_folder, token)
        self.upload(store, opened.certificate.der)

    def set_device(self, device: str, change: DeviceChange) -> None:
        """Set a phone's security. Raises ServiceError when it cannot be so."""
        set_devices(self.cluster, Selection((device,)), change, by=_BY)
        announce(self.cluster)

    def own_certificate(self, node: Node, unit: str) -> bytes:
        """Return a node's own certificate (DER). Raises ServiceError without one."""
        store = certificates.find_store(unit)
        return certificates.own_certificate(self.cluster, node, store).der
