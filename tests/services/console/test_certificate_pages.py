"""Requests, self-signed certificates and uploads of a node's own, in pages."""

from pathlib import Path

import pytest

from tests.rigs.console_rig import Visitor, add_users, console_of
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, identities, security
from tokenless.services.changes.identities import RequestOrder
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.pki.lab_ca import CaKind, LabCa
from tokenless.services.pki.signing_requests import SigningRequest

LIST = "/cmplatform/certificates"
CSR = f"{LIST}/csr"


def own(lab: Cluster, store: TrustStore, number: int = 0) -> Certificate:
    return certificates.own_certificate(lab, lab.nodes[number], store)


async def upload(visitor: Visitor, purpose: str, server: str, file: bytes) -> str:
    fields = {"purpose": purpose, "server": server}
    return await visitor.said(f"{LIST}/upload", fields, file=file)


async def test_a_request_is_made_downloaded_signed_and_uploaded(
    lab: Cluster, tmp_path: Path
) -> None:
    ca = LabCa.create(tmp_path / "ca", "Example", CaKind.COMPANY, None, lab.clock())
    node = lab.publisher.name
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        fields = {
            "purpose": "CallManager",
            "distribution": node,
            "domains": "cucm.example\n192.0.2.7",
            "key-length": "2048",
            "ec-length": "256",
        }
        page = await alice.said(CSR, fields)
        assert "Success: Certificate Signing Request Generated" in page
        query = f"purpose=CallManager&amp;node={node}"
        assert f"{CSR}/download?{query}" in page
        file = await alice.client.get(f"{CSR}/download?{query.replace('amp;', '')}")
        made = SigningRequest.read(file.content)
        assert {"cucm.example", "192.0.2.7"} <= made.names
        pem = ca.sign(made, lab.clock())
        # The CA comes first; then the answer, once.
        assert "CA certificate is not available in the trust-store" in await upload(
            alice, "CallManager", node, pem
        )
        for each in ca.chain:
            page = await upload(alice, "CallManager-trust", node, each)
            assert "Success: Certificate Uploaded" in page
        page = await upload(alice, "CallManager", node, pem)
        assert f"Certificate upload operation successful: {node}" in page
        assert "does not exist" in await upload(alice, "CallManager", node, pem)
    new = own(lab, TrustStore.CALLMANAGER)
    assert new.public_key == made.parsed.public_key()


async def test_a_multi_server_request_waits_on_all_nodes(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = await alice.said(CSR, {"purpose": "tomcat", "distribution": "*"})
        assert page.count("tomcat, cucm") == 2
    first, second = (identities.pending(node, TrustStore.TOMCAT) for node in lab.nodes)
    assert first.der == second.der


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"purpose": "ITLRecovery"}, "ITLRecovery cannot be signed by a CA"),
        ({"purpose": "Phone-SAST-trust"}, "Phone-SAST-trust cannot be signed by a CA"),
        ({"purpose": "nothing"}, "there is no store nothing"),
        ({"distribution": "elsewhere"}, "elsewhere"),
        ({"distribution": "*", "purpose": "CAPF"}, "CAPF cannot be multi-server"),
        ({"key-length": "4095"}, "no RSA key of 4095 bits"),
        ({"common-name": "x" * 65}, "a common name has up to 64 characters"),
        ({"common-name": "a\nb"}, "cannot be printed"),
        ({"common-name": "a\0b"}, "cannot be printed"),
        ({"domains": "<script>"}, "not a name"),
        ({"domains": "a..b"}, "not a name"),
        ({"domains": " ".join(f"h{n}.example" for n in range(101))}, "up to 100"),
    ],
)
async def test_a_request_that_cannot_be_is_refused(
    lab: Cluster, fields: dict[str, str], sentence: str
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        alice = await console.signed_in("alice")
        usual = {"purpose": "CallManager", "distribution": lab.publisher.name}
        page = await alice.said(CSR, usual | fields)
        assert sentence in page
        assert lab.store.revision() == before


async def test_a_self_signed_certificate_of_a_subscriber(lab: Cluster) -> None:
    before = own(lab, TrustStore.TVS, 1)
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        where = f"{LIST}/self-signed"
        fields = {
            "purpose": "TVS",
            "distribution": lab.nodes[1].name,
            "key-length": "2048",
            "days": "30",
        }
        page = await alice.said(where, fields)
        new = own(lab, TrustStore.TVS, 1)
        assert new.serial_hex in page
        assert "related to TVS" in page
        shared = fields | {"purpose": "CAPF", "distribution": "*"}
        assert "no self-signed multi-server" in await alice.said(where, shared)
        for days in ("0", "7301", "ten"):
            refused = await alice.said(where, fields | {"days": days})
            assert "valid for 1 to 7300 days" in refused
    assert new != before
    assert round((new.not_after - new.not_before).total_seconds() / 86_400) == 30
    assert new.key_bits == 2048


async def test_the_ctl_is_downloaded_where_there_is_one(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        missing = await alice.get(f"{LIST}/ctl")
        assert missing.status_code == 400
        assert "no CTL file" in missing.text
        assert f"{LIST}/ctl" not in (await alice.get(LIST)).text
        lab.publisher.ctl_file.write_bytes(b"a file")
        assert (await alice.client.get(f"{LIST}/ctl")).content == b"a file"


async def test_reuse_needs_release_14(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        where = f"{LIST}/reuse"
        assert "This needs release 14" in (await alice.get(where)).text
        page = await alice.said(where, {"purpose": "CallManager"})
        assert "cannot use a tomcat certificate" in page
        security.set_parameter(lab, "Version", "14SU3", by="test")
        assert "This needs release 14" not in (await alice.get(where)).text
        page = await alice.said(where, {"purpose": "CallManager"})
        assert "tomcat certificate is not multi-server" in page


async def test_a_certificate_with_an_ec_key_is_regenerated(lab: Cluster) -> None:
    security.set_parameter(lab, "Version", "14SU3", by="test")
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        (placed,) = [
            each
            for each in certificates.own(lab, lab.publisher)
            if each.store is TrustStore.CALLMANAGER_ECDSA
        ]
        where = f"{LIST}/{placed.id}/regenerate"
        page = (await alice.get(where)).text
        assert 'value="384"' in page
        assert 'value="2048"' not in page
        page = await alice.said(where, {"key-size": "384"})
        assert "Success: Certificate Regenerated" in page
    assert own(lab, TrustStore.CALLMANAGER_ECDSA).key_bits == 384


async def test_usage_is_a_column_from_14_on(lab: Cluster) -> None:
    add_users(lab)
    find = f"{LIST}?find=1&field=usage&operator=exactly&text=trust"
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = (await alice.get(f"{LIST}?find=1")).text
        assert ">Usage<" not in page
        security.set_parameter(lab, "Version", "14", by="test")
        page = (await alice.get(find)).text
        assert '<th scope="col">Usage</th>' in page
        assert "<td>Trust</td>" in page
        assert "<td>Identity</td>" not in page
        assert "<td>Identity</td>" in (await alice.get(f"{LIST}?find=1")).text


async def test_key_type_is_a_column_from_11_on(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        assert ">Key Type<" not in (await ray.get(f"{LIST}?find=1")).text
        security.set_parameter(lab, "Version", "11.0", by="test")
        page = (await ray.get(f"{LIST}?find=1")).text
        assert '<th scope="col">Key Type</th>' in page
        assert "<td>RSA</td>" in page


async def test_a_certificate_of_several_servers_is_called_multi_server(
    lab: Cluster,
) -> None:
    add_users(lab)
    security.set_parameter(lab, "Version", "14SU3", by="test")
    find = f"{LIST}?find=1&field=distribution&operator=contains&text=multi-server"
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        assert "Certificate List (0)" in (await ray.get(find)).text
        certificates.regenerate(
            lab, lab.publisher, TrustStore.TOMCAT, shared=True, by="test"
        )
        page = (await ray.get(find)).text
        assert "Certificate List (2)" in page
        for node in lab.nodes:
            assert f"<td>{node.name} (Multi-server)</td>" in page


async def test_a_request_that_waits_is_found_from_the_list(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        assert "Download CSR" not in (await ray.get(LIST)).text
        identities.request(
            lab, lab.publisher, TrustStore.TOMCAT, RequestOrder(), by="test"
        )
        assert f'href="{CSR}#waiting">Download CSR' in (await ray.get(LIST)).text
        assert '<section id="waiting">' in (await ray.get(CSR)).text
