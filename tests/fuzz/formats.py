"""Fuzz the formats of files: lists, signed files, certificates, names, texts, XML.

Starts from the golden files. What decodes must be encoded to the same bytes, be shown,
described and linted.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509 import load_der_x509_certificate

from tests.fuzz.engine import Seeded
from tests.rigs.odd_certificates import der_with_dates
from tests.vectors.make import FOLDER
from tokenless.phone_emulator.rehearsal.importing.sources.phones import phones_of
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import DistinguishedName, NameForm, same_name
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import (
    CallManagerMember,
    CapfServer,
    PhoneConfig,
    TvsMember,
    companion_of,
)
from tokenless.protocol.show_output.faults import ShowTextError
from tokenless.protocol.show_output.lines import show_signed_file, show_trust_list
from tokenless.protocol.show_output.parse import parse_shown_lists
from tokenless.protocol.show_output.paste import decode_pasted
from tokenless.protocol.trust.lint import lint
from tokenless.protocol.trust.list_diff import diff_lists
from tokenless.services.admin.certificate_text import certificate_text
from tokenless.services.cli.certificates.view import certificate_json
from tokenless.services.cli.file.json_output import describe_file

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONFIGURATION = PhoneConfig(
    callmanager_group="Default",
    callmanagers=(CallManagerMember("CM_pub", "192.0.2.11"),),
    tvs=(TvsMember("192.0.2.11"), TvsMember("192.0.2.12", 2446, 1)),
    load="SCCP75.9-4-2SR1-1S",
    version_stamp="1425667513-0d1e",
    capf=(CapfServer("192.0.2.11"),),
    urls=(("secureDirectoryURL", "https://192.0.2.11:8443/x?a=1&b=2"),),
)
DATES = [
    b"20150309160637Z20200307160636Z",
    b"00010101000000Z99991231235959Z",
    b"00000101000000Z00000101000000Z",
]
DOCTYPE = b'<!DOCTYPE d [<!ENTITY a "b">]><device><load>&a;</load></device>'


FIELD = Path(__file__).parents[1] / "field"
TABLES = [
    b'Device Name,Description,Device Pool,Device Type\nSEP1,"a, b",DP,Cisco 8845\n',
    b"Name,Model,Status\nSEP1,437,Registered\nSEP1,437,UnRegistered\n",
    b"model;device pool;count\n8861;HQ;3\n",
]


def file_target(data: bytes) -> None:
    """Decode a file, and do everything with it that a command does."""
    decoded = decode_file(data)
    assert decoded.encode() == data
    describe_file(decoded, at=NOW)
    if isinstance(decoded, TrustList):
        text = show_trust_list(decoded, modified="")
        with suppress(ShowTextError):  # what `show` leaves out does not add up
            assert [each.length for each in parse_shown_lists(text)] == [len(data)]
        lint(decoded, at=NOW)
        diff_lists(decoded, decoded)
    else:
        show_signed_file(decoded)


def certificate_target(data: bytes) -> None:
    """Decode a certificate and everything that is asked of one."""
    certificate = Certificate.decode(data)
    assert certificate.der == data
    assert certificate.tbs_certificate in data
    assert certificate.subject_text.isprintable()
    assert DistinguishedName.parse(certificate.issuer_text) is not None
    assert certificate.key_bits > 0


def dates_target(data: bytes) -> None:
    """Read a certificate with these two dates; print them where commands do."""
    middle = len(data) // 2
    dates = (text[:100] for text in (data[:middle], data[middle:]))
    certificate = Certificate.decode(der_with_dates(*dates))
    assert certificate.not_before.tzinfo is certificate.not_after.tzinfo is UTC
    certificate_text(certificate)
    certificate_json(certificate)


def name_target(data: bytes) -> None:
    """Read a name from DER or from text, write it and read it again."""
    if data[:1] == b"\x30":
        name = DistinguishedName.from_der(data)
    else:
        text = data.decode("latin-1")
        assert same_name(text, text)
        name = DistinguishedName.parse(text)
    for form in (NameForm.CUCM, NameForm.COMMA):
        text = name.render(form)
        assert text.isprintable()
        again = DistinguishedName.parse(text, form)
        assert sorted(again.attributes) == sorted(name.attributes)
    assert name.render(NameForm.CTL_CLIENT).isprintable()


def text_target(data: bytes) -> None:
    """Read a pasted text; what is read adds up."""
    for shown in parse_shown_lists(decode_pasted(data)):
        lengths = sum(record.length for record in shown.records)
        assert shown.header_length + lengths == shown.length


def table_target(data: bytes) -> None:
    """Read an export of phones."""
    table = phones_of(decode_pasted(data), "fuzz.csv")
    assert all(kind.count > 0 for kind in table.kinds)


def configuration_target(data: bytes) -> None:
    """Read a phone's configuration; what is read, written again, says the same."""
    configuration = PhoneConfig.decode(data)
    assert len(configuration.tvs) <= len(data)
    if data.isascii():
        assert PhoneConfig.decode(configuration.encode()) == configuration
    with suppress(DecodeError):  # XMLDefault.cnf.xml is no device's
        small = PhoneConfig.decode(companion_of(data, "AB" * 16))
        assert (small.certificate_hash, small.encrypted) == ("ab" * 16, True)
        assert not small.full_config


def _subject(certificate: bytes) -> bytes:
    return load_der_x509_certificate(certificate).subject.public_bytes()


def seeds() -> dict[str, Seeded]:
    """Return each target with what it starts from."""
    files, certificates, names = [], [], []
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in (".tlv", ".sgn"):
            files.append(path.read_bytes())
            decoded = decode_file(files[-1])
            for record in getattr(decoded, "records", ()):
                certificates.append(record.certificate_der or b"")
                names.append((record.subject_name or "CN=a").encode())
    names += [_subject(certificate) for certificate in certificates if certificate]
    pasted = [*FOLDER.glob("*.txt"), *FIELD.glob("[!c]*.txt"), FIELD / "ctl.txt"]
    texts = [path.read_bytes() for path in sorted(pasted)]
    return {
        "files": (file_target, files),
        "certificates": (certificate_target, [c for c in certificates if c]),
        "dates": (dates_target, DATES),
        "names": (name_target, names),
        "texts": (text_target, texts),
        "tables": (table_target, TABLES),
        "configurations": (configuration_target, [CONFIGURATION.encode(), DOCTYPE]),
    }
