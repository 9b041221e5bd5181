"""The administrator at the pages of certificates: uploads, signing, reuse."""

from pathlib import Path
from typing import Final, assert_never

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.rig.clusters.administered import (
    AdministeredClusters,
    Say,
    announce_change,
)
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    DeleteCertificate,
    ImportCertificates,
    ReuseCertificate,
    SignCertificate,
    UploadCertificate,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore, trust_store_of
from tokenless.services.changes import certificates, identities, trust_stores
from tokenless.services.changes.identities import RequestOrder
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.pki.lab_ca import CaKind, LabCa
from tokenless.services.pki.tokens import open_token
from tokenless.services.pki.uploads import read_certificates

_BY: Final = "rehearsal"
"""The author of the change, for the cluster's audit log."""
_BULK: Final = {
    TrustStore.CALLMANAGER: (TrustStore.PHONE_SAST_TRUST, TrustStore.CALLMANAGER_TRUST),
    TrustStore.ITLRECOVERY: (TrustStore.PHONE_SAST_TRUST, TrustStore.CALLMANAGER_TRUST),
    TrustStore.CAPF: (TrustStore.CALLMANAGER_TRUST,),
}
"""The stores that bulk import fills with another cluster's certificates (REFERENCE
7.11)."""

CertificateAction = (
    UploadCertificate
    | DeleteCertificate
    | ImportCertificates
    | SignCertificate
    | ReuseCertificate
)


class CertificateActions:
    """What an administrator does to certificates of the clusters of a rehearsal."""

    def __init__(self, clusters: AdministeredClusters, folder: Path) -> None:
        """Open it.

        Args:
            clusters: The clusters.
            folder: Where the lab's CA is kept.
        """
        self._clusters = clusters
        self._folder = folder

    def perform(self, action: CertificateAction, say: Say) -> None:
        """Do one action.

        Raises:
            TokenlessError: When it is refused; says why.
        """
        match action:
            case UploadCertificate():
                self._upload(action, say)
            case DeleteCertificate():
                self._delete(action, say)
            case ImportCertificates():
                self._import(action, say)
            case SignCertificate():
                self._sign_certificate(action, say)
            case ReuseCertificate():
                self._reuse_certificate(action, say)
            case _:
                assert_never(action)

    def _upload(self, action: UploadCertificate, say: Say) -> None:
        cluster = self._clusters.find(action.cluster)
        store = certificates.find_store(action.store)
        _put(cluster, store, self._certificate(action), say)
        announce_change(cluster, say)

    def _delete(self, action: DeleteCertificate, say: Say) -> None:
        cluster = self._clusters.find(action.cluster)
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
        announce_change(cluster, say)

    def _certificate(self, action: UploadCertificate) -> Certificate:
        """Return the certificate that a line means."""
        if action.token is not None:
            return open_token(
                self._clusters.main.tokens_folder, action.token
            ).certificate
        owner, node = self._clusters.find_node(action.node or "")
        unit = certificates.find_store(action.unit or "")
        return certificates.own_certificate(owner, node, unit)

    def _import(self, action: ImportCertificates, say: Say) -> None:
        target = self._clusters.find(action.cluster)
        for placed in certificates.own(self._clusters.find(action.source)):
            for store in _BULK.get(placed.store, ()):
                _put(target, store, placed.certificate, say)
        announce_change(target, say)

    def _sign_certificate(self, action: SignCertificate, say: Say) -> None:
        """Request a certificate, let the lab's CA sign it, and import it."""
        cluster, node = self._clusters.find(action.cluster), None
        if action.node is not None:
            cluster, node = self._clusters.find_node(action.node)
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
        announce_change(cluster, say)

    def _reuse_certificate(self, action: ReuseCertificate, say: Say) -> None:
        """Let CallManager take tomcat's certificate, whose CAs it then trusts."""
        cluster = self._clusters.find(action.cluster)
        store = certificates.find_store(action.unit)
        _trust(cluster, trust_store_of(store), self._authority(cluster))
        made = identities.reuse_tomcat(cluster, store, by=_BY)
        say(f"{store}: {made.subject_text}, reused from tomcat")
        announce_change(cluster, say)

    def _authority(self, cluster: Cluster) -> LabCa:
        folder = self._folder / "lab-ca"
        if folder.exists():
            return LabCa.open(folder)
        return LabCa.create(folder, "Lab", CaKind.COMPANY, None, cluster.clock())


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
