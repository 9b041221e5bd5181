"""OpenSSL agrees with every certificate and list that a cluster makes, by release."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.rigs.ca_signed import SHARED, signed, trusting
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import write_certificate
from tokenless.protocol.codes import Digest, TrustStore
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl, install_reset_itl
from tokenless.services.config import check_tables, load_config
from tokenless.services.pki.lab_ca import CaKind, LabCa
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.store.parameters import SHA512, Parameter

LAB = Path(__file__).parents[3] / "configs/lab.toml"
RELEASES = ("10.5(1)", "11.5(1)", "12.5(1)", "14SU3", "15SU3")

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="there is no openssl"
)


@pytest.fixture(params=[*RELEASES, "shared"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """Return a mixed cluster of a release, whose nodes have their lists."""
    is_shared = request.param == "shared"
    version = "14SU3" if is_shared else request.param
    tables: dict[str, object] = {"cluster": {"version": version}}
    if is_shared:
        units = ["CallManager", "CallManager-ECDSA", "tomcat", "TVS"]
        tables["certificates"] = {"multi_server": units}
    cluster = Cluster.open(tmp_path / "data", load_config(LAB, tables))
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    yield cluster
    cluster.close()


def openssl(*words: object, data: bytes | None = None) -> str:
    done = subprocess.run(
        ["openssl", *map(str, words)], input=data, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_openssl_verifies_every_own_certificate(
    cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "own.pem"
    for placed in certificates.own(cluster):
        own = placed.certificate
        file.write_bytes(write_certificate(own.der))
        # Level 0: the lab's first keys have 1024 bits and SHA-1, as in 2015.
        level = ("-auth_level", 0, "-check_ss_sig")
        assert openssl("verify", *level, "-CAfile", file, file).endswith(": OK\n")
        said = openssl("x509", "-in", file, "-noout", "-serial", "-subject", "-dates")
        assert f"serial={own.serial_hex}\n" in said
        assert (own.subject.get("CN") or "").strip() in said
        assert f"{own.not_after:%Y} GMT" in said


def lists_of(cluster: Cluster) -> Iterator[TrustList]:
    for node in cluster.nodes:
        install_ctl(cluster, node)
        rebuild_itl(cluster, node)
        yield TrustList.decode(node.ctl_file.read_bytes())
        yield TrustList.decode(node.itl_file.read_bytes())


def signer_of(cluster: Cluster, made: TrustList) -> Certificate:
    for placed in certificates.own(cluster):
        if placed.certificate.serial_hex == made.signer.serial_hex and placed.store in {
            TrustStore.CALLMANAGER,
            TrustStore.ITLRECOVERY,
        }:
            return placed.certificate
    raise AssertionError(made.signer.subject)


def check_signature(cluster: Cluster, made: TrustList, folder: Path) -> None:
    key, signature = folder / "key.pem", folder / "signature"
    public = signer_of(cluster, made).public_key
    form = PublicFormat.SubjectPublicKeyInfo
    key.write_bytes(public.public_bytes(Encoding.PEM, form))
    signature.write_bytes(made.header.signature)
    digest = f"-{made.header.digest.name.lower()}"
    said = openssl(
        *("dgst", digest, "-verify", key, "-signature", signature),
        data=made.header.signed_part(made.data),
    )
    assert said == "Verified OK\n"


def test_openssl_verifies_every_list(cluster: Cluster, tmp_path: Path) -> None:
    for made in lists_of(cluster):
        check_signature(cluster, made, tmp_path)


def test_openssl_verifies_the_lists_of_nine_nodes_and_their_chain(
    tmp_path: Path,
) -> None:
    """A company's CA signs the one CallManager certificate; each node has a TVS."""
    shared = ["CallManager", "CallManager-ECDSA", "tomcat", "tomcat-ECDSA"]
    tables = {
        "cluster": {"version": "14SU3", "domain": "lab.example"},
        "certificates": {"key_size": 1024, "multi_server": shared},
        "nodes": [
            {"name": f"node{n}", "address": f"127.0.61.{n}", "publisher": n == 1}
            for n in range(1, 10)
        ],
    }
    cluster = Cluster.open(tmp_path / "data", check_tables(tables, "test"))
    now = cluster.clock()
    ca = LabCa.create(tmp_path / "ca", "Example", CaKind.COMPANY, None, now)
    trusting(cluster, ca, TrustStore.CALLMANAGER_TRUST)
    taken = signed(cluster, ca, TrustStore.CALLMANAGER, SHARED).certificate
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(write_certificate(taken.der))
    root, middle = tmp_path / "ca/root.pem", tmp_path / "ca/intermediate.pem"
    chain = ("-x509_strict", "-CAfile", root, "-untrusted", middle, leaf)
    assert openssl("verify", *chain).endswith("leaf.pem: OK\n")
    names = openssl("x509", "-in", leaf, "-noout", "-ext", "subjectAltName")
    assert all(f"DNS:node{n}.lab.example" in names for n in range(1, 10))
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    made = list(lists_of(cluster))
    assert len(made) == 2 * 9
    for each in {each.data: each for each in made}.values():
        check_signature(cluster, each, tmp_path)
        listed = [record.certificate_der for record in each.records]
        assert taken.der in listed
    itls = {each.data for each in made if each.header.filename == "ITLFile.tlv"}
    assert len(itls) == 9
    cluster.close()


def test_openssl_verifies_reset_lists_and_sha512(
    cluster: Cluster, tmp_path: Path
) -> None:
    if not cluster.release.chooses_digest:
        pytest.skip("this release has SHA-1 only")
    security.set_parameter(cluster, Parameter.SIGNATURE_DIGEST, SHA512, by="test")
    security.update_ctl(cluster, by="test")
    for made in lists_of(cluster):
        assert made.header.digest is Digest.SHA512
        check_signature(cluster, made, tmp_path)
    security.reset_itl_localkey(cluster, by="test")
    for node in cluster.nodes:
        install_reset_itl(cluster, node)
        reset = TrustList.decode(node.itl_file.read_bytes())
        check_signature(cluster, reset, tmp_path)
