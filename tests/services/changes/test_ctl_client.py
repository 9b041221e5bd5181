"""The CTL Client's rules and both of its error messages (REFERENCE 6.5)."""

import pytest

from tokenless.protocol.codes import NodeRole
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import ctl_client, membership, security
from tokenless.services.changes.ctl_client import NoFileError, TokenNotInFileError
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.errors import ServiceError
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, FileToken, TokenLockedError

ERROR_1 = (
    "The Security Token you have inserted does not exist in the CTL File Please remove "
    "any Security Tokens already inserted and insert another Security Token. Click Ok "
    "when done."
)
ERROR_2 = (
    "No CTL File exists on the server but the Call Manager Cluster Security Mode is in "
    "Secure Mode. For the system to function, you must create the CTL File and set "
    "Call Manager Cluster the Secure Mode."
)


def distribute(lab: Cluster) -> None:
    for node in lab.nodes:
        install_ctl(lab, node)


def token_mixed(lab: Cluster, tokens: list[FileToken]) -> TrustList:
    ctl = ctl_client.update(lab, tokens[:2], mode=SecurityMode.MIXED, by="test")
    distribute(lab)
    return ctl


def names(ctl: TrustList) -> list[str]:
    return [
        (each.subject.get("CN") or "").strip() for each in ctl_client.tokens_of(ctl)
    ]


def name(token: FileToken) -> str:
    return (token.certificate.subject.get("CN") or "").strip()


def test_error_1_a_token_that_is_not_in_the_file(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    distribute(lab)
    before = lab.store.revision()
    with pytest.raises(TokenNotInFileError) as caught:
        ctl_client.update(lab, tokens, by="test")
    assert str(caught.value) == ERROR_1
    assert lab.store.revision() == before


def test_error_2_mixed_mode_without_a_file(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    distribute(lab)
    lab.publisher.ctl_file.unlink()
    with pytest.raises(NoFileError) as caught:
        ctl_client.update(lab, tokens[:2], by="test")
    assert str(caught.value) == ERROR_2
    ctl = ctl_client.update(lab, tokens[:2], ignore_missing=True, by="test")
    assert len(ctl.data) == 5728


def test_a_new_file_needs_two_different_tokens(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    with pytest.raises(ServiceError, match="at least 2 tokens, 1 given"):
        ctl_client.update(lab, tokens[:1], mode=SecurityMode.MIXED, by="test")
    twice = [tokens[0], tokens[0]]
    with pytest.raises(ServiceError, match="twice"):
        ctl_client.update(lab, twice, mode=SecurityMode.MIXED, by="test")
    assert not lab.is_mixed


def test_one_token_of_the_file_is_enough_to_update_it(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    first = token_mixed(lab, tokens)
    assert names(first) == [name(tokens[1]), name(tokens[0])]
    second = ctl_client.update(lab, [tokens[1]], by="test")
    assert sorted(names(second)) == sorted(names(first))
    second.verify(tokens[1].certificate.public_key)
    assert len(second.data) == 5728


def test_a_third_token_is_added_by_one_that_is_in_the_file(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    token_mixed(lab, tokens)
    with pytest.raises(TokenNotInFileError):
        ctl_client.update(lab, [tokens[2]], by="test")
    ctl = ctl_client.update(lab, [tokens[2], tokens[0]], by="test")
    assert set(names(ctl)) == {name(token) for token in tokens}
    ctl.verify(tokens[0].certificate.public_key)


def test_only_the_signing_token_needs_its_password(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    _ = tokens
    locked = [FileToken(lab.tokens_folder / name) for name in "AB"]
    with pytest.raises(TokenLockedError):
        ctl_client.update(lab, locked, mode=SecurityMode.MIXED, by="test")
    assert not lab.is_mixed
    locked[0].unlock(DEFAULT_PASSWORD)
    ctl_client.update(lab, locked, mode=SecurityMode.MIXED, by="test")
    assert lab.is_mixed


def test_an_update_in_a_cluster_without_a_file_is_refused(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    with pytest.raises(ServiceError, match="no CTL file"):
        ctl_client.update(lab, tokens[:2], by="test")


def test_a_damaged_file_on_the_server_is_named(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    token_mixed(lab, tokens)
    lab.publisher.ctl_file.write_bytes(b"junk")
    with pytest.raises(ServiceError, match="damaged"):
        ctl_client.update(lab, tokens[:1], by="test")


def test_the_client_sees_the_file_of_the_server_it_connects_to(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    token_mixed(lab, tokens)
    lab.nodes[1].ctl_file.unlink()
    with pytest.raises(NoFileError):
        ctl_client.update(lab, tokens[:1], server=lab.nodes[1], by="test")
    ctl_client.update(lab, tokens[:1], server=lab.publisher, by="test")


def test_tokens_survive_a_change_of_mode(lab: Cluster, tokens: list[FileToken]) -> None:
    token_mixed(lab, tokens)
    emptied = ctl_client.update(
        lab, tokens[:1], mode=SecurityMode.NON_SECURE, by="test"
    )
    distribute(lab)
    assert len(emptied.data) == 3746
    again = ctl_client.update(lab, tokens[1:2], mode=SecurityMode.MIXED, by="test")
    assert len(again.data) == 5728


def test_a_node_with_one_service_is_no_server_of_another_cluster(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    for name, service in (("tftp-1", NodeRole.CALLMANAGER), ("ccm-1", NodeRole.TFTP)):
        address = f"127.0.47.{157 + len(name)}"
        node = membership.add_node(lab, name, address, by="test")
        membership.deactivate(lab, node, service, by="test")
    first = token_mixed(lab, tokens)
    again = ctl_client.update(lab, tokens[:2], by="test")
    assert len(again.records) == len(first.records)
