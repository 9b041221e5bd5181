"""Every defect of the table is refused, with the reason and the offset it should."""

import tracemalloc

import pytest

from tests.rigs import damage, defects, minting
from tests.rigs.damage import Defect
from tests.rigs.defects import DEFECTS
from tests.rigs.lists import client_form, tokenless
from tokenless.protocol.errors import BadSignatureError, DecodeError
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.header import decode_header
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.lint import SignatureState, signature_state


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_it_is_refused(defect: Defect) -> None:
    with pytest.raises(DecodeError, match=defect.reason) as caught:
        decode_file(defect.data)
    assert str(caught.value).endswith(f"at byte {caught.value.offset}")
    assert 0 <= caught.value.offset <= len(defect.data)
    if defect.offset is not None:
        assert caught.value.offset == defect.offset


def test_the_table_is_about_what_it_says() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 60
    header = decode_header(tokenless().data)
    assert header.signature_span == (damage.SIGNATURE, damage.FILENAME)
    assert header.header_length == damage.RECORDS


@pytest.mark.parametrize(
    "trust_list",
    [tokenless(), client_form(secure=False)],
    ids=["tokenless", "ctl-client"],
)
def test_a_list_cut_anywhere_but_between_records_is_refused(
    trust_list: TrustList,
) -> None:
    ends = {trust_list.header.header_length}
    for record in trust_list.records:
        ends.add(max(ends) + record.length)
    for length in range(len(trust_list.data)):
        if length in ends:
            # Well-formed, and its signature no longer holds.
            cut = TrustList.decode(trust_list.data[:length])
            assert signature_state(cut) is not SignatureState.VALID
        else:
            with pytest.raises(DecodeError):
                TrustList.decode(trust_list.data[:length])


def test_any_changed_byte_is_refused_or_breaks_the_signature() -> None:
    trust_list = tokenless()
    record = trust_list.signing_record()
    assert record is not None
    assert record.certificate is not None
    key = record.certificate.public_key
    for offset in range(len(trust_list.data)):
        data = bytearray(trust_list.data)
        data[offset] ^= 0x01
        try:
            changed = TrustList.decode(bytes(data))
        except DecodeError:
            continue
        with pytest.raises(BadSignatureError):
            changed.verify(key)


def test_another_keys_signature_under_the_same_names_is_invalid() -> None:
    forged = defects.resigned_by_another()
    assert forged.signing_record() is not None
    assert signature_state(forged) is SignatureState.INVALID


def test_an_impostors_list_is_consistent_and_does_not_verify_by_the_true_key() -> None:
    forged = defects.impostors_list()
    assert forged.signer == tokenless().signer
    assert signature_state(forged) is SignatureState.VALID
    with pytest.raises(BadSignatureError):
        forged.verify(minting.server().certificate.public_key)


@pytest.mark.parametrize(
    "data",
    [
        tokenless().data[:336] + bytes.fromhex("0100020005") * 20_000,
        tokenless().data[:336] + bytes.fromhex("010002000a0400020000") * 20_000,
        tokenless().data[:336] + (b"\x01\x00\x02\xff\xff" + bytes(65530)) * 30,
        damage.with_header(lambda elements: elements + [(99, b"")] * 20_000),
        damage.with_header(list, pads=64_000),
        damage.with_record(lambda elements: elements + [(99, b"")] * 20_000),
    ],
    ids=["no-role", "tiny-records", "big-records", "elements", "pads", "in-record"],
)
def test_memory_stays_below_ten_times_the_file(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            decode_file(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data)
