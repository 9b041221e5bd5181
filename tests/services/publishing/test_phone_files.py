"""The snapshot that TFTP serves: names, signatures, stable bytes, nothing secret."""

import shutil
from pathlib import Path

import pytest

from tests.rigs.clock import Clock
from tests.services.conftest import LAB
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.config import load_config
from tokenless.services.publishing import phone_files
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.publishing.phone_files import NodeFiles

DEVICE = "SEP001122334455"
CONFIG = f"{DEVICE}.cnf.xml"


def start_tftp(lab: Cluster, node: Node | None = None) -> NodeFiles:
    """Do what a start of the TFTP service does."""
    node = lab.publisher if node is None else node
    rebuild_itl(lab, node)
    return NodeFiles(lab, node)


def callmanager(lab: Cluster, node: Node) -> Certificate:
    return certificates.own_certificate(lab, node, TrustStore.CALLMANAGER)


def refusal(files: NodeFiles, name: str) -> TftpErrorCode:
    with pytest.raises(TftpError) as caught:
        files.find(name)
    return TftpErrorCode(caught.value.code)


def test_the_ctl_has_all_its_names_once_there_is_one(lab: Cluster) -> None:
    names = ("CTLFile.tlv", f"CTL{DEVICE}.tlv", "CTLSEPaabbccddeeff.tlv")
    files = start_tftp(lab)
    assert {refusal(files, name) for name in names} == {TftpErrorCode.FILE_NOT_FOUND}
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    install_ctl(lab, lab.publisher)
    files = start_tftp(lab)
    ctl = lab.publisher.ctl_file.read_bytes()
    assert all(files.read(name) == ctl for name in names)
    assert len({id(files.read(name)) for name in names}) == 1


def test_the_itl_has_all_its_names(lab: Cluster) -> None:
    for node in lab.nodes:
        files = start_tftp(lab, node)
        itl = node.itl_file.read_bytes()
        assert files.read("ITLFile.tlv") == files.read(f"ITL{DEVICE}.tlv") == itl


def test_tftp_serves_what_it_held_when_it_started(lab: Cluster) -> None:
    files = start_tftp(lab)
    before = {name: files.read(name) for name in ("ITLFile.tlv", f"{CONFIG}.sgn")}
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    install_ctl(lab, lab.publisher)
    certificates.regenerate(lab, lab.publisher, TrustStore.CALLMANAGER, by="test")
    rebuild_itl(lab, lab.publisher)
    assert refusal(files, "CTLFile.tlv") == TftpErrorCode.FILE_NOT_FOUND
    assert {name: files.read(name) for name in before} == before
    after = start_tftp(lab)
    assert after.read("CTLFile.tlv")
    assert all(after.read(name) != content for name, content in before.items())


def test_a_deleted_or_damaged_ctl_is_served_as_it_lies(lab: Cluster) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    install_ctl(lab, lab.publisher)
    lab.publisher.ctl_file.write_bytes(b"damaged")
    assert start_tftp(lab).read("CTLFile.tlv") == b"damaged"
    lab.publisher.ctl_file.unlink()
    install_ctl(lab, lab.publisher)
    assert refusal(start_tftp(lab), "CTLFile.tlv") == TftpErrorCode.FILE_NOT_FOUND


def test_configurations_are_signed_by_the_nodes_callmanager(lab: Cluster) -> None:
    for node in lab.nodes:
        files = start_tftp(lab, node)
        signed = SignedFile.decode(files.read(f"{CONFIG}.sgn"))
        signed.verify(callmanager(lab, node).public_key)
        assert signed.filename == f"{CONFIG}.sgn"
        assert signed.payload == files.read(CONFIG)
        assert files.read(f"{CONFIG}.sgn") is files.read(f"{CONFIG}.sgn")


def test_a_configuration_names_the_ports_that_tvs_really_has(lab: Cluster) -> None:
    tvs = PhoneConfig.decode(start_tftp(lab).read(CONFIG)).tvs
    assert [(each.address, each.port) for each in tvs] == [
        ("127.0.47.155", 2445),
        ("127.0.47.156", 2445),
    ]
    lab.record_ports({node.name: {"tvs": 4000 + node.id} for node in lab.nodes})
    config = PhoneConfig.decode(start_tftp(lab).read(CONFIG))
    assert [each.port for each in config.tvs] == [4001, 4002]
    assert [each.priority for each in config.tvs] == [0, 1]
    assert [each.name for each in config.callmanagers] == [
        node.name for node in lab.nodes
    ]
    assert config.load == PHONE_MODELS["7975"].load


def test_the_same_state_gives_the_same_bytes_everywhere(
    lab: Cluster, clock: Clock
) -> None:
    first = start_tftp(lab).read(f"{CONFIG}.sgn")
    clock.advance(86400)
    assert start_tftp(lab).read(f"{CONFIG}.sgn") == first
    plain = {start_tftp(lab, node).read(CONFIG) for node in lab.nodes}
    assert len(plain) == 1


def test_another_content_has_another_version_stamp(lab: Cluster, clock: Clock) -> None:
    first = PhoneConfig.decode(start_tftp(lab).read(CONFIG)).version_stamp
    clock.advance(60)
    lab.record_ports({lab.publisher.name: {"tvs": 4000}})
    second = PhoneConfig.decode(start_tftp(lab).read(CONFIG)).version_stamp
    assert first != second
    assert second.startswith(f"{int(clock.now)}-")
    lab.record_ports({lab.publisher.name: {"tvs": 2445}})
    assert PhoneConfig.decode(start_tftp(lab).read(CONFIG)).version_stamp == first


def test_without_auto_registration_only_known_devices_get_one(tmp_path: Path) -> None:
    known = {"name": "SEP00AABBCCDDEE", "device_pool": "Default", "model": "8861"}
    config = load_config(
        LAB,
        {"cluster": {"auto_registration": False}, "devices": [known]},
    )
    cluster = Cluster.open(tmp_path / "data", config)
    files = start_tftp(cluster)
    assert refusal(files, CONFIG) == TftpErrorCode.FILE_NOT_FOUND
    assert refusal(files, f"{CONFIG}.sgn") == TftpErrorCode.FILE_NOT_FOUND
    own = PhoneConfig.decode(files.read("SEP00AABBCCDDEE.cnf.xml"))
    assert own.load == PHONE_MODELS["8861"].load
    assert PhoneConfig.decode(files.read("SEP00aabbccddee.cnf.xml")) == own
    cluster.close()


@pytest.mark.parametrize(
    "device",
    ["CSFJDOE", "CSFj.doe", "TCTJDOE", "BOTJDOE", "TABJDOE", "ATA001122334455"],
)
def test_adapters_and_clients_get_their_files(lab: Cluster, device: str) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    install_ctl(lab, lab.publisher)
    files = start_tftp(lab)
    for kind in ("CTL", "ITL"):
        assert files.read(f"{kind}{device}.tlv") == files.read(f"{kind}File.tlv")
    signed = SignedFile.decode(files.read(f"{device}.cnf.xml.sgn"))
    assert signed.payload == files.read(f"{device}.cnf.xml") == files.read(CONFIG)


def test_a_client_that_is_configured_by_hand(tmp_path: Path) -> None:
    known = {"name": "CSFJDOE", "device_pool": "Default", "model": "Jabber"}
    config = load_config(LAB, {"devices": [known]})
    again = Cluster.open(tmp_path / "again", config)
    files = start_tftp(again)
    own = PhoneConfig.decode(files.read("CSFjdoe.cnf.xml"))
    assert own.load == PHONE_MODELS["Jabber"].load
    again.close()


def test_the_list_of_files_names_what_can_be_had(lab: Cluster) -> None:
    files = start_tftp(lab)
    names = files.read("ConfigFileCacheList.txt").decode().splitlines()
    assert names == ["ITLFile.tlv", "XMLDefault.cnf.xml"]
    assert all(files.read(name) for name in names)


def test_the_default_file_lists_no_tvs(lab: Cluster) -> None:
    files = start_tftp(lab)
    default = PhoneConfig.decode(files.read("XMLDefault.cnf.xml"))
    assert default.tvs == ()
    assert [each.address for each in default.callmanagers] == [
        "127.0.47.155",
        "127.0.47.156",
    ]
    signed = SignedFile.decode(files.read("XMLDefault.cnf.xml.sgn"))
    signed.verify(callmanager(lab, lab.publisher).public_key)


def test_encrypted_names_are_not_there(lab: Cluster) -> None:
    name = f"{CONFIG}.enc.sgn"
    assert refusal(start_tftp(lab), name) == TftpErrorCode.FILE_NOT_FOUND


def test_static_files_are_served_and_signed(lab: Cluster) -> None:
    files = start_tftp(lab)
    path = lab.publisher.tftp_folder / "ringlist.xml"
    path.write_bytes(b"<CiscoIPPhoneRingList/>")
    assert files.read("ringlist.xml") == b"<CiscoIPPhoneRingList/>"
    signed = SignedFile.decode(files.read("ringlist.xml.sgn"))
    signed.verify(callmanager(lab, lab.publisher).public_key)
    assert files.read("ringlist.xml.sgn") is files.read("ringlist.xml.sgn")
    path.write_bytes(b"<CiscoIPPhoneRingList>more</CiscoIPPhoneRingList>")
    assert SignedFile.decode(files.read("ringlist.xml.sgn")).payload.endswith(
        b"more</CiscoIPPhoneRingList>"
    )


def test_further_static_files_come_from_a_folder_of_the_configuration(
    lab: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "term75.loads").write_bytes(b"loads")
    config = load_config(LAB, {"tftp": {"static_files": str(tmp_path / "firmware")}})
    again = Cluster.open(lab.data, config)
    assert start_tftp(again).read("term75.loads") == b"loads"
    again.close()


@pytest.mark.parametrize(
    "name",
    [
        "../keys/x.pem",
        "/etc/passwd",
        "key.pem",
        "ITLRecovery.p12",
        ".ITLFile.tlv.tmp",
        "sub/.hidden",
        "Other.tlv",
        "SEP00112233445.cnf.xml",
        "sep001122334455.cnf.xml",
        "CSF.cnf.xml",
        "CSFTOOLONGFORANAME.cnf.xml",
        "XYZJDOE.cnf.xml",
        "CTLXYZJDOE.tlv",
        "CTLSEP00112233445g.tlv",
        "",
        ".sgn",
        "..",
    ],
)
def test_nothing_else_leaves_the_node(lab: Cluster, name: str) -> None:
    folder = lab.publisher.tftp_folder
    for secret in ("key.pem", "ITLRecovery.p12", ".ITLFile.tlv.tmp", "Other.tlv"):
        (folder / secret).write_bytes(b"secret")
    files = start_tftp(lab)
    for each in (name, f"{name}.sgn"):
        assert refusal(files, each) in {
            TftpErrorCode.FILE_NOT_FOUND,
            TftpErrorCode.ACCESS_VIOLATION,
        }


def test_made_up_names_do_not_fill_the_memory(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_files, "MAX_SIGNED_FILES", 4)
    files = start_tftp(lab)
    for number in range(20):
        files.read(f"SEP{number:012X}.cnf.xml.sgn")
    assert len(files._signatures._kept) == 4


def test_made_up_names_of_a_large_file_do_not_fill_the_memory(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_files, "MAX_SIGNED_BYTES", 500_000)
    (lab.publisher.tftp_folder / "large.bin").write_bytes(bytes(100_000))
    files = start_tftp(lab)
    for number in range(20):
        files.read(f"{'./' * number}large.bin.sgn")
    kept = files._signatures._kept.values()
    assert sum(len(signed) for _, signed in kept) < 500_000
    assert len({version for version, _ in kept}) == 1


def test_what_no_phone_would_take_is_not_signed(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_files, "MAX_SIGNED_LENGTH", 10)
    (lab.publisher.tftp_folder / "large.bin").write_bytes(bytes(11))
    assert refusal(start_tftp(lab), "large.bin.sgn") == TftpErrorCode.DISK_FULL


def test_a_node_without_its_key_does_not_start(lab: Cluster) -> None:
    shutil.rmtree(lab.publisher.keys_folder)
    with pytest.raises(Exception, match="not on this machine"):
        NodeFiles(lab, lab.publisher)
