"""Bulk Certificate Management: exchange in the folder, a file by browser."""

from tests.rigs.console_rig import add_users, console_of
from tests.rigs.minting import server
from tokenless.protocol.certificates.pem import read_certificates, write_certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster

PATH = "/cmplatform/bulk"


async def test_all_types_are_exchanged_in_a_directory(lab: Cluster) -> None:
    theirs = server("theirs").certificate
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        fields = {"directory": "merge", "type": "All"}
        page = await alice.said(f"{PATH}/exchange", fields | {"order": "export"})
        assert "TFTP, exported certificates: 2" in page
        assert "ITLRecovery, exported certificates: 1" in page
        assert 'value="merge"' in page
        folder = lab.data / "bulk/merge"
        (folder / "TFTP-theirs.pem").write_bytes(write_certificate(theirs.der))
        page = await alice.said(f"{PATH}/exchange", fields | {"order": "consolidate"})
        assert "TFTP, consolidated certificates: 3, of clusters: 2" in page
        page = await alice.said(f"{PATH}/exchange", fields | {"order": "import"})
        assert "TFTP, new certificates that are trusted: 1" in page
        assert "CAPF, new certificates that are trusted: 0" in page
    held = certificates.trust(lab, TrustStore.PHONE_SAST_TRUST)
    assert theirs in [each.certificate for each in held]


async def test_a_directory_that_leads_elsewhere_is_refused(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        for directory in ("../keys", "/etc", "<script>", ""):
            for order in ("export", "consolidate", "import", "other"):
                fields = {"directory": directory, "type": "TFTP", "order": order}
                page = await alice.said(f"{PATH}/exchange", fields)
                refused = "not a name for a directory" in page
                assert refused or "no such operation" in page
                assert "<script>" not in page
    assert not (lab.data / "bulk").exists()


async def test_a_file_is_taken_along_by_browser(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        file = await alice.client.get(f"{PATH}/export?type=Tomcat")
        assert len(read_certificates(file.content)) == 2
        data = write_certificate(server("web").certificate.der)
        page = await alice.said(PATH, {"type": "Tomcat"}, file=data)
        assert "Tomcat, new certificates that are trusted: 1" in page
        page = await alice.said(PATH, {"type": "Other"}, file=data)
        assert "no such certificate type" in page
