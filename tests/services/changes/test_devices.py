"""Devices: profiles, CAPF operations, selections, CSV."""

import pytest

from tests.rigs.clock import START
from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    CapfStatus,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.device_import import read_devices_csv
from tokenless.services.changes.devices import (
    Selection,
    change_devices,
    find_device,
    list_devices,
    set_devices,
)
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.store.audit import read_audit

NAME = "SEP001122334455"
ONE = Selection((NAME,))


def test_a_phone_that_registered_by_itself_gets_a_row(lab: Cluster) -> None:
    change = DeviceChange(
        security_mode=DeviceSecurity.ENCRYPTED,
        encrypts_config=True,
        operation=CapfOperation.INSTALL,
    )
    (changed,) = set_devices(lab, Selection((NAME.lower(),)), change, by="alice")
    assert find_device(lab, NAME) == changed
    assert (changed.name, changed.model, changed.pool) == (NAME, "7975", "Default")
    assert changed.security_mode is DeviceSecurity.ENCRYPTED
    assert changed.transport is DeviceTransport.TLS
    assert changed.capf.status is CapfStatus.PENDING
    assert changed.capf.config_mode == CapfAuthMode.NULL_STRING.value == 2
    assert changed.capf.finish_by == int(START) + 10 * 86400
    with lab.store.read() as connection:
        entry = list(read_audit(connection))[-1]
    assert (entry.by, entry.action) == ("alice", "set devices")
    assert entry.detail == (
        f"{NAME.lower()}: Encrypted, encrypted configuration, CAPF Install/Upgrade"
    )


def test_back_to_non_secure(lab: Cluster) -> None:
    set_devices(
        lab, ONE, DeviceChange(security_mode=DeviceSecurity.AUTHENTICATED), by="a"
    )
    back = DeviceChange(
        security_mode=DeviceSecurity.NON_SECURE, operation=CapfOperation.NONE
    )
    (changed,) = set_devices(lab, ONE, back, by="a")
    assert changed.transport is DeviceTransport.TCP
    assert changed.capf.config_mode == 0
    assert changed.capf.status is CapfStatus.NONE


def test_a_string_is_made_up_and_never_audited(lab: Cluster) -> None:
    change = DeviceChange(
        operation=CapfOperation.INSTALL, auth_mode=CapfAuthMode.STRING
    )
    (changed,) = set_devices(lab, ONE, change, by="a")
    string = changed.capf.string
    assert len(string) == 6
    assert string.isdigit()
    with lab.store.read() as connection:
        assert all(string not in entry.detail for entry in read_audit(connection))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (DeviceChange(auth_mode=CapfAuthMode.STRING, string="123"), "4 to 10 digits"),
        (DeviceChange(auth_mode=CapfAuthMode.STRING, string="12a4"), "4 to 10 digits"),
        (DeviceChange(key_size=1000), "RSA keys cannot have 1000 bits"),
        (DeviceChange(key_type=KeyType.EC, key_size=2048), "EC keys cannot have 2048"),
        (
            DeviceChange(key_type=KeyType.EC, encrypts_config=True),
            "EC key cannot decrypt",
        ),
        (DeviceChange(model="9999"), "9999 is not a known model"),
        (
            DeviceChange(model="7960", encrypts_config=True),
            "not support encrypted",
        ),
        (DeviceChange(pool="nowhere"), "there is no device pool nowhere"),
        (DeviceChange(operation=CapfOperation.INSTALL, finish_by=1), "in the past"),
    ],
)
def test_what_cannot_be(lab: Cluster, change: DeviceChange, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        set_devices(lab, ONE, change, by="a")
    assert list_devices(lab) == []


@pytest.mark.parametrize("name", ["SEP00112233445", "SEP00112233445G", "XYZ", ""])
def test_what_is_no_phone(lab: Cluster, name: str) -> None:
    with pytest.raises(ServiceError, match="not the name of a phone"):
        set_devices(lab, Selection((name,)), DeviceChange(), by="a")


def test_by_pool_and_by_model(lab: Cluster) -> None:
    for digit, model in enumerate(("7975", "7975", "8861")):
        name = f"SEP00112233445{digit}"
        set_devices(lab, Selection((name,)), DeviceChange(model=model), by="a")
    install = DeviceChange(operation=CapfOperation.INSTALL)
    assert len(set_devices(lab, Selection(model="7975"), install, by="a")) == 2
    assert len(set_devices(lab, Selection(pool="Default"), install, by="a")) == 3
    with pytest.raises(ServiceError, match="no device matches: model 7821"):
        set_devices(lab, Selection(model="7821"), install, by="a")


def test_a_file_of_devices(lab: Cluster) -> None:
    text = (
        "name,model,security,encrypted_config,capf,auth,key_size\n"
        "sep001122334455,8861,encrypted,yes,install,mic,1024\n"
        "SEP001122334456,,,,,,\n"
    )
    changed = change_devices(lab, read_devices_csv(text.encode(), "x.csv"), by="a")
    first, second = changed
    assert (first.model, first.capf.key_size) == ("8861", 1024)
    assert first.capf.auth_mode is CapfAuthMode.EXISTING_MIC
    assert first.encrypts_config
    assert second.security_mode is DeviceSecurity.NON_SECURE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must name its columns"),
        ("model\n7975\n", "must name its columns"),
        ("name,colour\nSEP001122334455,red\n", "must name its columns"),
        ("name\n", "0 rows"),
        ("name,model\nSEP001122334455\n", "line 2: the number of fields"),
        ("name\nSEP001122334455\nsep001122334455\n", "line 3: .* appears twice"),
        ("name,security\nSEP001122334455,tls\n", "security is 'tls'"),
        ("name,key_size\nSEP001122334455,big\n", "key_size is 'big'"),
        ('name\n"SEP\n', "not a CSV file"),
    ],
)
def test_files_that_are_not_understood(text: str, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        read_devices_csv(text.encode(), "x.csv")


def test_all_rows_or_none(lab: Cluster) -> None:
    text = "name,model\nSEP001122334455,7975\nSEP001122334456,9999\n"
    with pytest.raises(ServiceError, match="9999"):
        change_devices(lab, read_devices_csv(text.encode(), "x.csv"), by="a")
    assert list_devices(lab) == []


def test_a_phone_that_is_named_moves_to_a_pool_and_a_model(lab: Cluster) -> None:
    set_devices(lab, ONE, DeviceChange(encrypts_config=True), by="a")
    with pytest.raises(ServiceError, match="no device pool nowhere"):
        set_devices(lab, ONE, DeviceChange(pool="nowhere"), by="a")
    with pytest.raises(ServiceError, match="9999 is not a known model"):
        set_devices(lab, ONE, DeviceChange(model="9999"), by="a")
    with pytest.raises(ServiceError, match="7960 does not support encrypted"):
        set_devices(lab, ONE, DeviceChange(model="7960"), by="a")
    assert find_device(lab, NAME).model == "7975"
    (moved,) = set_devices(lab, ONE, DeviceChange(model="8861"), by="a")
    assert find_device(lab, NAME) == moved
    assert (moved.model, moved.encrypts_config) == ("8861", True)
    with lab.store.read() as connection:
        entry = list(read_audit(connection))[-1]
    assert entry.detail == f"{NAME}: model 8861"


def test_a_row_of_a_file_moves_a_phone_that_is_there(lab: Cluster) -> None:
    set_devices(lab, ONE, DeviceChange(), by="a")
    rows = read_devices_csv(f"name,model\n{NAME},8861\n".encode(), "phones.csv")
    change_devices(lab, rows, by="a")
    assert find_device(lab, NAME).model == "8861"
