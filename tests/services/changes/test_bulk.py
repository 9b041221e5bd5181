"""Bulk exchange of certificates between clusters, in a folder (REFERENCE 7.11)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.clock import Clock
from tests.rigs.minting import server
from tokenless.protocol.certificates.pem import read_certificates, write_certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import bulk, certificates
from tokenless.services.changes.bulk import BulkType
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import check_tables
from tokenless.services.errors import ServiceError
from tokenless.services.pki.lab_ca import CaKind, LabCa

DIRECTORY = "exchange"


@pytest.fixture
def other(tmp_path: Path, lab: Cluster, clock: Clock) -> Iterator[Cluster]:
    """Return another cluster that exchanges in the same folder."""
    tables = {
        "cluster": {"name": "other"},
        "certificates": {"key_size": 1024, "bulk_folder": str(lab.data / "bulk")},
        "nodes": [{"name": "other-pub", "address": "127.0.61.9", "publisher": True}],
    }
    config = check_tables(tables, "test")
    cluster = Cluster.open(tmp_path / "other", config, clock=clock)
    yield cluster
    cluster.close()


def trusted(cluster: Cluster, store: TrustStore) -> set[bytes]:
    return {each.certificate.der for each in certificates.trust(cluster, store)}


def own(cluster: Cluster, store: TrustStore) -> set[bytes]:
    return {
        each.certificate.der
        for each in certificates.own(cluster)
        if each.store is store
    }


def test_two_clusters_export_consolidate_and_import(
    lab: Cluster, other: Cluster
) -> None:
    assert bulk.export_to_folder(lab, BulkType.TFTP, DIRECTORY, by="test") == 2
    assert bulk.export_to_folder(other, BulkType.TFTP, DIRECTORY, by="test") == 1
    assert bulk.consolidate(lab, BulkType.TFTP, DIRECTORY, by="test") == (2, 3)
    before = trusted(lab, TrustStore.PHONE_SAST_TRUST)
    assert bulk.import_from_folder(lab, BulkType.TFTP, DIRECTORY, by="test") == 1
    assert bulk.import_from_folder(other, BulkType.TFTP, DIRECTORY, by="test") == 2
    theirs, ours = (own(each, TrustStore.CALLMANAGER) for each in (other, lab))
    # Each has the other's, and its own certificates stay out of its trust stores.
    for store in (TrustStore.PHONE_SAST_TRUST, TrustStore.CALLMANAGER_TRUST):
        assert theirs <= trusted(lab, store)
        assert ours <= trusted(other, store)
    assert trusted(lab, TrustStore.PHONE_SAST_TRUST) - before == theirs
    assert bulk.import_from_folder(lab, BulkType.TFTP, DIRECTORY, by="test") == 0


def test_a_store_keeps_the_later_one_of_a_name(lab: Cluster, clock: Clock) -> None:
    """Two clusters may have nodes of one name (REFERENCE-2 2.4)."""
    node, unit = lab.publisher, TrustStore.TVS
    early = certificates.regenerate(lab, node, unit, by="test")
    clock.advance(86_400)
    late = certificates.regenerate(lab, node, unit, by="test")
    certificates.regenerate(lab, node, unit, by="test")  # a cluster's own stays out
    files = [write_certificate(each.der) for each in (early, late)]
    store = TrustStore.PHONE_SAST_TRUST
    before = trusted(lab, store)
    for data in (files[0], b"".join(files), files[0]):
        bulk.import_certificates(lab, BulkType.TFTP, data, by="test")
    assert trusted(lab, store) - before == {late.der}


def test_nothing_is_imported_before_it_is_consolidated(lab: Cluster) -> None:
    for do in (bulk.import_from_folder, bulk.consolidate):
        with pytest.raises(ServiceError, match=r"consolidated|exported"):
            do(lab, BulkType.CAPF, DIRECTORY, by="test")
    bulk.export_to_folder(lab, BulkType.CAPF, DIRECTORY, by="test")
    with pytest.raises(ServiceError, match="no consolidated CAPF"):
        bulk.import_from_folder(lab, BulkType.CAPF, DIRECTORY, by="test")


@pytest.mark.parametrize(
    "directory", ["", ".", "..", "../tokens", "/etc", "a/b", ".hidden", "x" * 65, "a b"]
)
def test_a_directory_is_a_name(lab: Cluster, directory: str) -> None:
    before = lab.store.revision()
    for do in (bulk.export_to_folder, bulk.consolidate, bulk.import_from_folder):
        with pytest.raises(ServiceError, match="not a name for a directory"):
            do(lab, BulkType.TFTP, directory, by="test")
    assert lab.store.revision() == before


def test_a_link_leads_nowhere(lab: Cluster, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (lab.data / "bulk").mkdir()
    (lab.data / "bulk" / DIRECTORY).symlink_to(outside)
    with pytest.raises(ServiceError, match="is a link"):
        bulk.export_to_folder(lab, BulkType.TFTP, DIRECTORY, by="test")
    assert list(outside.iterdir()) == []


def test_a_file_of_forty_nodes_is_imported(lab: Cluster) -> None:
    ders = {server(f"node{number}").certificate.der for number in range(40)}
    data = b"".join(map(write_certificate, ders))
    assert bulk.import_certificates(lab, BulkType.TFTP, data, by="test") == 40
    assert ders <= trusted(lab, TrustStore.PHONE_SAST_TRUST)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"nonsense", "no certificate could be read"),
        (
            b"-----BEGIN CERTIFICATE-----\n====\n-----END CERTIFICATE-----\n",
            "no certificate could be read",
        ),
        (
            b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----",
            "private key",
        ),
        (bytes(bulk.MAX_FILE_BYTES + 1), "over"),
    ],
)
def test_a_damaged_file_stops_the_consolidation(
    lab: Cluster, content: bytes, sentence: str
) -> None:
    bulk.export_to_folder(lab, BulkType.TFTP, DIRECTORY, by="test")
    folder = lab.data / "bulk" / DIRECTORY
    (folder / "TFTP-elsewhere.pem").write_bytes(content)
    with pytest.raises(ServiceError, match=sentence):
        bulk.consolidate(lab, BulkType.TFTP, DIRECTORY, by="test")
    assert not (folder / "TFTP.pem").exists()


def test_an_authority_is_not_a_tftp_server(lab: Cluster, tmp_path: Path) -> None:
    ca = LabCa.create(tmp_path / "ca", "Example", CaKind.COMPANY, None, lab.clock())
    before = lab.store.revision()
    data = ca.chain[0]
    with pytest.raises(ServiceError, match="is an authority"):
        bulk.import_certificates(lab, BulkType.TFTP, data, by="test")
    assert lab.store.revision() == before


def test_what_all_nodes_share_is_exported_once(lab: Cluster) -> None:
    found = bulk.export_certificates(lab, BulkType.ITLRECOVERY)
    assert len(found) == 1
    assert read_certificates(write_certificate(found[0].der)) == (found[0].der,)
