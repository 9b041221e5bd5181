"""The lengths of the vendor's files, computed by REFERENCE 1.8."""

import pytest

from tests.rigs import minting
from tests.rigs.lists import client_form, tokenless
from tokenless.protocol.files.trust_list import TrustList


@pytest.mark.parametrize(
    ("common_name", "bits", "length"),
    [
        (minting.PUBLISHER, 1024, 694),
        (minting.SUBSCRIBER, 1024, 696),
        (minting.PUBLISHER, 2048, 955),
    ],
)
def test_server_certificates(common_name: str, bits: int, length: int) -> None:
    assert len(minting.server(common_name, bits).certificate.der) == length


def test_capf_and_token_certificates() -> None:
    assert len(minting.capf().certificate.der) == 680
    assert len(minting.token().certificate.der) == 902


def test_tokenless_list() -> None:
    trust_list = tokenless()
    assert len(trust_list.data) == 4947
    assert trust_list.header.header_length == 336
    assert [r.length for r in trust_list.records] == [1156, 1156, 1138, 1161]


def test_regenerated_publisher() -> None:
    trust_list = tokenless(2048)
    assert len(trust_list.data) == 6113
    assert trust_list.header.header_length == 464
    assert trust_list.records[0].length == 1675


def test_token_signed_list() -> None:
    trust_list = client_form(secure=True)
    assert len(trust_list.data) == 5728
    assert trust_list.header.header_length == 304
    assert [r.length for r in trust_list.records] == [1186, 1022, 1004, 1026, 1186]


def test_token_signed_non_secure_list() -> None:
    trust_list = client_form(secure=False)
    assert len(trust_list.data) == 3746
    assert [r.length for r in trust_list.records] == [1186, 33, 1004, 33, 1186]


@pytest.mark.parametrize(
    "trust_list",
    [tokenless(), tokenless(2048), client_form(secure=True), client_form(secure=False)],
    ids=["tokenless", "regenerated", "token", "non-secure"],
)
def test_encode_gives_the_file_and_its_signer_verifies(trust_list: TrustList) -> None:
    assert TrustList.decode(trust_list.data).encode() == trust_list.data
    record = trust_list.signing_record()
    assert record is not None
    assert record.certificate is not None
    trust_list.verify(record.certificate.public_key)
