"""The REST interface of certificates: shapes, statuses, who may ask."""

import base64
import json
import socket
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.rigs import minting
from tests.rigs.clock import Clock
from tests.rigs.console_rig import PASSWORD, ConsoleRig, add_users, console_of
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.certmgr import (
    CertmgrAccount,
    ended_after,
    fetch_in_use,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, security
from tokenless.services.changes.identities import reuse_tomcat
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.console.certmgr import BASE
from tokenless.services.pki.lab_ca import CaKind, LabCa
from tokenless.services.pki.signing_requests import SigningRequest
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.store.parameters import Parameter

FOREIGN_PEM = minting.pem(minting.server("elsewhere").certificate.der).decode()
UPLOADED = "Certificate upload operation successful"
KEY_PEM = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"


class Client:
    """A renewal script: one `curl` a call."""

    def __init__(self, rig: ConsoleRig, name: str = "alice") -> None:
        token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        self.http = rig.visitor(Authorization=f"Basic {token}").client

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = await self.http.get(f"{BASE}/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def post(self, path: str, body: object) -> httpx.Response:
        return await self.http.post(f"{BASE}/{path}", json=body)


@pytest.fixture
def company(tmp_path: Path, lab: Cluster) -> LabCa:
    return LabCa.create(tmp_path / "ca", "Lab", CaKind.COMPANY, None, lab.clock())


@pytest.fixture
def cluster(lab: Cluster) -> Cluster:
    add_users(lab)
    security.set_parameter(lab, Parameter.VERSION, "14", by="test")
    return lab


async def trust(client: Client, authority: LabCa, *services: str) -> None:
    body = {
        "service": list(services),
        "certificates": [pem.decode() for pem in authority.chain],
        "description": "ours",
    }
    answer = await client.post("trust/certificates", body)
    assert answer.status_code == 200, answer.text


async def renewed(
    client: Client, authority: LabCa, lab: Cluster, **order: object
) -> httpx.Response:
    answer = await client.post("csr", {"service": "tomcat", **order})
    assert answer.status_code == 200, answer.text
    csr = SigningRequest.read(answer.json()["csr"].encode())
    pem = authority.sign(csr, lab.clock()).decode()
    body = {"service": "tomcat", "certificates": [pem]}
    return await client.post("identity/certificates", body)


async def test_tomcat_is_renewed(cluster: Cluster, company: LabCa) -> None:
    async with console_of(cluster) as rig:
        client = Client(rig)
        before = (await client.get("identity/certificate", service="tomcat"))[
            "certificate"
        ]
        await trust(client, company, "tomcat")
        await trust(client, company, "tomcat")  # scripts send the chain each time
        answer = await renewed(client, company, cluster, keyLength=2048)
        assert answer.status_code == 200, answer.text
        now = await client.get("identity/certificate", service="tomcat")
        kept = await client.get("trust/certificate", service="tomcat")
    assert now["certificate"] != before
    (der,) = read_certificates(now["certificate"].encode())
    own = certificates.own_certificate(cluster, cluster.publisher, TrustStore.TOMCAT)
    assert own == Certificate.decode(der)
    assert len(kept["certificates"]) == len(company.chain)


async def test_with_reuse_callmanager_follows(cluster: Cluster, company: LabCa) -> None:
    async with console_of(cluster) as rig:
        client = Client(rig)
        await trust(client, company, "tomcat", "CallManager")
        first = await renewed(client, company, cluster, distribution="multi-server")
        assert first.json()["reusedFor"] == []
        reuse_tomcat(cluster, TrustStore.CALLMANAGER, by="test")
        second = await renewed(client, company, cluster, distribution="multi-server")
        assert second.status_code == 200, second.text
        assert second.json()["reusedFor"] == ["CallManager"]
    assert second.json()["nodes"] == [node.name for node in cluster.nodes]
    for node in cluster.nodes:
        both = {
            certificates.own_certificate(cluster, node, unit).der
            for unit in (TrustStore.TOMCAT, TrustStore.CALLMANAGER)
        }
        assert len(both) == 1


async def test_a_ca_that_is_not_trusted_is_400(
    cluster: Cluster, company: LabCa
) -> None:
    async with console_of(cluster) as rig:
        answer = await renewed(Client(rig), company, cluster)
    assert answer.status_code == 400
    assert "not available in the trust-store" in answer.json()["message"]


async def test_a_certificate_that_a_store_keeps_out_is_not_called_uploaded(
    cluster: Cluster, clock: Clock
) -> None:
    node, unit = cluster.publisher, TrustStore.CALLMANAGER
    older = certificates.own_certificate(cluster, node, unit)
    clock.advance(86400)
    later = certificates.regenerate(cluster, node, unit, by="test")
    async with console_of(cluster) as rig:
        client = Client(rig)
        answers = []
        for each in (older, later, older):
            pem = minting.pem(each.der).decode()
            body = {"service": ["tomcat"], "certificates": [pem]}
            answers.append((await client.post("trust/certificates", body)).json())
    new, replaced, kept_out = answers
    assert new["message"] == replaced["message"] == UPLOADED
    assert (new["stored"], new["warnings"]) == ({"tomcat-trust": 1}, [])
    assert ["was replaced" in line for line in replaced["warnings"]] == [True]
    assert kept_out["message"] != UPLOADED
    assert kept_out["stored"] == {"tomcat-trust": 0}
    assert ["was not stored" in line for line in kept_out["warnings"]] == [True]


async def test_an_answer_to_an_older_request_is_500(
    cluster: Cluster, company: LabCa
) -> None:
    async with console_of(cluster) as rig:
        client = Client(rig)
        await trust(client, company, "tomcat")
        first = await client.post("csr", {"service": "tomcat"})
        await client.post("csr", {"service": "tomcat"})
        csr = SigningRequest.read(first.json()["csr"].encode())
        pem = company.sign(csr, cluster.clock()).decode()
        body = {"service": "tomcat", "certificates": [pem]}
        answer = await client.post("identity/certificates", body)
    assert answer.status_code == 500
    assert "do not match" in answer.json()["error"]


async def test_openssl_agrees_with_every_request(
    cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "unit.csr"
    async with console_of(cluster) as rig:
        client = Client(rig)
        for unit in ("tomcat", "CallManager", "TVS", "CAPF", "ipsec"):
            answer = await client.post("csr", {"service": unit})
            file.write_text(answer.json()["csr"])
            done = await trio.run_process(
                ["openssl", "req", "-in", str(file), "-verify", "-noout"],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert b"OK" in done.stdout + done.stderr


async def test_the_snapshot_has_all_units_stores_and_requests(
    cluster: Cluster,
) -> None:
    async with console_of(cluster) as rig:
        await Client(rig).post("csr", {"service": "TVS"})
        seen = await Client(rig, "ray").get("snapshot/server")
    assert seen["server"] == cluster.publisher.name
    units = {each["service"]: each for each in seen["identities"]}
    assert {"CallManager", "tomcat", "TVS", "CAPF", "ITLRecovery"} <= units.keys()
    assert "REQUEST" in units["TVS"]["csr"]
    assert units["tomcat"]["csr"] is None
    capf = next(t for t in seen["trusts"] if t["service"] == "CAPF-trust")
    assert all(each["filename"].endswith(".pem") for each in capf["certificate_data"])


async def test_who_may_ask(cluster: Cluster) -> None:
    async with console_of(cluster) as rig:
        nobody = rig.visitor().client
        path = f"{BASE}/snapshot/server"
        answer = await nobody.get(path)
        assert answer.status_code == 401
        assert "CMPlatform Realm" in answer.headers["www-authenticate"]
        wrong = base64.b64encode(b"alice:not the password").decode()
        for header in (f"Basic {wrong}", "Basic !", "Bearer x", "Basic YQ=="):
            answer = await nobody.get(path, headers={"Authorization": header})
            assert answer.status_code == 401, header
        reader = await Client(rig, "ray").post("csr", {"service": "tomcat"})
        assert reader.status_code == 403
        alice = Client(rig).http
        for header, value in (
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ):
            answer = await alice.get(path, headers={header: value})
            assert answer.status_code == 403, header
        text = await alice.post(f"{BASE}/csr", content=b'{"service": "tomcat"}')
        assert text.status_code == 415
        unknown = await alice.get(f"{BASE}/options")
        put = await alice.put(f"{BASE}/csr", json={})
        assert (unknown.status_code, put.status_code) == (404, 405)
        assert all(each.json()["message"] for each in (unknown, put))


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("csr", {"service": "nothing"}, "there is no service"),
        ("csr", {"service": "ITLRecovery"}, "cannot be signed by a CA"),
        ("csr", {"service": "tomcat", "distribution": "sub9"}, "no distribution"),
        ("csr", {"service": "tomcat", "keyType": "ec"}, "RSA keys"),
        ("csr", {"service": "tomcat", "keyLength": 17}, "17 bits"),
        ("csr", {"service": "tomcat", "hashAlgorithm": "md5"}, "SHA-256"),
        ("csr", {"service": "tomcat", "altNames": ["a b"]}, "a b"),
        (
            "csr",
            {"service": "tomcat", "altNames": [f"h{n}.example" for n in range(33)]},
            "over 32 names",
        ),
        (
            "trust/certificates",
            {"service": ["ITLRecovery"], "certificates": [FOREIGN_PEM]},
            "no trust store",
        ),
        ("csr", {"certificateRequestData": {}}, "cannot be used"),
        ("csr", [1], "cannot be used"),
        ("identity/certificates", {"service": "tomcat", "certificates": []}, "send 1"),
        (
            "identity/certificates",
            {"service": "tomcat", "certificates": ["x"]},
            "does not exist",
        ),
        ("trust/certificates", {"service": [], "certificates": ["x"]}, ""),
        (
            "trust/certificates",
            {"service": ["tomcat"], "certificates": [KEY_PEM]},
            "private key",
        ),
        (
            "identity/certificates",
            {"service": "tomcat", "certificates": [KEY_PEM]},
            "does not exist",
        ),
        (
            "trust/certificates",
            {"service": "tomcat", "certificates": ["x"]},
            "cannot be used",
        ),
    ],
)
async def test_nonsense_is_one_message(
    cluster: Cluster, path: str, body: object, said: str
) -> None:
    async with console_of(cluster) as rig:
        answer = await Client(rig).post(path, body)
    assert answer.status_code in {400, 500}
    assert said in json.loads(answer.text)["message"]
    assert len(answer.text.splitlines()) == 1


async def test_an_import_reads_certificates_in_use_and_nothing_else(
    cluster: Cluster,
) -> None:
    """The CallManager is regenerated, the CTL not updated: REST tells it."""
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    for node in cluster.nodes:
        install_ctl(cluster, node)
        rebuild_itl(cluster, node)
    node = cluster.publisher
    certificates.regenerate(cluster, node, TrustStore.CALLMANAGER, by="test")
    before = cluster.store.revision()
    lists = ("--ctl", str(node.ctl_file), "--itl", str(node.itl_file))
    async with console_of(cluster) as rig:
        words = ("rehearse", "import", *lists, "--certmgr", rig.base, "--json")
        login = ("--certmgr-login", f"ray:{PASSWORD}")
        status, out, err = await trio.to_thread.run_sync(
            partial(run_cli, *words, *login)
        )
        assert status == 0, err
        wrong, _, said = await trio.to_thread.run_sync(
            partial(run_cli, *words, "--certmgr-login", "ray:wrong")
        )
    found = json.loads(out)
    assert found["regenerated_since_lists"] == [
        {"unit": "CallManager", "node": node.name}
    ]
    assert "not checked" in err
    assert wrong == 1
    assert "status 401" in said
    assert cluster.store.revision() == before


def test_an_answer_without_end_is_ended() -> None:
    ours, theirs = socket.socketpair()
    late = pytest.raises(TimeoutError, match=r"within 0\.01 seconds")
    with ours, theirs, late, ended_after(0.01, ours):
        assert ours.recv(1) == b""


@pytest.mark.parametrize("url", ["http://pub", "pub", "https://", "https://a:b", ""])
def test_what_is_no_node_is_refused(url: str) -> None:
    with pytest.raises(PhoneError, match="not the address of a node"):
        fetch_in_use([url], CertmgrAccount("a:b"))
