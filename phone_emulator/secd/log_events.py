"""Events of the phone log, without the words of any model."""

from enum import StrEnum, unique

import msgspec


@unique
class LogEvent(StrEnum):
    """Something worth a line in the console log; `console_log` has the texts."""

    POWER_ON = "power-on"
    UNREADABLE_LIST = "unreadable-list"
    FETCH = "fetch"
    FETCHED = "fetched"
    NOT_FOUND = "not-found"
    DOWNLOAD_FAILED = "download-failed"
    UNCHANGED = "unchanged"
    LEAP_OF_FAITH = "leap-of-faith"
    SIGNER_UNKNOWN = "signer-unknown"
    TVS_UNAVAILABLE = "tvs-unavailable"
    TVS_CACHE_MISS = "tvs-cache-miss"
    TVS_CACHE_HIT = "tvs-cache-hit"
    TVS_CONNECT = "tvs-connect"
    TVS_NOT_CONNECTED = "tvs-not-connected"
    TVS_HANDSHAKE_FAILED = "tvs-handshake-failed"
    TVS_NO_ANSWER = "tvs-no-answer"
    TVS_ANSWERED = "tvs-answered"
    TVS_CACHED = "tvs-cached"
    VERIFIED = "verified"
    """A list, by the key of an installed one."""
    VERIFIED_BY_TVS = "verified-by-tvs"
    """A list, too."""
    UPDATED = "updated"
    REFUSED = "refused"
    FLUSH = "flush"
    TFTP_NOT_AUTHORISED = "tftp-not-authorised"
    CONFIGURATION_VERIFIED = "configuration-verified"
    CONFIGURATION_ACCEPTED = "configuration-accepted"
    """Accepted, whether or not it had to be signed."""
    CACHED_CONFIGURATION = "cached-configuration"
    ENCRYPTED_CONFIGURATION = "encrypted-configuration"
    """The small file says that the whole one is encrypted."""
    CONFIGURATION_DECRYPTED = "configuration-decrypted"
    NOT_DECRYPTED = "not-decrypted"
    CAPF_BEGIN = "capf-begin"
    CAPF_END = "capf-end"
    CAPF_FAILED = "capf-failed"
    CAPF_WAITS = "capf-waits"
    """Nothing happens until a person types the authentication string."""
    BOOTED = "booted"
    REGISTERING = "registering"
    REGISTERED = "registered"
    SERVER_NOT_TRUSTED = "server-not-trusted"
    """CallManager's certificate is no CCM record of the list that counts."""
    OWN_CERTIFICATE_REFUSED = "own-certificate-refused"
    NOT_REGISTERED = "not-registered"
    OUT_OF_SERVICE = "out-of-service"
    RESET_ORDERED = "reset-ordered"


class LogEntry(msgspec.Struct, frozen=True):
    """A moment with what the texts about it may name."""

    moment: LogEvent
    at: float
    """Unix seconds."""
    details: dict[str, str]
