"""CTL and ITL as the cluster makes them: lengths, members, signers by release."""

import pytest

from tests.rigs.clock import Clock
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Digest, Role, TrustStore
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import certificates, ctl_client, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.distribution import install_ctl, install_reset_itl
from tokenless.services.errors import ServiceError
from tokenless.services.pki.tokens import FileToken
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.store.parameters import Parameter
from tokenless.services.store.trust_lists import newest_ctl

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
RELEASES = ("10.0(1)", "10.5(1)", "10.5(2)", "11.5(1)", "12.0(1)", "14SU3", "15")


def ctl_of(lab: Cluster) -> TrustList:
    with lab.store.read() as connection:
        stored = newest_ctl(connection)
    assert stored is not None
    return TrustList.decode(stored.content)


def members(trust_list: TrustList) -> list[tuple[int, str]]:
    """Return role and common name of each record."""
    return [
        (record.role, "" if (found := record.certificate) is None else common(found))
        for record in trust_list.records
    ]


def common(certificate: Certificate) -> str:
    return (certificate.subject.get("CN") or "").strip()


def signer(trust_list: TrustList) -> str:
    """Return who signed, after checking that the signature is his."""
    record = trust_list.signing_record()
    assert record is not None
    assert record.certificate is not None
    trust_list.verify(record.certificate.public_key)
    return common(record.certificate)


def mixed(lab: Cluster) -> TrustList:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    return ctl_of(lab)


def release(lab: Cluster, version: str) -> None:
    security.set_parameter(lab, Parameter.VERSION, version, by="test")


def test_the_labs_ctl_has_4947_bytes(lab: Cluster) -> None:
    ctl = mixed(lab)
    assert len(ctl.data) == 4947
    assert ctl.header.header_length == 336
    assert [record.length for record in ctl.records] == [1156, 1156, 1138, 1161]
    assert signer(ctl) == PUB


def test_after_a_regeneration_it_has_6113(lab: Cluster) -> None:
    mixed(lab)
    certificates.regenerate(lab, lab.publisher, TrustStore.CALLMANAGER, by="test")
    assert len(ctl_of(lab).data) == 4947
    security.update_ctl(lab, by="test")
    ctl = ctl_of(lab)
    assert len(ctl.data) == 6113
    assert ctl.header.header_length == 464
    assert [record.length for record in ctl.records] == [1675, 1675, 1138, 1161]
    assert signer(ctl) == PUB


def test_tokens_make_5728_and_non_secure_3746(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    ctl = ctl_client.update(lab, tokens[:2], mode=SecurityMode.MIXED, by="test")
    assert len(ctl.data) == 5728
    assert ctl.header.header_length == 304
    assert [record.length for record in ctl.records] == [1186, 1022, 1004, 1026, 1186]
    for node in lab.nodes:
        install_ctl(lab, node)
    emptied = ctl_client.update(
        lab, tokens[:1], mode=SecurityMode.NON_SECURE, by="test"
    )
    assert len(emptied.data) == 3746
    # Observed (M2N): the tokens of the old file come first, the one that signs before.
    assert [record.length for record in emptied.records] == [1186, 1186, 33, 1004, 33]
    assert signer(emptied) == members(emptied)[0][1]
    assert not lab.is_mixed
    emptied.verify(tokens[0].certificate.public_key)


def test_update_drops_the_tokens(lab: Cluster, tokens: list[FileToken]) -> None:
    ctl_client.update(lab, tokens[:2], mode=SecurityMode.MIXED, by="test")
    security.update_ctl(lab, by="test")
    assert len(ctl_of(lab).data) == 4947


def test_without_tokens_non_secure_keeps_the_list_with_servers_emptied(
    lab: Cluster,
) -> None:
    mixed(lab)
    security.set_cluster_mode(lab, SecurityMode.NON_SECURE, by="test")
    ctl = ctl_of(lab)
    assert members(ctl) == [
        (Role.SAST, PUB),
        (Role.CCM_TFTP, ""),
        (Role.CAPF, "CAPF-e41e7d87"),
        (Role.CCM_TFTP, ""),
    ]


def test_a_cluster_that_never_was_mixed_has_no_list(lab: Cluster) -> None:
    security.set_cluster_mode(lab, SecurityMode.NON_SECURE, by="test")
    with lab.store.read() as connection:
        assert newest_ctl(connection) is None


@pytest.mark.parametrize("version", RELEASES)
def test_the_tokenless_ctl_by_release(lab: Cluster, version: str) -> None:
    release(lab, version)
    ctl = mixed(lab)
    recovery = f"ITLRECOVERY_{PUB}"
    servers = [
        (Role.CCM_TFTP, PUB),
        (Role.CAPF, "CAPF-e41e7d87"),
        (Role.CCM_TFTP, SUB),
    ]
    if lab.release < (10, 5, 2):
        expected, signed_by = [(Role.SAST, PUB), *servers], PUB
    elif lab.release < (12,):
        expected = [(Role.SAST, PUB), *servers, (Role.SAST, recovery)]
        signed_by = PUB
    else:
        expected = [(Role.SAST, recovery), *servers, (Role.SAST, PUB)]
        signed_by = recovery
    assert members(ctl) == expected
    assert signer(ctl) == signed_by


@pytest.mark.parametrize("version", ["10.0(1)", "10.5(1)", "10.5(2)", "12.5(1)"])
def test_the_token_ctl_by_release(
    lab: Cluster, tokens: list[FileToken], version: str
) -> None:
    release(lab, version)
    ctl = ctl_client.update(lab, tokens[:2], mode=SecurityMode.MIXED, by="test")
    sasts = [name for role, name in members(ctl) if role == Role.SAST]
    token_names = [common(token.certificate) for token in tokens[:2]]
    own = [] if lab.release < (10, 5, 2) else [f"ITLRECOVERY_{PUB}", PUB]
    # Observed in the vendor's document: the one that was inserted first signs, and
    # stands after the servers.
    signs, other = token_names
    assert members(ctl)[0] == (Role.SAST, other)
    assert sasts == [other, signs, *own]
    assert signer(ctl) == signs
    with_signature = [8 in {tag for tag, _ in r.elements} for r in ctl.records]
    assert not any(with_signature)


def test_releases_without_tokens_refuse_them(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    release(lab, "14SU3")
    with pytest.raises(ServiceError, match="no hardware tokens"):
        ctl_client.update(lab, tokens[:2], mode=SecurityMode.MIXED, by="test")


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("name", [PUB, SUB])
def test_each_nodes_itl_by_release(lab: Cluster, version: str, name: str) -> None:
    release(lab, version)
    itl = rebuild_itl(lab, lab.node(name))
    recovery = f"ITLRECOVERY_{PUB}"
    first, other = (recovery, name) if lab.release >= (12,) else (name, recovery)
    assert members(itl) == [
        (Role.SAST, first),
        (Role.TFTP, name),
        *([(Role.TFTP, f"{name}-EC")] if lab.release >= (11,) else []),
        (Role.TVS, PUB),
        (Role.TVS, SUB),
        (Role.CAPF, "CAPF-e41e7d87"),
        (Role.SAST, other),
    ]
    assert signer(itl) == first
    assert itl.filename == "ITLFile.tlv"
    assert lab.node(name).itl_file.read_bytes() == itl.data


def test_the_role_in_the_itl_follows_the_mode(lab: Cluster) -> None:
    mixed(lab)
    itl = rebuild_itl(lab, lab.node(SUB))
    assert (Role.CCM_TFTP, SUB) in members(itl)
    assert Role.TFTP not in {role for role, _ in members(itl)}


def test_a_rolled_back_itl_has_neither_tvs_nor_tftp(lab: Cluster) -> None:
    security.set_parameter(lab, Parameter.ROLLBACK, "true", by="test")
    itl = rebuild_itl(lab, lab.publisher)
    assert {role for role, _ in members(itl)} == {Role.SAST, Role.CAPF}
    assert signer(itl) == PUB


def test_the_same_state_gives_the_same_itl(lab: Cluster, clock: Clock) -> None:
    first = rebuild_itl(lab, lab.publisher)
    clock.advance(3600)
    assert rebuild_itl(lab, lab.publisher).data == first.data
    mixed(lab)
    changed = rebuild_itl(lab, lab.publisher)
    assert changed.data != first.data
    assert changed.header.timestamp == int(clock.now)


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_damaged_itl_is_made_anew(lab: Cluster, content: bytes | None) -> None:
    whole = rebuild_itl(lab, lab.publisher)
    damaged = whole.data[:-1] + b"\xff" if content is None else content
    lab.publisher.itl_file.write_bytes(damaged)
    rebuild_itl(lab, lab.publisher)
    assert lab.publisher.itl_file.read_bytes() == whole.data


@pytest.mark.parametrize("version", ["10.5(1)", "11.5(1)", "12.0(1)"])
def test_a_reset_itl_is_signed_by_the_other_sast_until_tftp_starts(
    lab: Cluster, version: str
) -> None:
    release(lab, version)
    normal = {node.name: signer(rebuild_itl(lab, node)) for node in lab.nodes}
    security.reset_itl_localkey(lab, by="test")
    for node in lab.nodes:
        reset = install_reset_itl(lab, node)
        assert reset is not None
        assert node.itl_file.read_bytes() == reset
        assert signer(TrustList.decode(reset)) != normal[node.name]
        assert install_reset_itl(lab, node) is None
        assert signer(rebuild_itl(lab, node)) == normal[node.name]
        assert install_reset_itl(lab, node) is None


def test_a_node_that_starts_later_does_not_take_the_reset(lab: Cluster) -> None:
    security.reset_itl_localkey(lab, by="test")
    rebuild_itl(lab, lab.node(SUB))
    assert install_reset_itl(lab, lab.node(SUB)) is None


def test_a_remote_key_signs_the_reset_itl(lab: Cluster) -> None:
    kept = security.export_recovery(lab, "secret")
    old = certificates.own_certificate(lab, lab.publisher, TrustStore.ITLRECOVERY)
    certificates.regenerate(lab, lab.publisher, TrustStore.ITLRECOVERY, by="test")
    with pytest.raises(ServiceError, match="cannot be opened"):
        security.reset_itl_remotekey(lab, kept, "wrong", by="test")
    security.reset_itl_remotekey(lab, kept, "secret", by="test")
    for node in lab.nodes:
        reset = install_reset_itl(lab, node)
        assert reset is not None
        TrustList.decode(reset).verify(old.public_key)


@pytest.mark.parametrize(
    ("version", "others"),
    [
        ("10.5(1)", []),
        ("11.5(1)", [f"ITLRECOVERY_{PUB}"]),
        ("12.0(1)", [f"ITLRECOVERY_{PUB}"]),
    ],
)
def test_a_reset_ctl_is_signed_by_callmanager(
    lab: Cluster, version: str, others: list[str]
) -> None:
    release(lab, version)
    mixed(lab)
    certificates.regenerate(lab, lab.publisher, TrustStore.ITLRECOVERY, by="test")
    security.reset_ctl_localkey(lab, by="test")
    ctl = ctl_of(lab)
    assert signer(ctl) == PUB
    assert [name for role, name in members(ctl) if role == Role.SAST] == [PUB, *others]
    new = certificates.own_certificate(lab, lab.publisher, TrustStore.ITLRECOVERY)
    assert (new.der in {r.certificate_der for r in ctl.records}) == bool(others)
    security.update_ctl(lab, by="test")
    assert signer(ctl_of(lab)) == (others[0] if lab.release >= (12,) else PUB)


def test_resets_and_updates_without_a_ctl_say_what_to_do(lab: Cluster) -> None:
    with pytest.raises(ServiceError) as caught:
        security.reset_ctl_localkey(lab, by="test")
    assert "set-cluster mixed-mode" in caught.value.explain()
    with pytest.raises(ServiceError) as caught:
        security.update_ctl(lab, by="test")
    assert "set-cluster mixed-mode" in caught.value.explain()


def test_without_the_licence_there_is_no_mixed_mode(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    security.set_parameter(lab, Parameter.EXPORT_CONTROLLED, "False", by="test")
    with pytest.raises(ServiceError, match="export-controlled functionality"):
        mixed(lab)
    with pytest.raises(ServiceError, match="export-controlled functionality"):
        ctl_client.update(lab, tokens[:2], mode=SecurityMode.MIXED, by="test")
    assert not lab.is_mixed
    security.set_cluster_mode(lab, SecurityMode.NON_SECURE, by="test")


_ADVANCED = Parameter.ADVANCED_ENCRYPTION


def test_lists_tell_of_advanced_encryption_in_element_28(lab: Cluster) -> None:
    with pytest.raises(ServiceError, match="no advanced encryption"):
        security.set_parameter(lab, _ADVANCED, "True", by="test")
    release(lab, "12.5(1)SU6")
    node = lab.publisher
    before = (mixed(lab), rebuild_itl(lab, node))
    security.set_parameter(lab, _ADVANCED, "True", by="test")
    security.update_ctl(lab, by="test")
    after = (ctl_of(lab), rebuild_itl(lab, node))
    for old, new in zip(before, after, strict=True):
        assert old.header.signer_version is None
        assert new.header.signer_version == (1, 1)
        assert old.records == new.records
        assert signer(new) == signer(old)
    security.reset_itl_localkey(lab, by="test")
    install_reset_itl(lab, node)
    reset = TrustList.decode(node.itl_file.read_bytes())
    assert reset.header.signer_version == (1, 1)
    release(lab, "11.5(1)")  # which has no such parameter
    security.update_ctl(lab, by="test")
    assert ctl_of(lab).header.signer_version is None


def test_the_digest_can_be_chosen_from_12_on(lab: Cluster) -> None:
    with pytest.raises(ServiceError, match=r"release 10.5\(1\) signs with SHA-1 only"):
        security.set_parameter(lab, Parameter.SIGNATURE_DIGEST, "sha-512", by="test")
    security.set_parameter(lab, Parameter.SIGNATURE_DIGEST, "sha-1", by="test")
    assert mixed(lab).header.digest == Digest.SHA1
    release(lab, "12.5(1)")
    security.set_parameter(lab, Parameter.SIGNATURE_DIGEST, "sha-512", by="test")
    assert mixed(lab).header.digest == Digest.SHA512
    assert signer(rebuild_itl(lab, lab.publisher)) == f"ITLRECOVERY_{PUB}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ClusterSecurityMode", "1"),
        ("Nonsense", "1"),
        ("Version", "8.6"),
        (Parameter.ROLLBACK, "perhaps"),
    ],
)
def test_parameters_that_cannot_be_set(lab: Cluster, name: str, value: str) -> None:
    before = lab.parameters()
    with pytest.raises(ServiceError):
        security.set_parameter(lab, name, value, by="test")
    assert lab.parameters() == before


def node_without_key(lab: Cluster) -> Node:
    node = lab.publisher
    for path in node.keys_folder.glob("CallManager-*.pem"):
        path.unlink()
    return node


def test_a_lost_key_is_named_and_nothing_is_changed(lab: Cluster) -> None:
    node = node_without_key(lab)
    with pytest.raises(ServiceError, match="not on this machine"):
        mixed(lab)
    assert not lab.is_mixed
    with pytest.raises(ServiceError, match="not on this machine"):
        rebuild_itl(lab, node)
    assert not node.itl_file.exists()
