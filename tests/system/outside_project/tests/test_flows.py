"""The four flows, with the lengths of the CTL that the vendor's document prints."""

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


def length(report):
    return len(report.files[CTL].held or b"")


async def test_from_non_secure_to_mixed(
    tokenless_cluster, tokenless_phone, tokenless_fleet
):
    phone, fleet = tokenless_phone(), tokenless_fleet(count=10)
    report = await phone.boot_async()
    report.assert_ok()
    assert report.files[CTL].action is FileAction.ABSENT
    (await fleet.boot_async()).assert_ok()
    assert "Cluster set to Mixed Mode" in changes.to_mixed_mode(tokenless_cluster)
    report = await phone.boot_async()
    report.assert_ok()
    assert length(report) == 4947
    assert report.files[CTL].verified_by is VerifiedBy.INSTALLED_ITL
    (await fleet.boot_async()).assert_ok()
    (await phone.register_async()).assert_registered()


async def test_from_tokens_to_tokenless(tokenless_cluster, tokenless_phone):
    tokens = "A", "B"
    changes.to_mixed_mode_with_tokens(tokenless_cluster, *tokens)
    phone = tokenless_phone()
    report = await phone.boot_async()
    report.assert_ok()
    assert length(report) == 5728
    changes.from_tokens_to_tokenless(tokenless_cluster, *tokens)
    report = await phone.boot_async()
    report.assert_ok()
    assert length(report) == 4947
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
    report.assert_ok()
    assert length(report) == 5728
    assert report.files[CTL].verified_by is VerifiedBy.TVS


async def test_callmanager_is_regenerated(
    tokenless_cluster, tokenless_phone, tokenless_fleet
):
    changes.to_mixed_mode(tokenless_cluster)
    phone, old = tokenless_phone(), tokenless_phone(model="7960")
    fleet = tokenless_fleet(count=10)
    for each in phone, old:
        (await each.boot_async()).assert_ok()
    (await fleet.boot_async()).assert_ok()
    changes.regenerate_callmanager(tokenless_cluster)
    report = await phone.boot_async()
    report.assert_ok()
    assert length(report) == 6113
    assert report.files[CTL].verified_by is VerifiedBy.TVS
    (await fleet.boot_async()).assert_ok()
    # A 7960 cannot ask TVS: somebody has to delete its list.
    refused = await old.boot_async()
    assert refused.files[CTL].action is FileAction.REJECTED
    assert refused.files[CTL].code is Reason.CANNOT_ASK
    old.delete_trust()
    (await old.boot_async()).assert_ok()
