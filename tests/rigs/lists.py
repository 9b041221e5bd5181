"""The lists of the lab, signed: the vendor document's files with other keys."""

from functools import cache

from tests.rigs import minting
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import (
    ListForm,
    emptied_record,
    record_for,
    sign_trust_list,
)

TIME = 1425667513


@cache
def tokenless(bits: int = 1024) -> TrustList:
    """Return the tokenless CTL: 4947 bytes, 6113 with a regenerated publisher."""
    signer = minting.server(minting.PUBLISHER, bits).signer
    return sign_trust_list(
        "CTLFile.tlv", minting.lab_records(bits), signer, timestamp=TIME
    )


@cache
def client_form(*, secure: bool) -> TrustList:
    """Return the token-signed CTL: 5728 bytes, 3746 in a non-secure cluster."""
    first, second = minting.token_records()
    publisher, subscriber = minting.PUBLISHER_ADDRESS, minting.SUBSCRIBER_ADDRESS
    form = ListForm.CTL_CLIENT
    servers = [
        record_for(
            minting.server(name).certificate,
            Role.CCM_TFTP,
            dns_name=address,
            ip_address=address,
            form=form,
        )
        if secure
        else emptied_record(address, address, Role.CCM_TFTP)
        for name, address in (
            (minting.PUBLISHER, publisher),
            (minting.SUBSCRIBER, subscriber),
        )
    ]
    capf = record_for(
        minting.capf().certificate,
        Role.CAPF,
        dns_name=publisher,
        ip_address=publisher,
        form=form,
    )
    records = [first, servers[0], capf, servers[1], second]
    return sign_trust_list(
        "CTLFile.tlv", records, minting.token().signer, timestamp=TIME, form=form
    )
