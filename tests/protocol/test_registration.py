"""Whether a phone may register: one row a case (REFERENCE-3 4.6, 4.7)."""

import pytest

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.models import device_in
from tokenless.protocol.phones.registration import (
    Claim,
    DeviceProfile,
    Peer,
    RegisterFailure,
    Signalling,
    UnregisterReason,
    directory_number,
    is_null_cipher,
    reason_word,
    vendor_word,
    why_refused,
)

PHONE = "SEP001122334455"
PROFILE = "Cisco 7975 - Standard SCCP Encrypted"
AES, NULL = "AES128-SHA", "NULL-SHA"
CLEAR = Peer()


def device(mode: DeviceSecurity = DeviceSecurity.NON_SECURE) -> DeviceProfile:
    return DeviceProfile(PHONE, Signalling.SCCP, mode, PROFILE, (437,))


def tls(cipher: str, name: str | None = PHONE, *others: str) -> Peer:
    return Peer(cipher, name, others)


NON_SECURE, AUTHENTICATED, ENCRYPTED = (device(mode) for mode in DeviceSecurity)


@pytest.mark.parametrize(
    ("profile", "peer", "failure"),
    [
        (NON_SECURE, CLEAR, None),
        (AUTHENTICATED, tls(NULL), None),
        (AUTHENTICATED, tls(AES), None),
        (ENCRYPTED, tls(AES), None),
        (ENCRYPTED, tls("TLS_AES_256_GCM_SHA384"), None),
        (ENCRYPTED, tls(AES, "other", "x", PROFILE), None),
        (None, CLEAR, RegisterFailure.NO_ENTRY_IN_DATABASE),
        (NON_SECURE, tls(AES), RegisterFailure.SECURITY_MISMATCH),
        (AUTHENTICATED, CLEAR, RegisterFailure.SECURITY_MISMATCH),
        (ENCRYPTED, CLEAR, RegisterFailure.SECURITY_MISMATCH),
        (ENCRYPTED, tls(NULL), RegisterFailure.INVALID_TLS_CIPHER),
        (ENCRYPTED, tls(AES, None), RegisterFailure.AUTHENTICATION_ERROR),
        (ENCRYPTED, tls(AES, "SEP000000000000"), RegisterFailure.INVALID_X509_NAME),
        (ENCRYPTED, tls(AES, PHONE.lower()), RegisterFailure.INVALID_X509_NAME),
        (ENCRYPTED, tls(AES, "other", "x"), RegisterFailure.INVALID_X509_NAME),
        (
            DeviceProfile(PHONE, Signalling.SCCP, DeviceSecurity.ENCRYPTED),
            tls(AES, "other", ""),
            RegisterFailure.INVALID_X509_NAME,
        ),
    ],
)
def test_a_phone_registers_or_is_told_why_not(
    profile: DeviceProfile | None, peer: Peer, failure: RegisterFailure | None
) -> None:
    assert why_refused(profile, Claim(PHONE, Signalling.SCCP, 437), peer) is failure


def test_the_protocol_and_the_model_must_be_those_of_the_device() -> None:
    assert (
        why_refused(NON_SECURE, Claim(PHONE, Signalling.SIP), CLEAR)
        is RegisterFailure.PROTOCOL_MISMATCH
    )
    assert (
        why_refused(NON_SECURE, Claim(PHONE, Signalling.SCCP, 7), CLEAR)
        is RegisterFailure.DEVICE_TYPE_MISMATCH
    )
    assert why_refused(NON_SECURE, Claim(PHONE, Signalling.SCCP), CLEAR) is None


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        (f"CP-7975-{PHONE}", None),
        (f"CP-8832-NR-{PHONE}", None),
        ("CP-7975-SEP00AABBCCDDEE", RegisterFailure.INVALID_X509_NAME),
        (f"XCP-7975-{PHONE}", RegisterFailure.INVALID_X509_NAME),
        (f"7975-{PHONE}", RegisterFailure.INVALID_X509_NAME),
        (f"CP-7975-{PHONE}0", RegisterFailure.INVALID_X509_NAME),
        (f"CP--{PHONE}", RegisterFailure.INVALID_X509_NAME),
    ],
)
def test_a_mic_names_its_device_behind_the_model(
    name: str, failure: RegisterFailure | None
) -> None:
    claim = Claim(PHONE, Signalling.SCCP, 437)
    assert why_refused(ENCRYPTED, claim, tls(AES, name)) is failure


def test_a_device_is_named_by_the_whole_of_an_lscs_name() -> None:
    assert device_in(PHONE) == PHONE
    assert device_in("CP-ATA191-ATA001122334455") == "ATA001122334455"
    for name in ("CSF-TCTANNA", "CP-x-TCTANNA", "CP-7975-SEP00112233445", ""):
        assert device_in(name) == name


def test_a_device_without_known_numbers_takes_any_model() -> None:
    anything = DeviceProfile(PHONE, None)
    for signalling in Signalling:
        claim = Claim(PHONE, signalling, 7)
        assert why_refused(anything, claim, CLEAR) is None


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (RegisterFailure.MAXIMUM_EXCEEDED, "maxDevRegExceeded"),
        (RegisterFailure.NO_ENTRY_IN_DATABASE, "noEntryInDatabase"),
        (RegisterFailure.UNKNOWN, "unknown"),
        (UnregisterReason.KEEPALIVE_TIMEOUT, "keepAliveTimeout"),
        (UnregisterReason.DUPLICATE_REGISTRATION, "duplicateRegistration"),
    ],
)
def test_a_reason_has_the_vendors_word(
    reason: RegisterFailure | UnregisterReason, word: str
) -> None:
    assert vendor_word(reason) == word
    is_failure = isinstance(reason, RegisterFailure)
    assert reason_word(int(reason), is_failure=is_failure) == word


def test_a_number_means_a_failure_or_an_end() -> None:
    assert reason_word(13, is_failure=False) == "keepAliveTimeout"
    assert reason_word(13, is_failure=True) == "unknown"
    assert reason_word(28, is_failure=True) == "securityMismatch"
    assert reason_word(28, is_failure=False) == "fallbackInitiated"


@pytest.mark.parametrize(
    ("cipher", "is_null"),
    [("NULL-SHA", True), ("ECDHE-RSA-NULL-SHA", True), ("AES128-SHA", False)],
)
def test_a_null_cipher_has_the_word_between_hyphens(cipher: str, is_null: bool) -> None:
    assert is_null_cipher(cipher) is is_null
    assert not is_null_cipher(cipher.replace("NULL", "NULLX"))


@pytest.mark.parametrize(
    ("device", "number"),
    [
        (PHONE, "03359829"),
        ("SEP00112200000A", "00000010"),
        ("SEPFFFFFFFFFFFF", "16777215"),
        ("CSFFOXTROT", "00000000"),
        ("", "00000000"),
    ],
)
def test_a_directory_number_is_made_of_the_mac_address(
    device: str, number: str
) -> None:
    assert directory_number(device) == number
