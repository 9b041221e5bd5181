"""Whether a phone may register: one row a case (REFERENCE-3 4.6, 4.7)."""

import pytest

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import (
    Claim,
    DeviceProfile,
    Peer,
    RegisterFailure,
    Signalling,
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
