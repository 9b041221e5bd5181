"""`tokenless device` and `utils capf`, as typed."""

import time
from datetime import datetime
from pathlib import Path

from tests.rigs.capf import phone_certificate
from tests.services.cli.answers import Tokenless, done, refused
from tokenless.ground.counting import counted
from tokenless.protocol.phones.device_security import CapfOperation
from tokenless.protocol.sip.digest import DigestAccount, ha1_of
from tokenless.services.callmanager.devices import DeviceBook
from tokenless.services.changes.capf import Result, record
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.nodes import write_state
from tokenless.services.store.parameters import Parameter, write_parameter
from tokenless.services.store.phone_alarms import PhoneAlarmNote
from tokenless.services.store.registrations import (
    ItlReport,
    RecordedState,
    RegistrationRow,
    TftpItl,
    write_itl,
    write_registrations,
)

NAME = "SEP001122334455"


def test_a_phone_is_set_shown_and_listed(tokenless: Tokenless) -> None:
    line = f"device set {NAME} --encrypted --encrypted-config --capf install --json"
    (changed,) = done(tokenless(line))["devices"]
    assert changed["profile"] == (
        "Cisco 7975 - Standard SCCP Encrypted Profile with Encrypted Config"
    )
    assert changed["capf"]["status"] == "Operation Pending"
    assert changed["transport"] == "tls"
    datetime.strptime(changed["capf"]["finish_by"], "%Y-%m-%dT%H:%M:%S%z")
    unheard = {**changed, "registration": None}
    assert done(tokenless(f"device show {NAME.lower()} --json")) == unheard
    assert done(tokenless("device list --json")) == {"devices": [unheard]}
    status, out, _ = tokenless(f"device show {NAME}")
    assert status == 0
    assert "Certificate Operation: Install/Upgrade\n" in out
    assert "Certificate Operation Status: Operation Pending\n" in out
    status, out, _ = tokenless("device list")
    assert "CAPF: Operation Pending  never registered" in out


def test_where_phones_are_registered_and_why_not(
    tokenless: Tokenless, lab: Cluster
) -> None:
    other = "SEP0000000000FF"
    itl = TftpItl.of(b"the publisher's")
    held = ItlReport(lab.publisher.address, itl.sha1, 5)
    rows = [
        RegistrationRow(
            NAME,
            RecordedState.REGISTERED,
            100,
            signalling="SIP",
            is_secure=True,
            address="127.0.0.9",
            load="sip88xx.12",
            itl=held,
            alarms=(PhoneAlarmNote(0, "25: Last=\x1b"), PhoneAlarmNote(60, "14: x")),
        ),
        RegistrationRow(other, RecordedState.REJECTED, 200, 28),
    ]
    with lab.store.write_node_state() as connection:
        write_registrations(connection, lab.publisher.id, rows)
        write_state(connection, lab.publisher.id, seen_at=int(time.time()))
        write_itl(connection, lab.publisher.id, itl, 5)
        write_parameter(connection, Parameter.VERSION, "14")
    tokenless(f"device set {NAME}")
    registration = {
        "state": "registered",
        "registered": True,
        "node": lab.publisher.name,
        "since": "1970-01-01T00:01:40Z",
        "secure": True,
        "signalling": "SIP",
        "address": "127.0.0.9",
        "load": "sip88xx.12",
        "reason": None,
        "reason_code": None,
        "itl_file_status": "Match",
        "alarms": [
            {"at": "1970-01-01T00:00:00Z", "text": "25: Last=\x1b"},
            {"at": "1970-01-01T00:01:00Z", "text": "14: x"},
        ],
    }
    for command in (f"device show {NAME} --json", "device list --json"):
        answer = done(tokenless(command))
        (shown,) = answer.get("devices", [answer])
        assert shown["registration"] == registration
    answer = done(tokenless("device status --json"))
    first, second = answer["phones"]
    assert first == {
        "name": other,
        **dict.fromkeys(registration),
        "state": "rejected",
        "registered": False,
        "node": lab.publisher.name,
        "since": "1970-01-01T00:03:20Z",
        "reason": "securityMismatch",
        "reason_code": 28,
        "itl_file_status": "Unknown",
        "alarms": [],
    }
    assert second == {"name": NAME, **registration}
    assert "  last alarm: 14: x\n" in tokenless("device status")[1]
    lines = tokenless(f"device show {NAME}")[1]
    assert "Alarm 1970-01-01T00:01:00Z: 14: x\n" in lines
    assert "\x1b" not in lines
    for options, count in {
        f"--node {lab.publisher.name}": 2,
        f"--node {lab.nodes[1].name}": 0,
        "--state rejected": 1,
        "--itl match": 1,
        other: 1,
    }.items():
        out = tokenless(f"device status {options}")[1]
        assert out.splitlines()[-1].partition(":")[0] == counted(count, "phone"), (
            options
        )
    assert (
        f"{NAME}  Registered with {lab.publisher.name}, SIP TLS, ITL: Match\n"
        in tokenless("device status")[1]
    )
    assert (
        f"{other}  Rejected (28 securityMismatch), at {lab.publisher.name}\n"
        in tokenless("device status")[1]
    )


def test_in_the_admins_words(tokenless: Tokenless) -> None:
    line = f"device set {NAME} --capf install --auth string --string 471100"
    assert tokenless(line)[1] == "1 device changed; reset it\n"
    query = (
        "admin run sql select name, tkcertificateoperation, tkcertificatestatus, "
        "authenticationstring from device"
    )
    assert tokenless(query)[1].split()[-4:] == [NAME, "2", "2", "471100"]
    assert "Number of stale LSCs: 0" in tokenless("admin utils capf stale-lsc list")[1]
    assert NAME in tokenless("admin utils capf lsc list")[1]


def test_a_file_of_phones(tokenless: Tokenless, tmp_path: Path) -> None:
    file = tmp_path / "phones.csv"
    file.write_text(f"name,model,security\n{NAME},8861,authenticated\n")
    assert tokenless("device import", str(file))[0] == 0
    (listed,) = done(tokenless("device list --model 8861 --json"))["devices"]
    assert listed["security"] == "authenticated"
    file.write_text("name,colour\n")
    assert "columns: name, model" in refused(tokenless("device import", str(file)))


def test_an_empty_list_says_where_other_phones_are(tokenless: Tokenless) -> None:
    status, out, err = tokenless("device list")
    assert (status, out) == (0, "")
    assert "`tokenless device status`" in err
    assert tokenless("device list --json")[2] == ""


def test_what_cannot_be(tokenless: Tokenless) -> None:
    assert tokenless("device set")[0] == 2
    assert tokenless(f"device set {NAME} --encrypted --security non-secure")[0] == 2
    for line, reason in {
        "device show SEP00AABBCCDDEE": "there is no device",
        "device set --pool nowhere --capf install": "no device matches: pool nowhere",
        f"device set {NAME} --finish-by tomorrow": "write 2026:12:31:23:59",
    }.items():
        assert reason in refused(tokenless(line))


def test_a_phones_certificate_is_written_to_a_file(
    tokenless: Tokenless, lab: Cluster, tmp_path: Path
) -> None:
    line = f"device certificate {NAME}"
    assert "there is no device" in refused(tokenless(line))
    done(tokenless(f"device set {NAME} --capf install --json"))
    assert f"no certificate of {NAME} is known" in refused(tokenless(line))
    made = phone_certificate()
    record(lab, [Result(NAME, CapfOperation.INSTALL, certificate=made.certificate)])
    pem = tmp_path / "phone.pem"
    assert tokenless(f"{line} --output {pem}")[0] == 0
    assert pem.read_bytes() == made.certificate_pem
    assert tokenless(line)[1].encode() == made.certificate_pem


def test_a_sip_phone_has_to_prove_a_password(
    tokenless: Tokenless, lab: Cluster
) -> None:
    assert tokenless(f"device set {NAME} --model 8861")[0] == 0
    line = f"device digest {NAME} --user alice --password secret"
    assert tokenless(line)[1] == "1 device changed\n"
    assert done(tokenless(f"device show {NAME} --json"))["digest_user"] == "alice"
    with lab.store.read() as connection:
        profile = DeviceBook.read(connection).find(NAME)
    assert profile is not None
    assert profile.digest == DigestAccount("alice", ha1_of("alice", "secret"))
    for command in ("admin show audit", f"device show {NAME} --json"):
        assert "secret" not in tokenless(command)[1]
        assert profile.digest.ha1 not in tokenless(command)[1]
    assert tokenless(f"device digest {NAME} --remove")[0] == 0
    assert done(tokenless(f"device show {NAME} --json"))["digest_user"] is None


def test_a_configuration_holds_the_password_only_when_told_to(
    tokenless: Tokenless, lab: Cluster
) -> None:
    assert tokenless(f"device set {NAME} --model 8861")[0] == 0

    def account() -> DigestAccount | None:
        with lab.store.read() as connection:
            profile = DeviceBook.read(connection).find(NAME)
        assert profile is not None
        return profile.digest

    line = f"device digest {NAME} --user alice --password secret"
    assert tokenless(f"{line} --in-configuration")[0] == 0
    known = account()
    assert known is not None
    assert known.password == "secret"
    assert "secret" not in repr(known) + tokenless("admin show audit")[1]
    assert tokenless(line)[0] == 0
    assert account() == DigestAccount("alice", ha1_of("alice", "secret"))
    blank = f"device digest {NAME} --user alice --in-configuration --password"
    for password in ("ümlaut", "x" * 129):
        assert tokenless(f"{blank} {password}")[0] == 2
    assert tokenless(f"device digest {NAME} --remove --in-configuration")[0] == 2


def test_who_proves_no_password(tokenless: Tokenless) -> None:
    assert tokenless(f"device digest {NAME}")[0] == 2
    assert tokenless(f"device digest {NAME} --user a --remove")[0] == 2
    assert tokenless(f"device digest {NAME} --user a;b --password x")[0] == 2
    sccp = tokenless(f"device digest {NAME} --user alice --password secret")
    assert "speaks SCCP" in refused(sccp)
