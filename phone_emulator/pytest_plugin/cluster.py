"""A cluster that tests use: of the lab's processes, or one that runs elsewhere."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.phones.device_security import (
    CapfOperation,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.protocol.phones.models import PHONE_MODELS


@unique
class NodeService(StrEnum):
    """The services of a node that tests stop and start."""

    TFTP = "Cisco Tftp"
    TVS = "Cisco Trust Verification Service"
    CALLMANAGER = "Cisco CallManager"
    CAPF = "Cisco Certificate Authority Proxy Function"


class NotHereError(PhoneError):
    """Only a cluster that the fixtures start can do this; a test of it is skipped."""


_MODES: Final = ("mixed-mode", "non-secure-mode")
LSC_BITS: Final = 1024
"""Short keys are made in no time; nothing here depends on their length."""


@dataclass(frozen=True, slots=True)
class SecuredDevice:
    """The settings of a phone's device that an administrator makes."""

    device: str
    model: str
    mode: DeviceSecurity
    transport: DeviceTransport | None
    """None leaves it as it is, as the next two."""
    operation: CapfOperation | None
    key_size: int | None


class ClusterUnderTest(ABC):
    """A cluster as phones and tests need it."""

    def __init__(self, tftp: dict[str, Server], publisher: str) -> None:
        self._tftp = tftp
        self._publisher = publisher
        self.secure_ports = SecurePorts()
        """The ports for SCCP over TLS: no configuration says them."""

    @property
    def tftp(self) -> Mapping[str, Server]:
        """The TFTP server of each node that has one, by the node's name."""
        return self._tftp

    @property
    def publisher(self) -> str:
        """The publisher's name."""
        return self._publisher

    def servers(self, first: str | None = None) -> tuple[Server, ...]:
        """Return all TFTP servers, that of a node (the publisher) first.

        Raises:
            PhoneError: When the cluster has no such node, or TFTP does not run on it.
        """
        name = first or (self.publisher if self.publisher in self.tftp else None)
        if name is None:
            return tuple(self.tftp.values())
        if name not in self.tftp:
            raise PhoneError(
                f"there is no TFTP server on {name}",
                hint=f"nodes with one are {', '.join(self.tftp)}",
            )
        others = [server for node, server in self.tftp.items() if node != name]
        return (self.tftp[name], *others)

    # --- what an administrator does ------------------------------------------------

    def admin(self, line: str, *, node: str | None = None) -> str:
        """Run a line in a node's administration shell, with yes to its questions.

        Args:
            line: As it is typed there, with its quotes.
            node: The node; the publisher when None.

        Raises:
            PhoneError: When the command is refused or fails.
        """
        return self._admin(line, node or self.publisher)

    def create_token(self, name: str) -> None:
        """Make a security token. Raises PhoneError when there is one of the name."""
        self._create_token(name)

    def ctl_client(
        self,
        *tokens: str,
        mode: str | None = None,
        ignore_missing_file: bool = False,
    ) -> None:
        """Update the CTL with tokens, as the CTL Client does.

        Args:
            tokens: Their names.
            mode: `mixed-mode` or `non-secure-mode` to set it as well.
            ignore_missing_file: Make the file anew in mixed mode, when it was deleted.

        Raises:
            PhoneError: When a token is none, or the CTL Client refuses.
        """
        if mode not in (None, *_MODES):
            raise PhoneError(
                f"there is no mode {mode}", hint=f"modes are {' and '.join(_MODES)}"
            )
        self._ctl_client(tokens, mode, ignore_missing=ignore_missing_file)

    def upload_certificate(self, store: str, source: bytes | Path | str) -> None:
        """Upload a certificate to a trust store, as `tokenless cert upload` does.

        Args:
            store: For example `Phone-SAST-trust`.
            source: PEM or DER, a file with it, or the name of a token.

        Raises:
            PhoneError: When it is no certificate, or the store does not take it.
            OSError: When the file cannot be read.
        """
        if isinstance(source, str):
            self._upload_token(store, source)
        else:
            data = source.read_bytes() if isinstance(source, Path) else source
            self._upload(store, data)

    def secure_device(
        self,
        device: str,
        model: str,
        mode: DeviceSecurity = DeviceSecurity.ENCRYPTED,
        *,
        operation: CapfOperation | None = CapfOperation.INSTALL,
        key_size: int = LSC_BITS,
    ) -> None:
        """Give a phone a security profile, and let it get an LSC at its next boot.

        Args:
            device: Its name.
            model: Its model.
            mode: The profile's Device Security Mode.
            operation: What CAPF shall do; None leaves that as it is.
            key_size: Of the LSC in bits.

        Raises:
            PhoneError: When the device cannot be so.
        """
        is_sip = model in PHONE_MODELS and PHONE_MODELS[model].protocol == "SIP"
        is_secure = mode is not DeviceSecurity.NON_SECURE
        transport = DeviceTransport.TLS if is_sip and is_secure else None
        size = None if operation is None else key_size
        self._secure(SecuredDevice(device, model, mode, transport, operation, size))

    def own_certificate(self, unit: str, *, node: str | None = None) -> bytes:
        """Return a node's own certificate (DER), for another cluster's trust store.

        Args:
            unit: For example `CallManager`, `TVS` or `ITLRecovery`.
            node: The node; the publisher when None.

        Raises:
            PhoneError: When there is none.
        """
        return self._own_certificate(unit, node or self.publisher)

    @abstractmethod
    def _admin(self, line: str, node: str) -> str: ...

    @abstractmethod
    def _own_certificate(self, unit: str, node: str) -> bytes: ...

    @abstractmethod
    def _create_token(self, name: str) -> None: ...

    @abstractmethod
    def _ctl_client(
        self, tokens: Sequence[str], mode: str | None, *, ignore_missing: bool
    ) -> None: ...

    @abstractmethod
    def _upload(self, store: str, data: bytes) -> None: ...

    @abstractmethod
    def _upload_token(self, store: str, token: str) -> None: ...

    @abstractmethod
    def _secure(self, wanted: SecuredDevice) -> None: ...

    # --- nodes ---------------------------------------------------------------------

    @property
    @abstractmethod
    def nodes(self) -> Sequence[str]:
        """The nodes' names."""

    @property
    @abstractmethod
    def ports(self) -> Mapping[str, Mapping[str, int]]:
        """The port of each service, by node and name: `ports["pub"]["tvs"]`."""

    @property
    @abstractmethod
    def addresses(self) -> Mapping[str, str]:
        """The address of each node, by name."""

    def stop_node(self, node: str) -> None:
        """Stop a node as an administrator does; its phones are told."""
        raise self._not_here("stop_node", node)

    def kill_node(self, node: str) -> None:
        """Take a node's power away."""
        raise self._not_here("kill_node", node)

    def start_node(self, node: str) -> None:
        """Start a node again, on the ports that it had.

        Raises:
            PhoneError: When its services do not start.
        """
        raise self._not_here("start_node", node)

    @staticmethod
    def _not_here(what: str, node: str) -> NotHereError:
        return NotHereError(
            f"{what}({node!r}) needs a cluster that the fixtures start",
            hint="run the test without --tokenless-tftp",
        )

    # --- services and traces -------------------------------------------------------

    def stop_service(self, service: NodeService, *, node: str | None = None) -> None:
        """Stop a service of a node (the publisher's)."""
        self.admin(f"utils service stop {service.value}", node=node)

    def start_service(self, service: NodeService, *, node: str | None = None) -> None:
        """Start a service of a node (the publisher's) again."""
        self.admin(f"utils service start {service.value}", node=node)

    def restart_service(self, service: NodeService, *, node: str | None = None) -> None:
        """Restart a service of a node (the publisher's)."""
        self.admin(f"utils service restart {service.value}", node=node)

    def restart_tftp(self) -> None:
        """Restart Cisco Tftp on its nodes, so that it reloads its files.

        A node that is known to be down reads them at its start.

        Raises:
            PhoneError: When one cannot be restarted; the others are all the same.
        """
        failures = []
        for node in self.tftp:
            try:
                if not self._is_down(node):
                    self.restart_service(NodeService.TFTP, node=node)
            except PhoneError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _is_down(self, node: str) -> bool:  # noqa: ARG002 - of another cluster's
        """True if the test itself has stopped a node."""
        return False

    @property
    def evidence(self) -> Path | None:
        """The folder that is kept when a test fails; None: there is none here."""
        return None

    def logs(self) -> Sequence[tuple[str, str]]:
        """Return what the services logged since the test began, by the node's name."""
        return ()
