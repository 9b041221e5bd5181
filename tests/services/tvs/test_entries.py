"""Entries of the caches, one by one: what they say, and what an answer can hold."""

from dataclasses import replace

import pytest

from tests.rigs import damage, lists, minting
from tests.rigs.tvs_rig import capturing_log
from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.codes import Role
from tokenless.protocol.files.record import Record, RecordTag, compose_record
from tokenless.protocol.files.trust_list_build import (
    emptied_record,
    record_for,
    sign_trust_list,
)
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Status, pack_message
from tokenless.services.logs import LogLevel
from tokenless.services.tvs.caches import CachedCertificate, CtlCache, DbCache, Index

SIGNER = minting.server().certificate
OTHER = minting.server(minting.SUBSCRIBER).certificate
NO_CERTIFICATE = "no record of the file holds its signer's certificate"


def bare_record(*pairs: tuple[int, bytes]) -> Record:
    length = 5 + sum(3 + len(value) for _, value in pairs)
    return compose_record(((RecordTag.RECORD_LENGTH, length.to_bytes(2)), *pairs))


def record_of(der: bytes, role: int = Role.CCM_TFTP) -> Record:
    """Return a record that leaves everything to its certificate."""
    return bare_record(
        (RecordTag.FUNCTION, role.to_bytes(2)), (RecordTag.CERTIFICATE, der)
    )


def ctl_with(*records: Record) -> bytes:
    signer = minting.server().signer
    return sign_trust_list("CTLFile.tlv", records, signer, timestamp=lists.TIME).data


@pytest.mark.parametrize("ttl", [86_400, 60])
def test_an_entry_is_what_its_certificate_says(ttl: int) -> None:
    entry = CachedCertificate.of(SIGNER, (2, 0), ttl=ttl)
    assert (entry.der, entry.serial) == (SIGNER.der, SIGNER.serial_number)
    assert (entry.subject, entry.issuer) == (SIGNER.subject_text, SIGNER.issuer_text)
    positive = Answer(
        7, MessageType.QUERY_ANSWER, Status.TRUSTED, SIGNER.der, (2, 0), ttl
    )
    query = pack_message(MessageType.QUERY_ANSWER, 7, entry.query_body)
    assert query == positive.encode()
    brief = replace(positive, type=MessageType.VERIFY_ANSWER, certificate=None)
    verify = pack_message(MessageType.VERIFY_ANSWER, 7, entry.verify_body)
    assert verify == brief.encode()


@pytest.mark.parametrize("ttl", [86_400, 60])
def test_an_entry_is_what_its_record_says(ttl: int) -> None:
    """The CTL Client's names and reversed serials stay as they are."""
    record, token = minting.token_records()[0], minting.token().certificate
    entry = CachedCertificate.of_record(record, ttl=ttl)
    assert entry.der == record.certificate_der
    assert (entry.subject, entry.issuer) == (record.subject_name, record.issuer_name)
    assert entry.serial == token.serial_number[::-1]
    assert (entry.roles, entry.ttl) == ((Role.SAST,), ttl)


def test_what_a_record_does_not_say_its_certificate_does() -> None:
    entry = CachedCertificate.of_record(record_of(SIGNER.der, Role.CAPF))
    assert entry == CachedCertificate.of(SIGNER, (Role.CAPF,))
    assert entry.key == SIGNER.serial_hex + SIGNER.issuer_text


def test_an_emptied_record_vouches_for_nobody() -> None:
    record = emptied_record("cucm-pub", "192.0.2.11", Role.CCM_TFTP)
    with pytest.raises(ValueError, match=r"^an emptied record has nothing to vouch"):
        CachedCertificate.of_record(record)


def test_roles_are_joined_without_repetition() -> None:
    first = CachedCertificate.of(SIGNER, (2, 0))
    second = CachedCertificate.of(SIGNER, (3, 0, 2))
    (entry,) = Index([first, second])
    assert entry.roles == (2, 0, 3)
    assert Index([entry]).find_exact(SIGNER.der) is entry


@pytest.mark.parametrize("asked", NameForm)
@pytest.mark.parametrize("recorded", [NameForm.CUCM, NameForm.COMMA])
def test_every_form_of_a_name_finds_an_entry(
    recorded: NameForm, asked: NameForm
) -> None:
    """A comma in a name is where the CTL Client cuts it: no form brings that back."""
    name = minting.name(
        [("organization_name", "Cisco Systems, Inc."), ("common_name", "a; b")]
    )
    certificate = minting.mint(name, minting.rsa_key(1024), serial=0xC0FFEE)
    entry = CachedCertificate.of(certificate, (2, 0))
    entry = replace(entry, issuer=certificate.issuer.render(recorded))
    index = Index([entry])
    assert index.find("C0FFEE", certificate.issuer.render(asked)) is entry
    assert index.find("C0FFEF", certificate.issuer.render(asked)) is None


@pytest.mark.parametrize("issuer", ["no name at all", "CN=" + "x" * 600])
def test_an_issuer_that_has_no_other_form_is_found_as_it_is(issuer: str) -> None:
    entry = replace(CachedCertificate.of(SIGNER, (2, 0)), issuer=issuer)
    index = Index([entry])
    assert index.find(SIGNER.serial_hex, issuer) is entry
    assert index.find(SIGNER.serial_hex, issuer.upper()) is None


@pytest.mark.parametrize(("length", "is_found"), [(512, True), (513, False)])
def test_names_that_are_too_long_keep_their_form(
    length: int, *, is_found: bool
) -> None:
    """Bringing them into another would be work for whoever sends them."""
    rest = "x" * (length - len("O=a;CN="))
    entry = replace(CachedCertificate.of(SIGNER, (2,)), issuer=f"O=a;CN={rest}")
    found = Index([entry]).find(SIGNER.serial_hex, f"CN={rest};O=a")
    assert (found is entry) is is_found


def test_caches_begin_empty() -> None:
    assert list(DbCache().index) == list(CtlCache().index) == []


@pytest.mark.parametrize(
    ("record", "is_kept"),
    [
        (record_of(damage.grown(OTHER.der, 0xFF00)), True),
        (record_of(damage.grown(OTHER.der, 0xFF01)), False),
        (record_of(OTHER.der, 0xFF), True),
        (record_of(OTHER.der, 0x100), False),
        (emptied_record("cucm-pub", "192.0.2.11", Role.CCM_TFTP), False),
    ],
    ids=["65,280 bytes", "65,281 bytes", "role 255", "role 256", "emptied"],
)
def test_an_answer_can_hold_the_entry(record: Record, *, is_kept: bool) -> None:
    capf = record_for(
        minting.capf().certificate, Role.CAPF, dns_name=None, ip_address=None
    )
    own = record_for(SIGNER, Role.SAST, dns_name=None, ip_address=None)
    cache = CtlCache()
    outcome = cache.replace(ctl_with(own, record, capf), lambda _: True)
    assert outcome.refused is None
    roles = {entry.der: entry.roles for entry in cache.index}
    assert roles[minting.capf().certificate.der] == (Role.CAPF,)
    kept = roles.get(record.certificate_der or b"", ())
    assert (record.role in kept) is is_kept


@pytest.mark.parametrize(
    "records",
    [
        minting.lab_records()[1:],
        [
            bare_record(
                *(
                    pair
                    for pair in minting.lab_records()[0].elements[1:]
                    if pair[0] not in (RecordTag.CERTIFICATE, RecordTag.SIGNATURE)
                )
            )
        ],
    ],
    ids=["no record", "no certificate"],
)
def test_a_signer_whose_certificate_is_not_there(records: list[Record]) -> None:
    log, capture = capturing_log(LogLevel.WARNING)
    cache = CtlCache(log)
    outcome = cache.replace(ctl_with(*records), lambda _: True)
    assert (outcome.entries, outcome.refused) == (0, NO_CERTIFICATE)
    assert capture.entries == [
        {
            "event": "CTL file not admitted to the CTL cache",
            "why": NO_CERTIFICATE,
            "log_level": "warning",
        }
    ]


def test_a_signer_that_nobody_vouches_for_is_named() -> None:
    outcome = CtlCache().replace(lists.tokenless().data, lambda _: False)
    assert outcome.refused == (
        f"its signer {SIGNER.subject_text} is neither one of the cluster's own "
        "certificates nor in Phone-SAST-trust"
    )
