"""Rule 10 with a multi-server certificate: the CTL's one record is for all nodes."""

from datetime import UTC, datetime

import pytest

from tests.rigs.minting import rsa_key
from tokenless.protocol.certificates.minting import Issuer, Validity, mint
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.protocol.codes import Digest, Role, TrustStore
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.protocol.release import Release
from tokenless.protocol.trust.anchor_records import serves_several_hosts
from tokenless.protocol.trust.anchors import TrustAnchors
from tokenless.services.pki.profiles import profile_of

HERE, ELSEWHERE = "10.1.2.10", "10.1.2.11"


def ctl_of(*names: str) -> TrustList:
    """Return a CTL with one server, whose certificate is for these names."""
    key = rsa_key(1024, "shared")
    subject = DistinguishedName.parse("CN=pub-ms.example.test;O=Cisco;C=PL")
    certificate = mint(
        subject,
        key.public_key(),
        Issuer(subject, key),
        profile_of(TrustStore.CALLMANAGER, Release.parse("14")),
        Validity.days(datetime(2026, 1, 1, tzinfo=UTC), 365),
        serial=b"\x01",
        alternative_names=names,
    )
    records: list[Record] = [
        record_for(certificate, role, dns_name="pub", ip_address=HERE)
        for role in (Role.SAST, Role.CCM_TFTP)
    ]
    signer = PrivateKeySigner(certificate, key)
    return sign_trust_list(
        "CTLFile.tlv", records, signer, timestamp=1, digest=Digest.SHA1
    )


@pytest.mark.parametrize(
    ("names", "is_shared"),
    [
        (("pub.example.test", "sub1.example.test"), True),
        (("pub.example.test", "sub1.example.test", "example.test"), True),
        (("pub", "sub1"), True),
        (("pub.example.test",), False),
        (("pub.example.test", "example.test"), False),
        (("pub", "pub.example.test"), False),
        (("PUB.example.test", "pub.example.test"), False),
        ((HERE, ELSEWHERE), False),
        ((), False),
    ],
)
def test_who_may_serve_configurations(names: tuple[str, ...], is_shared: bool) -> None:
    ctl = ctl_of(*names)
    anchors = TrustAnchors.of(ctl, None)
    assert anchors.authorises_tftp(HERE)
    assert anchors.authorises_tftp(ELSEWHERE) is is_shared
    assert serves_several_hosts(ctl.records[-1]) is is_shared
