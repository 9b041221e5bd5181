"""The certificates that a preflight is given of an import."""

from dataclasses import replace

import pytest

from tests.phone_emulator.rehearsal.importing.lists import (
    CAPF,
    CM,
    RECOVERY,
    TVS,
    ctl,
    itl,
    record,
    used,
)
from tests.rigs.cluster import keypair
from tests.rigs.minting import ec_key, lab_name, mint
from tokenless.phone_emulator.rehearsal.importing.cluster.known import (
    known_certificates,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
)
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.protocol.codes import Role

NODES = ("pub", "sub")


def of_lists(*lists: ImportedList) -> list[tuple[str, str, str, str]]:
    found = known_certificates(lists, (), NODES)
    return [(each.unit, each.source, each.node, each.serial) for each in found]


def test_each_certificate_stands_once_for_each_place() -> None:
    server = record(CM, "sub", "A")
    lists = (
        ctl(server, replace(server, role=Role.SAST), record(CAPF, "sub", "C")),
        itl("sub", server, record(TVS, "pub", "T"), record(RECOVERY, "sub", "R")),
        itl("pub", record(CM, "pub", "P"), record(TVS, "pub", "T")),
    )
    assert of_lists(*lists) == [
        ("CallManager", "ctl", "sub", "A"),
        ("CAPF", "ctl", "pub", "C"),
        ("CallManager", "itl", "sub", "A"),
        ("TVS", "itl", "pub", "T"),
        ("ITLRecovery", "itl", "pub", "R"),
        ("CallManager", "itl", "pub", "P"),
    ]


def test_records_that_are_none_of_a_unit_are_left_out_or_are_trust() -> None:
    server = record(CM, "pub", "A")
    others = (
        replace(server, serial="", subject=""),
        replace(server, serial="E", is_ec=True),
        record(CM, "", "T", role=Role.SAST),  # a token
        record(CM, "old", "F", role=Role.SAST),
        record(CM, "pub", "G", role=Role.CALLMANAGER),
        record(CM, "pub", "H", role=99),
        record(RECOVERY, "old", "I", is_foreign=True),
    )
    assert of_lists(ctl(*others, server)) == [
        ("trust", "ctl", "", "F"),
        ("CallManager", "ctl", "pub", "G"),
        ("trust", "ctl", "", "I"),
        ("CallManager", "ctl", "pub", "A"),
    ]


def test_all_that_a_record_tells_is_kept() -> None:
    entry = record(
        CM, "sub", "A", year=2020, name="n" * 300, issuer="CN=CA", key_bits=3072
    )
    (found,) = known_certificates((ctl(entry),), (), NODES)
    assert found == KnownCertificate(
        unit="CallManager",
        source="ctl",
        subject=entry.subject[:200],
        serial="A",
        node="sub",
        begins=entry.begins,
        bits=3072,
        ca_signed=True,
    )
    ending = replace(entry, ends=entry.begins)
    assert known_certificates((ctl(ending),), (), NODES)[0].ends == entry.begins


def test_all_that_a_certificate_in_use_tells_is_kept() -> None:
    certificate = keypair("sub.example.com").certificate
    (found,) = known_certificates((), (used(certificate, "TVS.pem"),), NODES)
    assert found == KnownCertificate(
        unit="TVS",
        source="in-use",
        subject=certificate.subject_text,
        serial=certificate.serial_hex,
        node="sub",
        begins=certificate.not_before,
        ends=certificate.not_after,
        bits=1024,
    )
    name = replace(certificate, issuer_text="CN=CA", subject_text="n" * 300)
    signed = replace(name, issuer=keypair("CA").certificate.subject)
    (found,) = known_certificates((), (used(signed, "TVS.pem"),), NODES)
    assert (found.subject, found.ca_signed) == ("n" * 200, True)


@pytest.mark.parametrize(
    ("common_name", "file", "place"),
    [
        ("pub", "CallManager-SUB.pem", ("CallManager", "sub")),
        ("SUB.example.com", "callmanager.pem", ("CallManager", "sub")),
        ("sub", "tomcat_other-host.pem", ("tomcat", "sub")),
        ("ms", "tvs_other-host.pem", ("TVS", "other-host")),
        ("ms", "TVS.pem", ("TVS", "")),
        ("sub", "CAPF-sub.pem", ("CAPF", "pub")),
        ("sub", "ITLRecovery.pem", ("ITLRecovery", "pub")),
        ("sub", "ipsec.pem", None),
        ("sub", "CallManagers.pem", None),
    ],
)
def test_a_file_and_a_common_name_tell_the_place(
    common_name: str, file: str, place: tuple[str, str] | None
) -> None:
    export = used(keypair(common_name).certificate, file)
    found = known_certificates((), (export,), NODES)
    assert [(each.unit, each.node) for each in found] == ([place] if place else [])


def test_a_certificate_with_an_ec_key_is_of_another_unit() -> None:
    ec = mint(lab_name("sub"), ec_key("sub"), serial=77)
    rsa = keypair("sub").certificate
    exports = [used(ec, "CallManager-ECDSA.pem"), used(ec, "CallManager.pem")]
    found = known_certificates((), (*exports, used(rsa, "CallManager.pem")), NODES)
    assert [each.serial for each in found] == [rsa.serial_hex]
