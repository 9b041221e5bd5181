"""What self-signed certificates of the cluster hold, by release."""

import pytest
from cryptography import x509

from tests.rigs.ca_signed import Make
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates


@pytest.mark.parametrize(
    ("version", "callmanager", "capf"),
    [
        ("11.5", None, None),
        ("12.5(1)", True, True),
        ("15SU2", True, True),
        ("15SU3", False, True),
    ],
)
def test_basic_constraints_by_release(
    cluster_of: Make, version: str, callmanager: bool | None, capf: bool | None
) -> None:
    cluster = cluster_of(version)
    said: dict[TrustStore, bool | None] = {}
    for each in certificates.own(cluster, cluster.publisher):
        parsed = x509.load_der_x509_certificate(each.certificate.der)
        try:
            found = parsed.extensions.get_extension_for_class(x509.BasicConstraints)
        except x509.ExtensionNotFound:
            said[each.store] = None
        else:
            said[each.store] = found.value.ca
    assert said.pop(TrustStore.CAPF) is capf
    assert said.pop(TrustStore.ITLRECOVERY) is (False if callmanager is False else None)
    assert set(said.values()) == {callmanager}
