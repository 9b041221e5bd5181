"""Registration of phones: the server's decision, and its codes.

The decision is about one claim on one connection: is the device known, does its
security mode fit the connection, and is the client's certificate that of the device
(REFERENCE-3 4.7). The chain of the certificate was verified by TLS before.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from typing import Final

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.models import device_in
from tokenless.protocol.sip.digest import DigestAccount


@unique
class RegisterFailure(IntEnum):
    """Reasons to refuse a registration (REFERENCE-3 4.6, the vendor's numbers)."""

    UNKNOWN = 1
    NO_ENTRY_IN_DATABASE = 2
    DATABASE_CONFIGURATION_ERROR = 3
    MAXIMUM_EXCEEDED = 5
    CONNECTIVITY_ERROR = 6
    INITIALIZATION_ERROR = 7
    AUTHENTICATION_ERROR = 10
    INVALID_X509_NAME = 11
    INVALID_TLS_CIPHER = 12
    MALFORMED_REGISTER = 14
    PROTOCOL_MISMATCH = 15
    DEVICE_NOT_ACTIVE = 16
    AUTHENTICATED_DEVICE_EXISTS = 17
    OBSOLETE_PROTOCOL_VERSION = 18
    SEQUENCE_ERROR = 25
    SECURITY_MISMATCH = 28
    DEVICE_TYPE_MISMATCH = 32


@unique
class UnregisterReason(IntEnum):
    """Reasons for the end of a registration (REFERENCE-3 4.6, the vendor's numbers)."""

    UNKNOWN = 1
    CONNECTIVITY_ERROR = 6
    DEVICE_INITIATED_RESET = 8
    CALLMANAGER_RESET = 9
    DEVICE_UNREGISTERED = 10
    MALFORMED_MESSAGE = 11
    KEEPALIVE_TIMEOUT = 13
    CONFIGURATION_MISMATCH = 14
    CALLMANAGER_RESTART = 15
    DUPLICATE_REGISTRATION = 16
    APPLY_CONFIG = 17
    CALLMANAGER_FORCED_RESTART = 22
    SOURCE_ADDRESS_CHANGED = 23
    FALLBACK_INITIATED = 28


_VENDOR_WORDS: Final = {
    "MAXIMUM_EXCEEDED": "maxDevRegExceeded",
    "CALLMANAGER_RESET": "callManagerReset",
    "INVALID_X509_NAME": "invalidX509NameInCertificate",
    "INVALID_TLS_CIPHER": "invalidTLSCipher",
    "MALFORMED_REGISTER": "malformedRegisterMsg",
    "MALFORMED_MESSAGE": "malformedRegisterMsg",
    "AUTHENTICATED_DEVICE_EXISTS": "authenticatedDeviceAlreadyExists",
    "SEQUENCE_ERROR": "registrationSequenceError",
    "KEEPALIVE_TIMEOUT": "keepAliveTimeout",
    "CALLMANAGER_RESTART": "callManagerRestart",
    "APPLY_CONFIG": "callManagerApplyConfig",
    "CALLMANAGER_FORCED_RESTART": "callManagerForcedRestart",
    "SOURCE_ADDRESS_CHANGED": "sourceIPAddrChanged",
}


def vendor_word(reason: RegisterFailure | UnregisterReason) -> str:
    """Return the vendor's name of a reason: `keepAliveTimeout` (REFERENCE-3 4.6)."""
    known = _VENDOR_WORDS.get(reason.name)
    if known is not None:
        return known
    first, *more = reason.name.lower().split("_")
    return first + "".join(word.capitalize() for word in more)


def reason_word(code: int, *, is_failure: bool) -> str:
    """Return the vendor's name of a number; `unknown` for one that is not known."""
    try:
        return vendor_word(
            RegisterFailure(code) if is_failure else UnregisterReason(code)
        )
    except ValueError:
        return "unknown"


@unique
class Signalling(StrEnum):
    """The protocol that a device registers with."""

    SCCP = "SCCP"
    SIP = "SIP"


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """The cluster's record of a device.

    Attributes:
        device: Its name.
        signalling: What it speaks; None: whatever it registers with, as phones that
            register by themselves.
        security_mode: What its security profile asks for.
        profile_name: The profile's name, which a certificate's SAN may hold instead of
            the device's name in its CN.
        device_types: The vendor's numbers of its model; empty where it is not known.
        digest: What its SIP requests have to prove; None: nothing.
    """

    device: str
    signalling: Signalling | None
    security_mode: DeviceSecurity = DeviceSecurity.NON_SECURE
    profile_name: str = ""
    device_types: Collection[int] = ()
    digest: DigestAccount | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The contents of a phone's REGISTER.

    Attributes:
        device: The name of the device.
        signalling: The protocol of the message.
        device_type: The vendor's number of the model, 0 where it is not said.
    """

    device: str
    signalling: Signalling
    device_type: int = 0


@dataclass(frozen=True, slots=True)
class Peer:
    """The connection's known properties.

    Attributes:
        cipher: The name of the TLS cipher, None in clear.
        common_name: Of the client's certificate, which TLS has verified; None where it
            showed none.
        alternative_names: The DNS names of that certificate.
    """

    cipher: str | None = None
    common_name: str | None = None
    alternative_names: Collection[str] = ()

    @property
    def is_secure(self) -> bool:
        """Return whether TLS is spoken."""
        return self.cipher is not None


def why_refused(
    profile: DeviceProfile | None, claim: Claim, peer: Peer
) -> RegisterFailure | None:
    """Return why a claim is refused, None when the phone may register."""
    if profile is None:
        return RegisterFailure.NO_ENTRY_IN_DATABASE
    if profile.signalling not in {None, claim.signalling}:
        return RegisterFailure.PROTOCOL_MISMATCH
    types = profile.device_types
    if claim.device_type and types and claim.device_type not in types:
        return RegisterFailure.DEVICE_TYPE_MISMATCH
    is_secure_device = profile.security_mode is not DeviceSecurity.NON_SECURE
    if peer.is_secure is not is_secure_device:
        return RegisterFailure.SECURITY_MISMATCH
    return _why_not_this_peer(profile, peer) if is_secure_device else None


def _why_not_this_peer(profile: DeviceProfile, peer: Peer) -> RegisterFailure | None:
    """Check a secure device's certificate and cipher, in the order of the trace."""
    if peer.common_name is None:
        return RegisterFailure.AUTHENTICATION_ERROR
    # The CN first; only when it differs are the SANs looked at (REFERENCE-3 4.7).
    if device_in(peer.common_name) != profile.device:
        profile_name = profile.profile_name
        if not profile_name or profile_name not in peer.alternative_names:
            return RegisterFailure.INVALID_X509_NAME
    is_encrypting = peer.cipher is not None and not is_null_cipher(peer.cipher)
    if profile.security_mode is DeviceSecurity.ENCRYPTED and not is_encrypting:
        return RegisterFailure.INVALID_TLS_CIPHER
    return None


def is_null_cipher(name: str) -> bool:
    """Return whether a cipher protects integrity only (OpenSSL's names)."""
    return "NULL" in name.split("-")


def directory_number(device: str) -> str:
    """Return a phone's directory number: eight digits made from its MAC address.

    The vendor numbers phones that register by themselves in the order in which they
    come; here server and phone know a number without a row in the database.
    """
    digits = "".join(each for each in device[-6:] if each in "0123456789ABCDEF")
    return f"{int(digits or '0', 16):08}"
