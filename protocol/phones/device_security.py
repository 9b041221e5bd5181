"""Security settings of a phone, and CAPF operations on it (REFERENCE-3 3.6).

Numbers are those of the vendor's database and of configurations where they are known:
deviceSecurityMode, transportLayerProtocol, capfAuthMode, operation 2, status 2. The
others are inferred. Words are those of the vendor's pages (REFERENCE-5 4.4).
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.capf.elements import KeyType


@unique
class DeviceSecurity(IntEnum):
    """Device Security Mode of a profile."""

    NON_SECURE = 1
    AUTHENTICATED = 2
    ENCRYPTED = 3

    @property
    def words(self) -> str:
        """The text of the vendor's page."""
        return _MODES[self]


@unique
class DeviceTransport(IntEnum):
    """Transport Type of a profile (transportLayerProtocol)."""

    TCP = 1
    UDP = 2
    TLS = 3


@unique
class CapfOperation(IntEnum):
    """Certificate Operation of a phone."""

    NONE = 1
    INSTALL = 2
    DELETE = 3
    TROUBLESHOOT = 4

    @property
    def words(self) -> str:
        """The text of the vendor's page."""
        return _OPERATIONS[self]


@unique
class CapfStatus(IntEnum):
    """Certificate Operation Status of a phone."""

    NONE = 1
    PENDING = 2
    UPGRADE_SUCCESS = 3
    DELETE_SUCCESS = 4
    TROUBLESHOOT_SUCCESS = 5
    UPGRADE_FAILED = 6
    DELETE_FAILED = 7
    TROUBLESHOOT_FAILED = 8


@unique
class CapfFailure(IntEnum):
    """Reasons for a failed operation."""

    INVALID_LSC = 1
    INVALID_STRING = 2
    INVALID_MIC = 3
    INVALID_CREDENTIALS = 4
    PHONE_COMMUNICATION = 5
    KEY_GENERATION = 6
    CA_COMMUNICATION = 7
    LATE = 9


@unique
class CapfAuthMode(IntEnum):
    """Authentication Mode: capfAuthMode of a configuration. 0 is nothing pending."""

    STRING = 1
    NULL_STRING = 2
    EXISTING_LSC = 3
    EXISTING_MIC = 4

    @property
    def words(self) -> str:
        """The text of the vendor's page."""
        return _AUTH_MODES[self]


# The words of commands, CSV files and rehearsals.
SECURITY_MODES: Final = {
    "non-secure": DeviceSecurity.NON_SECURE,
    "authenticated": DeviceSecurity.AUTHENTICATED,
    "encrypted": DeviceSecurity.ENCRYPTED,
}
CAPF_OPERATIONS: Final = {
    "none": CapfOperation.NONE,
    "install": CapfOperation.INSTALL,
    "delete": CapfOperation.DELETE,
    "troubleshoot": CapfOperation.TROUBLESHOOT,
}
CAPF_AUTH_MODES: Final = {
    "string": CapfAuthMode.STRING,
    "null-string": CapfAuthMode.NULL_STRING,
    "lsc": CapfAuthMode.EXISTING_LSC,
    "mic": CapfAuthMode.EXISTING_MIC,
}
NOTHING_PENDING: Final = 0
"""capfAuthMode while there is nothing to do."""

_MODES: Final = {
    DeviceSecurity.NON_SECURE: "Non Secure",
    DeviceSecurity.AUTHENTICATED: "Authenticated",
    DeviceSecurity.ENCRYPTED: "Encrypted",
}
_OPERATIONS: Final = {
    CapfOperation.NONE: "No Pending Operation",
    CapfOperation.INSTALL: "Install/Upgrade",
    CapfOperation.DELETE: "Delete",
    CapfOperation.TROUBLESHOOT: "Troubleshoot",
}
_AUTH_MODES: Final = {
    CapfAuthMode.STRING: "By Authentication String",
    CapfAuthMode.NULL_STRING: "By Null String",
    CapfAuthMode.EXISTING_LSC: "By Existing Certificate (precedence to LSC)",
    CapfAuthMode.EXISTING_MIC: "By Existing Certificate (precedence to MIC)",
}
_STATUSES: Final = {
    CapfStatus.NONE: "None",
    CapfStatus.PENDING: "Operation Pending",
    CapfStatus.UPGRADE_SUCCESS: "Upgrade Success",
    CapfStatus.DELETE_SUCCESS: "Delete Success",
    CapfStatus.TROUBLESHOOT_SUCCESS: "Troubleshoot Success",
    CapfStatus.UPGRADE_FAILED: "Upgrade Failed",
    CapfStatus.DELETE_FAILED: "Delete Failed",
    CapfStatus.TROUBLESHOOT_FAILED: "Troubleshoot Failed",
}
_FAILURES: Final = {
    CapfFailure.INVALID_LSC: "Invalid LSC",
    CapfFailure.INVALID_STRING: "Invalid Authentication String",
    CapfFailure.INVALID_MIC: "Invalid MIC",
    CapfFailure.INVALID_CREDENTIALS: "Invalid Credentials",
    CapfFailure.PHONE_COMMUNICATION: "Phone Communication Failure",
    CapfFailure.KEY_GENERATION: "Key Generation Failed/Timeout",
    CapfFailure.CA_COMMUNICATION: "CA Communication Failure",
    CapfFailure.LATE: "User Initiated Request Late/Timedout",
}
_SUCCEEDED: Final = {
    CapfOperation.INSTALL: CapfStatus.UPGRADE_SUCCESS,
    CapfOperation.DELETE: CapfStatus.DELETE_SUCCESS,
    CapfOperation.TROUBLESHOOT: CapfStatus.TROUBLESHOOT_SUCCESS,
}
_FAILED: Final = {
    CapfOperation.INSTALL: CapfStatus.UPGRADE_FAILED,
    CapfOperation.DELETE: CapfStatus.DELETE_FAILED,
    CapfOperation.TROUBLESHOOT: CapfStatus.TROUBLESHOOT_FAILED,
}


@dataclass(frozen=True, slots=True)
class Capf:
    """A CAPF operation for a phone, and its result."""

    operation: CapfOperation = CapfOperation.NONE
    auth_mode: CapfAuthMode = CapfAuthMode.NULL_STRING
    string: str = ""
    key_type: KeyType = KeyType.RSA
    key_size: int = 2048
    finish_by: int = 0
    """Unix seconds; 0 without an operation."""
    status: CapfStatus = CapfStatus.NONE
    failure: CapfFailure | None = None

    @property
    def config_mode(self) -> int:
        """Return capfAuthMode of the phone's configuration."""
        pending = self.operation is not CapfOperation.NONE
        return int(self.auth_mode) if pending else NOTHING_PENDING

    @property
    def status_words(self) -> str:
        """Return the status as the vendor's page has it."""
        words = _STATUSES[self.status]
        return words if self.failure is None else f"{words}: {_FAILURES[self.failure]}"


NOTHING_SCHEDULED: Final = Capf()
"""Of a phone that CAPF was never to do anything with."""


def outcome_of(operation: CapfOperation, *, succeeded: bool) -> CapfStatus:
    """Return the status of an operation that is over."""
    if operation is CapfOperation.NONE:
        return CapfStatus.NONE
    return (_SUCCEEDED if succeeded else _FAILED)[operation]


def profile_name(
    model: str, protocol: str, mode: DeviceSecurity, *, encrypts_config: bool
) -> str:
    """Return the name of the profile that has these settings.

    `Cisco 7975 - Standard SCCP Non-Secure Profile` is the vendor's pattern; the others
    are made like it (inferred).
    """
    kind = {
        DeviceSecurity.NON_SECURE: "Non-Secure",
        DeviceSecurity.AUTHENTICATED: "Authenticated",
        DeviceSecurity.ENCRYPTED: "Encrypted",
    }[mode]
    extra = " with Encrypted Config" if encrypts_config else ""
    return f"Cisco {model} - Standard {protocol} {kind} Profile{extra}"
