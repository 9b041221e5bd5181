"""`show risdb query phone`: as programs read it, and with the reasons."""

import time

from tests.services.admin.lines import done
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.nodes import write_state
from tokenless.services.store.registrations import (
    RecordedState,
    RegistrationRow,
    write_registrations,
)

HERE, GONE, REFUSED = (f"SEP00000000000{digit}" for digit in "ABC")


def test_the_phones_of_this_node_and_no_others(shell: AdminShell, lab: Cluster) -> None:
    registered = RegistrationRow(
        HERE,
        RecordedState.REGISTERED,
        100,
        signalling="SCCP",
        address="127.0.0.9",
        load="SCCP75,9",
    )
    rows = [
        registered,
        RegistrationRow(GONE, RecordedState.UNREGISTERED, 200, 13),
        RegistrationRow(REFUSED, RecordedState.REJECTED, 300, 11),
    ]
    publisher, subscriber = lab.nodes
    with lab.store.write_node_state() as connection:
        write_registrations(connection, publisher.id, rows)
        other = RegistrationRow("SEPFFFFFFFFFFFF", RecordedState.REGISTERED, 1)
        write_registrations(connection, subscriber.id, [other])
        write_state(connection, publisher.id, seen_at=int(time.time()))
    lines = done(shell.run("show risdb query phone")).splitlines()
    assert lines[1] == "----------- Phone Information -----------"
    assert lines[3] == "3, 1, 1, 0, 1, 1, 0, 0, 0"
    heads = lines[5].split(", ")
    cells = [dict(zip(heads, line.split(", "), strict=True)) for line in lines[6:9]]
    assert [each["RegStatus"] for each in cells] == ["reg", "unr", "rej"]
    assert (
        cells[0]
        | {
            "DeviceName": HERE,
            "Ipaddr": "127.0.0.9",
            "MACaddr": "00000000000A",
            "PhoneProtocol": "SCCP",
            "RegStatusChg TimeStamp": "100",
            "LoadId": "SCCP75 9",
        }
        == cells[0]
    )
    assert "Total count 3" in lines
    assert [line.split()[:4] for line in lines[-2:]] == [
        [GONE, "Unregistered", "13", "keepAliveTimeout"],
        [REFUSED, "Rejected", "11", "invalidX509NameInCertificate"],
    ]


def test_a_node_without_phones(shell: AdminShell) -> None:
    said = done(shell.run("show risdb query phone"))
    assert "Total count 0" in said
    assert said.endswith("-\n")
