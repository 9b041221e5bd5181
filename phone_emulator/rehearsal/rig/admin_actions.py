"""The administrator's desk: commands, the CTL Client, tokens, certificates, backups.

All of it blocks, as it does for a person; the rig runs it in a thread.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.rig.certificate_actions import (
    CertificateActions,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.administered import (
    AdministeredClusters,
    Say,
    announce_change,
)
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    Admin,
    AdminAction,
    Backup,
    CreateToken,
    CtlClient,
    ExportRecoveryKey,
    SignWithRecoveryKey,
)
from tokenless.phone_emulator.rehearsal.scripts.permitted import check_name
from tokenless.protocol.codes import NodeRole, TrustStore
from tokenless.services.admin.shell import AdminShell
from tokenless.services.changes import (
    certificates,
    ctl_client,
)
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, create_token, open_token

_BY: Final = "rehearsal"
"""The author of the change, for the cluster's audit log."""
_KEY_PASSWORD: Final = "rehearsal"  # noqa: S105 - of a scratch cluster's key file
_MODES: Final = {
    None: None,
    "mixed-mode": SecurityMode.MIXED,
    "non-secure-mode": SecurityMode.NON_SECURE,
}
_ROLE_OF_SERVICE: Final = {
    ServiceName.TFTP.value: NodeRole.TFTP,
    ServiceName.CALLMANAGER.value: NodeRole.CALLMANAGER,
    ServiceName.CAPF.value: NodeRole.CAPF,
}

_Saved = dict[tuple[int, TrustStore], str]
"""Serial numbers by node and unit."""


class AdminActions:
    """Everything that an administrator does to the clusters of a rehearsal."""

    def __init__(
        self, clusters: Mapping[str, Cluster], first: str, folder: Path
    ) -> None:
        """Open it.

        Args:
            clusters: By name.
            first: Whose administrator it is, unless a line says otherwise.
            folder: Where files are kept that commands save and load: no others.
        """
        self._clusters = AdministeredClusters(clusters, first)
        self._certificates = CertificateActions(self._clusters, folder)
        self._folder = folder
        self._backups: dict[str, _Saved] = {}

    def perform(self, action: AdminAction, say: Say) -> None:
        """Do one action.

        Args:
            action: What.
            say: Is given what it prints.

        Raises:
            TokenlessError: When it is refused; says why.
        """
        match action:
            case Admin():
                self._type(action, say)
            case CtlClient():
                self._run_ctl_client(action, say)
            case CreateToken():
                self._create_token(action, say)
            case ExportRecoveryKey():
                self._export_key(action, say)
            case SignWithRecoveryKey():
                self._sign_with_key(action, say)
            case Backup(name=name, restore=False):
                self._backups[name] = self._saved(self._clusters.main)
                say(f"backup {name}: {len(self._backups[name])} certificates and keys")
            case Backup():
                self._restore(action, say)
            case _:
                self._certificates.perform(action, say)

    def _type(self, action: Admin, say: Say) -> None:
        """Type a command on one node: the publisher, unless the line names one."""
        if action.node is not None and action.cluster is None:
            cluster, node = self._clusters.find_node(action.node)
        else:
            cluster = self._clusters.find(action.cluster)
            node = cluster.publisher
            if action.node is not None:
                node = cluster.node(action.node)
        self._run(cluster, node, action.line, say)

    def _run(
        self,
        cluster: Cluster,
        node: Node,
        line: str,
        say: Say,
        output: Path | None = None,
    ) -> None:
        shell = AdminShell(
            cluster,
            node.name,
            ask=lambda _: _KEY_PASSWORD,
            assume_yes=True,
            output=output,
            folder=self._folder,
        )
        result = shell.run(line)
        say(result.text)
        if result.error is not None:
            raise PhoneError(result.error)

    def _run_ctl_client(self, action: CtlClient, say: Say) -> None:
        if action.mode not in _MODES:
            raise PhoneError(
                f"there is no mode {action.mode}",
                hint="modes are mixed-mode and non-secure-mode",
            )
        cluster = self._clusters.main
        tokens = [open_token(cluster.tokens_folder, t) for t in action.tokens]
        for token in tokens:
            token.unlock(DEFAULT_PASSWORD)
        ctl = ctl_client.update(
            cluster,
            tokens,
            mode=_MODES[action.mode],
            ignore_missing=action.ignore_missing,
            by=_BY,
        )
        say(f"CTL file of {len(ctl.data)} bytes, signed by {ctl.signer.subject}")
        announce_change(cluster, say)

    def _create_token(self, action: CreateToken, say: Say) -> None:
        cluster = self._clusters.main
        token = create_token(cluster.tokens_folder, action.name, now=cluster.clock())
        say(f"token {token.name}: {token.certificate.subject_text}")

    def _key_file(self, name: str) -> Path:
        check_name(name)
        return self._folder / f"{name}.p12"

    def _export_key(self, action: ExportRecoveryKey, say: Say) -> None:
        cluster = self._clusters.find(action.cluster)
        self._run(
            cluster,
            cluster.publisher,
            "file get tftp ITLRecovery.p12",
            say,
            self._key_file(action.name),
        )

    def _sign_with_key(self, action: SignWithRecoveryKey, say: Say) -> None:
        cluster = self._clusters.find(action.cluster)
        line = f"utils itl reset remotekey {self._key_file(action.name).name}"
        self._run(cluster, cluster.publisher, line, say)

    @staticmethod
    def _saved(cluster: Cluster) -> _Saved:
        return {
            (placed.node_id, placed.store): placed.certificate.serial_hex
            for placed in certificates.own(cluster)
            if placed.node_id is not None
        }

    def _restore(self, action: Backup, say: Say) -> None:
        """Put back the keys of a backup: to the same ones where nothing changed."""
        cluster = self._clusters.main
        if action.name not in self._backups:
            raise PhoneError(
                f"there is no backup {action.name}",
                hint=f"`backup take {action.name}` in an earlier step makes it",
            )
        wanted = {certificates.find_store(name) for name in action.stores}
        present = self._saved(cluster)
        nodes = {node.id: node for node in cluster.nodes}
        for place, serial in self._backups[action.name].items():
            node_id, store = place
            node = nodes.get(node_id)
            if node is None:
                continue  # it has left the cluster since
            if present[place] != serial and (store in wanted or not wanted):
                certificates.restore(cluster, node, store, serial, by=_BY)
                say(f"restored {store} of {node.name}: {serial}")
        announce_change(cluster, say)


def runs_on(line: str, roles: frozenset[NodeRole]) -> bool:
    """Return whether a command concerns a node: a service must be activated there."""
    command, service, _order, *name = [*line.casefold().split(), "", "", ""]
    if (command, service) != ("utils", "service"):
        return True
    named = " ".join(name).strip()
    role = next((r for s, r in _ROLE_OF_SERVICE.items() if s.casefold() == named), None)
    return role is None or role in roles
