"""The four flows; what a phone holds is what the cluster shows."""

import pytest
from services import changes
from tokenless.phone_emulator import (
    FileAction,
    FileKind,
    PhoneError,
    Reason,
    VerifiedBy,
)

pytestmark = pytest.mark.anyio
CTL = FileKind.CTL


def holds_token_ctl(report, cluster):
    """Compare a phone's CTL with the cluster's; tell whether it lists tokens."""
    report.assert_ok()
    shown = cluster.admin("show ctl")
    assert f"Length of CTL file: {len(report.files[CTL].held or b'')}\n" in shown
    assert report.to_json()["files"]["CTLFile.tlv"]["md5"] in shown
    return "SAST-ADN" in shown


async def test_from_non_secure_to_mixed(
    tokenless_cluster, tokenless_phone, tokenless_fleet
):
    phone, fleet = tokenless_phone(), tokenless_fleet(count=4)
    report = await phone.boot_async()
    report.assert_ok()
    assert report.files[CTL].action is FileAction.ABSENT
    (await fleet.boot_async()).assert_ok()
    assert "Cluster set to Mixed Mode" in changes.to_mixed_mode(tokenless_cluster)
    report = await phone.boot_async()
    assert not holds_token_ctl(report, tokenless_cluster)
    assert report.files[CTL].verified_by is VerifiedBy.INSTALLED_ITL
    (await fleet.boot_async()).assert_ok()
    (await phone.register_async()).assert_registered()


async def test_from_tokens_to_tokenless(tokenless_cluster, tokenless_phone):
    tokens = "A", "B"
    changes.to_mixed_mode_with_tokens(tokenless_cluster, *tokens)
    phone = tokenless_phone()
    report = await phone.boot_async()
    assert holds_token_ctl(report, tokenless_cluster)
    changes.from_tokens_to_tokenless(tokenless_cluster, *tokens)
    report = await phone.boot_async()
    assert not holds_token_ctl(report, tokenless_cluster)
    assert report.files[CTL].action is FileAction.UPDATED


async def test_from_tokenless_to_tokens(tokenless_cluster, tokenless_phone):
    changes.to_mixed_mode(tokenless_cluster)
    phone = tokenless_phone(model="8861")
    (await phone.boot_async()).assert_ok()
    tokens = "A", "B"
    for token in tokens:
        tokenless_cluster.create_token(token)
    with pytest.raises(PhoneError, match="does not exist in the CTL File"):
        tokenless_cluster.ctl_client(*tokens)
    changes.from_tokenless_to_tokens(tokenless_cluster, *tokens)
    report = await phone.boot_async()
    assert holds_token_ctl(report, tokenless_cluster)
    assert report.files[CTL].verified_by is VerifiedBy.TVS


async def test_callmanager_is_regenerated(
    tokenless_cluster, tokenless_phone, tokenless_fleet
):
    changes.to_mixed_mode(tokenless_cluster)
    phone, old = tokenless_phone(), tokenless_phone(model="7960")
    fleet = tokenless_fleet(count=4)
    for each in phone, old:
        (await each.boot_async()).assert_ok()
    (await fleet.boot_async()).assert_ok()
    changes.regenerate_callmanager(tokenless_cluster)
    report = await phone.boot_async()
    assert not holds_token_ctl(report, tokenless_cluster)
    assert report.files[CTL].verified_by is VerifiedBy.TVS
    (await fleet.boot_async()).assert_ok()
    # A 7960 cannot ask TVS: somebody has to delete its list.
    refused = await old.boot_async()
    assert refused.files[CTL].action is FileAction.REJECTED
    assert refused.files[CTL].code is Reason.CANNOT_ASK
    old.delete_trust()
    (await old.boot_async()).assert_ok()
