"""When a phone goes to CAPF on its own, and what a profile is called."""

from dataclasses import replace

import pytest

from tokenless.protocol.phones.capf_decision import (
    CapfCause,
    CapfPlan,
    is_hash_of,
    plan_capf,
)
from tokenless.protocol.phones.configuration import CapfServer, PhoneConfig
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    CapfStatus,
    DeviceSecurity,
    outcome_of,
    profile_name,
)

HASH = "ab" * 16
SERVERS = (CapfServer("192.0.2.11"), CapfServer("192.0.2.12", 3805))
IDLE = PhoneConfig(capf=SERVERS)


def pending(mode: int) -> PhoneConfig:
    return replace(IDLE, capf_auth_mode=mode)


def plan(cause: CapfCause, mode: CapfAuthMode, *, waits: bool = False) -> CapfPlan:
    return CapfPlan(cause, mode, SERVERS, waits_for_string=waits)


@pytest.mark.parametrize("mode", list(CapfAuthMode))
def test_a_pending_operation_is_a_reason_in_its_mode(mode: CapfAuthMode) -> None:
    waits = mode is CapfAuthMode.STRING
    expected = plan(CapfCause.PENDING, mode, waits=waits)
    assert plan_capf(pending(mode), "") == expected


def test_a_mode_that_is_not_known_asks_for_nothing() -> None:
    expected = plan(CapfCause.PENDING, CapfAuthMode.NULL_STRING)
    assert plan_capf(pending(9), "") == expected


def test_nothing_pending_is_no_reason() -> None:
    assert plan_capf(IDLE, "") is None
    assert plan_capf(replace(IDLE, certificate_hash=HASH), "") is None


def test_without_a_server_no_reason_counts() -> None:
    config = replace(pending(2), capf=())
    assert plan_capf(config, "", decrypt_failed=True, has_string=True) is None


def test_an_encrypted_configuration_needs_the_certificate_that_it_names() -> None:
    config = replace(IDLE, encrypted=True, certificate_hash=HASH)
    assert plan_capf(config, HASH.upper()) is None
    expected = plan(CapfCause.PUBKEY_MISMATCH, CapfAuthMode.NULL_STRING)
    assert plan_capf(config, "cd" * 16) == expected
    assert plan_capf(config, "") == expected
    both = replace(config, capf_auth_mode=2)
    assert plan_capf(both, "") == expected
    assert plan_capf(both, HASH) == plan(CapfCause.PENDING, CapfAuthMode.NULL_STRING)


def test_what_cannot_be_decrypted_comes_first() -> None:
    config = replace(pending(3), encrypted=True)
    expected = plan(CapfCause.DECRYPT_FAILED, CapfAuthMode.EXISTING_LSC)
    assert plan_capf(config, "", decrypt_failed=True) == expected


def test_a_typed_string_is_used_whatever_is_pending() -> None:
    expected = plan(CapfCause.MANUAL, CapfAuthMode.STRING)
    for config in (IDLE, pending(1), pending(4)):
        assert plan_capf(config, "", has_string=True) == expected


def test_hashes_are_compared_without_case_and_both_must_be_there() -> None:
    named = replace(IDLE, certificate_hash=HASH.upper())
    assert is_hash_of(named, HASH)
    assert is_hash_of(replace(named, certificate_hash=HASH), HASH.upper())
    assert not is_hash_of(named, "cd" * 16)
    assert not is_hash_of(named, "")
    assert not is_hash_of(IDLE, "")


def test_each_operation_ends_in_a_status_of_its_own() -> None:
    ends = {
        CapfOperation.NONE: (CapfStatus.NONE, CapfStatus.NONE),
        CapfOperation.INSTALL: (CapfStatus.UPGRADE_SUCCESS, CapfStatus.UPGRADE_FAILED),
        CapfOperation.DELETE: (CapfStatus.DELETE_SUCCESS, CapfStatus.DELETE_FAILED),
        CapfOperation.TROUBLESHOOT: (
            CapfStatus.TROUBLESHOOT_SUCCESS,
            CapfStatus.TROUBLESHOOT_FAILED,
        ),
    }
    for operation, (good, bad) in ends.items():
        assert outcome_of(operation, succeeded=True) is good
        assert outcome_of(operation, succeeded=False) is bad


@pytest.mark.parametrize(
    ("mode", "encrypts", "name"),
    [
        (1, False, "Cisco 7975 - Standard SCCP Non-Secure Profile"),
        (2, False, "Cisco 7975 - Standard SCCP Authenticated Profile"),
        (
            3,
            True,
            "Cisco 7975 - Standard SCCP Encrypted Profile with Encrypted Config",
        ),
    ],
)
def test_a_profile_is_named_after_its_settings(
    mode: int, encrypts: bool, name: str
) -> None:
    security = DeviceSecurity(mode)
    assert profile_name("7975", "SCCP", security, encrypts_config=encrypts) == name
