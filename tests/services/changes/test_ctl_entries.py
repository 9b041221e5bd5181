"""What the CTL Client's windows show of tokens and entries: as in the document."""

from tokenless.protocol.codes import Role
from tokenless.services.changes import ctl_client, security
from tokenless.services.changes.ctl_entries import (
    draft_entries,
    entries_of,
    token_information,
)
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.pki.tokens import FileToken

SERVERS = [
    ("CAPF", "127.0.47.155"),
    ("CCM+TFTP", "127.0.47.156"),
    ("CCM+TFTP", "127.0.47.155"),
]
TOKEN = ("Security Token", "No Hostname")


def test_a_tokens_certificate_is_shown_as_the_file_names_it(
    tokens: list[FileToken],
) -> None:
    certificate = tokens[0].certificate
    number = (certificate.subject.get("CN") or "").strip()
    information = dict(token_information(certificate))
    assert information["Subject Name"] == (
        f'cn="{number}        ";ou=IPCBU;o="Cisco Systems'
    )
    assert information["Issuer Name"] == "cn=Cisco Manufacturing CA;o=Cisco Systems"
    assert information["Valid From"] == f"{certificate.not_before:%m/%d/%Y}"


def test_entries_stand_as_in_the_vendors_window(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    first, second = (each.certificate for each in tokens[:2])
    one = draft_entries(lab, None, [first], [])
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    two = draft_entries(lab, None, [first, second], [])
    assert [(each.type, each.host) for each in one] == [*SERVERS, TOKEN]
    assert [(each.type, each.host) for each in two] == [*SERVERS, TOKEN, TOKEN]
    shown = [each.record.certificate_der for each in two if each.is_token]
    assert shown == [first.der, second.der]
    assert two[1].subject.startswith("CN=cucm-1051-a-sub1;")


def test_tokens_of_the_file_stand_before_one_that_is_added(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    present = ctl_client.update(lab, tokens[:2], mode=SecurityMode.MIXED, by="test")
    for node in lab.nodes:
        install_ctl(lab, node)
    entries = draft_entries(lab, present, [each.certificate for each in tokens[1:]], [])
    listed = [each.record.certificate_der for each in entries if each.is_token]
    assert set(listed[:2]) == {each.certificate.der for each in tokens[:2]}
    assert listed[2:] == [tokens[2].certificate.der]
    # And so they will in the file itself: old tokens, servers, the new one.
    changed = ctl_client.update(lab, tokens[1:], by="test")
    roles = [record.role for record in changed.records]
    assert roles == [
        *(Role.SAST, Role.SAST),
        *(Role.CCM_TFTP, Role.CAPF, Role.CCM_TFTP),
        Role.SAST,
    ]
    assert changed.records[0].certificate_der == tokens[1].certificate.der
    assert len(entries_of(changed.records)) == len(entries)
