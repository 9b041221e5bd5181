"""Encrypted configurations as the server gives them (REFERENCE-3 2.2, 2.4)."""

from dataclasses import replace

import pytest

from tests.rigs import capf, minting
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import CannotDecryptError
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.device_security import CapfOperation, DeviceSecurity
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.changes import security
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.publishing.phone_files import NodeFiles
from tokenless.services.store import devices

NAME = capf.DEVICE
CONFIG = f"{NAME}.cnf.xml"
ENCRYPTED = f"{CONFIG}.enc.sgn"


def files_of(lab: Cluster) -> NodeFiles:
    rebuild_itl(lab, lab.publisher)
    return NodeFiles(lab, lab.publisher)


def give(lab: Cluster, certificate: Certificate | None) -> None:
    """Write a certificate as CAPF does."""
    with lab.store.change("test", "", by="test") as change:
        (device,) = devices.read_devices(change.connection, NAME)
        devices.write_device(
            change.connection, replace(device, certificate=certificate)
        )


def encrypts(lab: Cluster, *, value: bool = True) -> None:
    change = DeviceChange(
        encrypts_config=value,
        security_mode=DeviceSecurity.ENCRYPTED,
        operation=CapfOperation.INSTALL,
    )
    set_devices(lab, Selection((NAME,)), change, by="test")


def missing(files: NodeFiles, name: str) -> bool:
    with pytest.raises(TftpError) as caught:
        files.find(name)
    return caught.value.code == TftpErrorCode.FILE_NOT_FOUND


def test_off_the_encrypted_name_is_not_there(lab: Cluster) -> None:
    files = files_of(lab)
    assert missing(files, ENCRYPTED)
    assert PhoneConfig.decode(files.read(CONFIG)).full_config


def test_on_the_plain_names_lead_to_the_small_file(lab: Cluster) -> None:
    encrypts(lab)
    lsc = capf.phone_certificate().certificate
    give(lab, lsc)
    files = files_of(lab)
    small = files.read(CONFIG)
    signed = SignedFile.decode(files.read(f"{CONFIG}.sgn"))
    assert signed.payload == small
    config = PhoneConfig.decode(small)
    assert (config.full_config, config.encrypted) == (False, True)
    assert config.certificate_hash == lsc.md5
    assert config.capf_auth_mode == 2
    assert config.capf[0].address == lab.publisher.address
    assert b"callManager" not in small
    tags = [line.split(b">")[0].strip(b" <") for line in small.splitlines()[2:-1]]
    assert tags[:3] == [b"fullConfig", b"loadInformation", b"capfAuthMode"]
    assert tags[-2:] == [b"certHash", b"encrConfig"]


def test_only_the_phones_key_opens_it(lab: Cluster) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    encrypts(lab)
    give(lab, capf.phone_certificate().certificate)
    files = files_of(lab)
    data = files.read(ENCRYPTED)
    encrypted = EncryptedFile.decode(data)
    content = encrypted.decrypt(minting.rsa_key(2048, "phone"))
    config = PhoneConfig.decode(content)
    assert config.full_config
    assert (config.security_mode, config.transport) == (3, 3)
    assert config.callmanagers
    with pytest.raises(CannotDecryptError):
        encrypted.decrypt(minting.rsa_key(2048, "another phone"))
    assert files.read(ENCRYPTED) == data
    assert content not in data


def test_without_mixed_mode_a_secure_profile_is_written_non_secure(
    lab: Cluster,
) -> None:
    change = DeviceChange(security_mode=DeviceSecurity.ENCRYPTED)
    set_devices(lab, Selection((NAME,)), change, by="test")

    def written() -> tuple[int, int]:
        config = PhoneConfig.decode(files_of(lab).read(CONFIG))
        return config.security_mode, config.transport

    assert written() == (1, 1)
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    assert written() == (3, 3)
    security.set_cluster_mode(lab, SecurityMode.NON_SECURE, by="test")
    assert written() == (1, 1)


def test_key_and_iv_are_fresh_for_each_writing(lab: Cluster) -> None:
    encrypts(lab)
    give(lab, capf.phone_certificate().certificate)
    first, second = (
        EncryptedFile.decode(files_of(lab).read(ENCRYPTED)) for _ in range(2)
    )
    assert first.envelope.iv != second.envelope.iv
    assert first.payload != second.payload


def test_without_a_certificate_there_is_no_encrypted_file(lab: Cluster) -> None:
    encrypts(lab)
    files = files_of(lab)
    assert missing(files, ENCRYPTED)
    assert PhoneConfig.decode(files.read(CONFIG)).certificate_hash == ""


def test_what_is_said_of_a_device_counts_at_once(lab: Cluster) -> None:
    """Without a restart of the TFTP service, and for this device only."""
    files = files_of(lab)
    other = files.find("SEP00AABBCCDDEE.cnf.xml")
    encrypts(lab)
    give(lab, capf.phone_certificate().certificate)
    assert files.take_devices(lab.devices())
    assert not files.take_devices(lab.devices())
    EncryptedFile.decode(files.read(ENCRYPTED))
    encrypts(lab, value=False)
    assert files.take_devices(lab.devices())
    assert missing(files, ENCRYPTED)
    assert PhoneConfig.decode(files.read(CONFIG)).full_config
    assert files.find("SEP00AABBCCDDEE.cnf.xml") is other


@pytest.mark.parametrize("name", ["x.cnf.xml.enc.sgn", ".cnf.xml.enc.sgn", "a.enc.sgn"])
def test_names_that_are_no_device(lab: Cluster, name: str) -> None:
    assert missing(files_of(lab), name)
