"""The two caches: keys, forms of names, who fills the CTL cache, whole swaps."""

from dataclasses import replace

import pytest
from structlog.testing import CapturingLogger

from tests.rigs import lists, minting
from tests.rigs.odd_certificates import list_of_year_0
from tests.rigs.tvs_rig import PUBLISHER, capturing_log
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.codes import Digest, TrustStore
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.services.logs import LogLevel
from tokenless.services.tvs.caches import (
    CachedCertificate,
    CacheName,
    Caches,
    CtlAdmission,
    CtlCache,
    DbCache,
    Index,
)

SIGNER = minting.server().certificate


def vouched(*certificates: Certificate) -> "set[bytes]":
    return {certificate.der for certificate in certificates}


def refill(
    data: bytes | None,
    known: set[bytes],
    mode: CtlAdmission = CtlAdmission.AS_DOCUMENTED,
) -> tuple[CtlCache, str | None]:
    cache = CtlCache()
    outcome = cache.replace(data, lambda signer: signer.der in known, mode)
    assert outcome.entries == len(cache.index)
    return cache, outcome.refused


def test_the_key_is_serial_then_issuer() -> None:
    assert PUBLISHER.key == SIGNER.serial_hex + SIGNER.issuer_text
    assert len(PUBLISHER.key) == 32 + 61  # as the vendor's log prints for this name


@pytest.mark.parametrize("form", list(NameForm))
def test_a_query_finds_whatever_form_its_names_have(form: NameForm) -> None:
    index = Index([PUBLISHER])
    issuer = SIGNER.issuer.render(form)
    assert index.find(PUBLISHER.serial_hex, issuer) is PUBLISHER


def test_a_query_finds_with_attributes_in_another_order() -> None:
    index = Index([PUBLISHER])
    pairs = reversed(PUBLISHER.issuer.split(";"))
    assert index.find(PUBLISHER.serial_hex, ";".join(pairs)) is PUBLISHER
    assert index.find(PUBLISHER.serial_hex, "CN=somebody;O=else") is None
    assert index.find(PUBLISHER.serial_hex, "no name at all") is None
    assert index.find(PUBLISHER.serial_hex, "CN=" + "x" * 4000) is None
    assert index.find("00", PUBLISHER.issuer) is None


def test_a_token_is_found_by_the_name_that_the_ctl_client_cut() -> None:
    entry = CachedCertificate.of(minting.token().certificate, (0, 3))
    index = Index([entry])
    cut = "cn=Cisco Manufacturing CA;o=Cisco Systems"
    assert index.find(entry.serial_hex, cut) is entry


def test_the_db_cache_leaves_out_what_has_no_role() -> None:
    cache = DbCache()
    roleless = CachedCertificate.of(SIGNER, TrustStore.CALLMANAGER_TRUST.roles)
    cache.replace([roleless])
    assert len(cache.index) == 0


def test_roles_of_one_certificate_in_two_stores_are_joined_in_order() -> None:
    own = CachedCertificate.of(SIGNER, TrustStore.CALLMANAGER.roles)
    trusted = CachedCertificate.of(SIGNER, TrustStore.PHONE_SAST_TRUST.roles)
    (entry,) = Index([own, trusted])
    assert entry.roles == (2, 0, 3)


def test_of_two_certificates_with_one_key_the_first_stays() -> None:
    other = replace(PUBLISHER, der=minting.capf().certificate.der)
    index = Index([PUBLISHER, other])
    assert list(index) == [PUBLISHER]
    assert index.find_exact(other.der) is None


def test_a_replaced_cache_holds_nothing_of_the_old_state() -> None:
    cache = DbCache()
    cache.replace([PUBLISHER])
    before = cache.index
    cache.replace([])
    assert cache.index.find(PUBLISHER.serial_hex, PUBLISHER.issuer) is None
    assert before.find(PUBLISHER.serial_hex, PUBLISHER.issuer) is PUBLISHER


def test_a_ctl_of_our_own_signer_is_admitted() -> None:
    cache, refused = refill(lists.tokenless().data, vouched(SIGNER))
    assert refused is None
    entry = cache.index.find(PUBLISHER.serial_hex, PUBLISHER.issuer)
    assert entry is not None
    assert entry.roles == (0, 2)  # its two records, in file order
    assert {each.subject for each in cache.index} == {
        SIGNER.subject_text,
        minting.capf().certificate.subject_text,
        minting.server(minting.SUBSCRIBER).certificate.subject_text,
    }


def test_a_token_is_admitted_by_its_bytes_and_found_by_its_reversed_serial() -> None:
    token = minting.token().certificate
    cache, refused = refill(lists.client_form(secure=True).data, vouched(token))
    assert refused is None
    issuer = "cn=Cisco Manufacturing CA;o=Cisco Systems"
    entry = cache.index.find(token.serial_number[::-1].hex().upper(), issuer)
    assert entry is not None
    assert entry.roles == (0,)
    assert cache.index.find(token.serial_hex, issuer) is None


def test_emptied_records_vouch_for_nobody() -> None:
    token = minting.token().certificate
    cache, _ = refill(lists.client_form(secure=False).data, vouched(token))
    assert sorted(each.roles for each in cache.index) == [(0,), (0,), (4,)]


def test_a_stranger_that_vouches_for_itself_is_refused() -> None:
    stranger = minting.server("stranger")
    cache, refused = refill(lists.tokenless().data, vouched(stranger.certificate))
    assert len(cache.index) == 0
    assert refused is not None
    assert SIGNER.subject_text in refused


class Impostor:
    """Signs with a key of its own under the publisher's names."""

    certificate = SIGNER

    def sign(self, data: bytes, digest: Digest) -> bytes:
        return minting.server("stranger").signer.sign(data, digest)


def test_right_names_with_another_key_are_refused() -> None:
    """The signer's own record is honest, the signature is another key's."""
    impostor = Impostor()
    forged = sign_trust_list(
        "CTLFile.tlv", minting.lab_records(), impostor, timestamp=lists.TIME
    )
    cache, refused = refill(forged.data, vouched(SIGNER))
    assert len(cache.index) == 0
    assert refused is not None


@pytest.mark.parametrize("at", [400, 2000, 4946])
def test_a_flipped_byte_is_refused_and_empties_the_cache(at: int) -> None:
    data = bytearray(lists.tokenless().data)
    data[at] ^= 1
    cache = CtlCache()
    cache.replace(lists.tokenless().data, lambda _: True)
    assert len(cache.index) == 3
    outcome = cache.replace(bytes(data), lambda _: True)
    assert outcome.refused is not None
    assert len(cache.index) == 0


@pytest.mark.parametrize("data", [b"", b"\x01", b"nonsense" * 100])
def test_what_is_no_ctl_is_refused_in_either_mode(data: bytes) -> None:
    for mode in CtlAdmission:
        cache, refused = refill(data, set(), mode)
        assert refused is not None
        assert len(cache.index) == 0


def test_a_certificate_of_year_0_is_refused_in_either_mode() -> None:
    for mode in CtlAdmission:
        cache, refused = refill(list_of_year_0("CTLFile.tlv"), set(), mode)
        assert refused is not None
        assert "validity" in refused
        assert len(cache.index) == 0


def test_a_file_is_refused_whatever_judging_it_raises() -> None:
    def fails(_: Certificate) -> bool:
        raise ZeroDivisionError

    cache = CtlCache(log := CapturingLogger())
    cache.replace(lists.tokenless().data, lambda _: True)
    outcome = cache.replace(lists.tokenless().data, fails)
    assert outcome.refused == "internal error: ZeroDivisionError"
    said = [(call.method_name, call.args) for call in log.calls]
    assert ("exception", ("CTL file not read: a fault of this program",)) in said
    assert len(cache.index) == 0


def test_a_role_that_no_answer_can_hold_is_left_out() -> None:
    strange = record_for(
        SIGNER,
        300,
        dns_name=minting.PUBLISHER,
        ip_address=minting.PUBLISHER_ADDRESS,
    )
    records = [*minting.lab_records(), strange]
    signer = minting.server().signer
    ctl = sign_trust_list("CTLFile.tlv", records, signer, timestamp=lists.TIME)
    cache, refused = refill(ctl.data, vouched(SIGNER))
    assert refused is None
    entry = cache.index.find(PUBLISHER.serial_hex, PUBLISHER.issuer)
    assert entry is not None
    assert entry.roles == (0, 2)


def test_no_file_is_an_empty_cache_and_no_complaint() -> None:
    cache, refused = refill(None, set())
    assert refused is None
    assert len(cache.index) == 0


def test_as_logged_admits_any_well_formed_file() -> None:
    cache, refused = refill(lists.tokenless().data, set(), CtlAdmission.AS_LOGGED)
    assert refused is None
    assert len(cache.index) == 3


def test_a_refill_logs_one_line_a_record_in_file_order() -> None:
    log, capture = capturing_log(LogLevel.DEBUG)
    CtlCache(log).replace(lists.tokenless().data, lambda _: True)
    lines = [entry["event"] for entry in capture.entries]
    assert lines[0].endswith("has been modified. Recaching CTL Certificate Cache")
    assert (
        lines[1] == "updateLocalCTLCache : Refreshing the local CTL certificate cache"
    )
    lengths = [int(line.rpartition(" ")[2]) for line in lines[2:]]
    assert lengths == [93, 93, 91, 94]  # pub, pub, CAPF, sub, as REFERENCE 3.9 has them
    assert lines[2].startswith(
        "tvs_sql_get_all_CTL_certificate - Unique Key used for Caching :: "
        + PUBLISHER.key
    )


def test_the_same_file_again_is_not_said_to_be_modified() -> None:
    log, capture = capturing_log(LogLevel.DEBUG)
    cache, file = CtlCache(log), lists.tokenless().data
    everyone, nobody = (lambda _: True), (lambda _: False)
    for admits in (everyone, everyone, nobody, everyone):
        cache.replace(file, admits)
    said = [e["event"] for e in capture.entries if "has been modified" in e["event"]]
    assert len(said) == 2
    assert len(cache.index) == 3


def test_a_snapshot_names_the_cache() -> None:
    caches = Caches()
    caches.db.replace([PUBLISHER])
    caches.ctl.replace(lists.tokenless().data, lambda _: True)
    names = [name for name, _ in caches.snapshot()]
    assert names == [CacheName.DB, CacheName.CTL, CacheName.CTL, CacheName.CTL]
