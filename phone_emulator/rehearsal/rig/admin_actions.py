"""The administrator's desk: commands, the CTL Client, tokens, certificates, backups.

All of it blocks, as it does for a person; the rig runs it in a thread.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, assert_never

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    Admin,
    AdminAction,
    Backup,
    CreateToken,
    CtlClient,
    DeleteCertificate,
    ExportRecoveryKey,
    ImportCertificates,
    ReuseCertificate,
    SignCertificate,
    SignWithRecoveryKey,
    UploadCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.permitted import check_name
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import NodeRole, TrustStore, trust_store_of
from tokenless.services.admin.shell import AdminShell
from tokenless.services.changes import (
    certificates,
    ctl_client,
    identities,
    trust_stores,
)
from tokenless.services.changes.identities import RequestOrder
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.node.control.announce import announce
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.pki.lab_ca import CaKind, LabCa
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, create_token, open_token
from tokenless.services.pki.uploads import read_certificates

_BY: Final = "rehearsal"
"""The author of the change, for the cluster's audit log."""
_KEY_PASSWORD: Final = "rehearsal"  # noqa: S105 - of a scratch cluster's key file
_MODES: Final = {
    None: None,
    "mixed-mode": SecurityMode.MIXED,
    "non-secure-mode": SecurityMode.NON_SECURE,
}
_BULK: Final = {
    TrustStore.CALLMANAGER: (TrustStore.PHONE_SAST_TRUST, TrustStore.CALLMANAGER_TRUST),
    TrustStore.ITLRECOVERY: (TrustStore.PHONE_SAST_TRUST, TrustStore.CALLMANAGER_TRUST),
    TrustStore.CAPF: (TrustStore.CALLMANAGER_TRUST,),
}
"""The stores that bulk import fills with another cluster's certificates (REFERENCE
7.11)."""

_ROLE_OF_SERVICE: Final = {
    ServiceName.TFTP.value: NodeRole.TFTP,
    ServiceName.CALLMANAGER.value: NodeRole.CALLMANAGER,
    ServiceName.CAPF.value: NodeRole.CAPF,
}

Say = Callable[[str], None]
"""Is given what commands print."""
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
        self._clusters = clusters
        self._first = first
        self._folder = folder
        self._backups: dict[str, _Saved] = {}

    def perform(  # noqa: C901, PLR0912 - a case for each action
        self, action: AdminAction, say: Say
    ) -> None:
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
            case UploadCertificate():
                self._upload(action, say)
            case DeleteCertificate():
                self._delete(action, say)
            case ImportCertificates():
                self._import(action, say)
            case ExportRecoveryKey():
                self._export_key(action, say)
            case SignCertificate():
                self._sign_certificate(action, say)
            case ReuseCertificate():
                self._reuse_certificate(action, say)
            case SignWithRecoveryKey():
                self._sign_with_key(action, say)
            case Backup(name=name, restore=False):
                self._backups[name] = self._saved(self._main)
                say(f"backup {name}: {len(self._backups[name])} certificates and keys")
            case Backup():
                self._restore(action, say)
            case _:
                assert_never(action)

    @property
    def _main(self) -> Cluster:
        return self._clusters[self._first]

    def _cluster(self, name: str | None) -> Cluster:
        """Return a cluster by its name, the first one for None.

        Raises:
            PhoneError: When there is none.
        """
        try:
            return self._clusters[name or self._first]
        except KeyError:
            raise PhoneError(
                f"there is no cluster {name}",
                hint=f"clusters are {', '.join(self._clusters)}",
            ) from None

    def _find_node(self, name: str) -> tuple[Cluster, Node]:
        for cluster in self._clusters.values():
            for node in cluster.nodes:
                if node.name == name:
                    return cluster, node
        nodes = (node.name for each in self._clusters.values() for node in each.nodes)
        raise PhoneError(
            f"there is no node {name} in any cluster",
            hint=f"nodes are {', '.join(nodes)}",
        )

    def _type(self, action: Admin, say: Say) -> None:
        """Type a command on one node: the publisher, unless the line names one."""
        if action.node is not None and action.cluster is None:
            cluster, node = self._find_node(action.node)
        else:
            cluster = self._cluster(action.cluster)
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
        cluster = self._main
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
        _announce(cluster, say)

    def _create_token(self, action: CreateToken, say: Say) -> None:
        cluster = self._main
        token = create_token(cluster.tokens_folder, action.name, now=cluster.clock())
        say(f"token {token.name}: {token.certificate.subject_text}")

    def _upload(self, action: UploadCertificate, say: Say) -> None:
        cluster = self._cluster(action.cluster)
        store = certificates.find_store(action.store)
        _put(cluster, store, self._certificate(action), say)
        _announce(cluster, say)

    def _delete(self, action: DeleteCertificate, say: Say) -> None:
        cluster = self._cluster(action.cluster)
        store = certificates.find_store(action.store)
        found = [
            each.certificate
            for each in certificates.trust(cluster, store)
            if each.certificate.subject.get("CN") == action.common_name
        ]
        if not found:
            raise PhoneError(
                f"{store} has no certificate of {action.common_name}",
                hint="`admin show cert list trust` lists them",
            )
        for each in found:
            trust_stores.delete(cluster, store, each.serial_hex, by=_BY)
            say(f"{store}: deleted {each.subject_text}")
        _announce(cluster, say)

    def _certificate(self, action: UploadCertificate) -> Certificate:
        """Return the certificate that a line means."""
        if action.token is not None:
            return open_token(self._main.tokens_folder, action.token).certificate
        owner, node = self._find_node(action.node or "")
        unit = certificates.find_store(action.unit or "")
        return certificates.own_certificate(owner, node, unit)

    def _import(self, action: ImportCertificates, say: Say) -> None:
        target = self._cluster(action.cluster)
        for placed in certificates.own(self._cluster(action.source)):
            for store in _BULK.get(placed.store, ()):
                _put(target, store, placed.certificate, say)
        _announce(target, say)

    def _sign_certificate(self, action: SignCertificate, say: Say) -> None:
        """Request a certificate, let the lab's CA sign it, and import it."""
        cluster, node = self._cluster(action.cluster), None
        if action.node is not None:
            cluster, node = self._find_node(action.node)
        store = certificates.find_store(action.unit)
        authority = self._authority(cluster)
        _trust(cluster, trust_store_of(store), authority)
        order = RequestOrder(multi_server=node is None)
        whose = node or cluster.publisher
        made = identities.request(cluster, whose, store, order, by=_BY)
        pem = authority.sign(made, cluster.clock())
        taken = identities.import_own(cluster, whose, store, pem, by=_BY)
        say(f"{store}: {taken.certificate.subject_text}, signed by a CA of the lab")
        say(f"Certificate upload operation successful: {', '.join(taken.nodes)}")
        _announce(cluster, say)

    def _reuse_certificate(self, action: ReuseCertificate, say: Say) -> None:
        """Let CallManager take tomcat's certificate, whose CAs it then trusts."""
        cluster = self._cluster(action.cluster)
        store = certificates.find_store(action.unit)
        _trust(cluster, trust_store_of(store), self._authority(cluster))
        made = identities.reuse_tomcat(cluster, store, by=_BY)
        say(f"{store}: {made.subject_text}, reused from tomcat")
        _announce(cluster, say)

    def _authority(self, cluster: Cluster) -> LabCa:
        folder = self._folder / "lab-ca"
        if folder.exists():
            return LabCa.open(folder)
        return LabCa.create(folder, "Lab", CaKind.COMPANY, None, cluster.clock())

    def _key_file(self, name: str) -> Path:
        check_name(name)
        return self._folder / f"{name}.p12"

    def _export_key(self, action: ExportRecoveryKey, say: Say) -> None:
        cluster = self._cluster(action.cluster)
        self._run(
            cluster,
            cluster.publisher,
            "file get tftp ITLRecovery.p12",
            say,
            self._key_file(action.name),
        )

    def _sign_with_key(self, action: SignWithRecoveryKey, say: Say) -> None:
        cluster = self._cluster(action.cluster)
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
        cluster = self._main
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
        _announce(cluster, say)


def runs_on(line: str, roles: frozenset[NodeRole]) -> bool:
    """Return whether a command concerns a node: a service must be activated there."""
    command, service, _order, *name = [*line.casefold().split(), "", "", ""]
    if (command, service) != ("utils", "service"):
        return True
    named = " ".join(name).strip()
    role = next((r for s, r in _ROLE_OF_SERVICE.items() if s.casefold() == named), None)
    return role is None or role in roles


def _trust(cluster: Cluster, store: TrustStore, authority: LabCa) -> None:
    """Put the CA's certificates into a store that has not got them."""
    known = {each.certificate.der for each in certificates.trust(cluster, store)}
    for pem in authority.chain:
        (certificate,) = read_certificates(pem)
        if certificate.der not in known:
            trust_stores.upload(cluster, store, pem, by=_BY)


def _put(
    cluster: Cluster, store: TrustStore, certificate: Certificate, say: Say
) -> None:
    uploaded = trust_stores.upload(cluster, store, certificate.der, by=_BY)
    say(f"{store}: {certificate.subject_text}")
    say(uploaded.warning or "Success: Certificate Uploaded")


def _announce(cluster: Cluster, say: Say) -> None:
    for delivery in announce(cluster):
        if (line := delivery.explain()) is not None:
            say(line)
