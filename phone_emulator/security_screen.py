"""Security Configuration screen of a phone: mode, MIC, LSC, CAPF (REFERENCE-3 3.6).

    Settings > Security Configuration > MIC, LSC > Update

The menu's names are those of a 7975; what stands in a line beside `Installed` is ours.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.own_certificates import OwnCertificates
from tokenless.protocol.capf.proof import OwnCertificate
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import common_name_of
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.configuration import PhoneConfig

INSTALLED: Final = "Installed"
NOT_INSTALLED: Final = "Not Installed"
DAMAGED: Final = "Damaged"
_MODES: Final = {1: "Non-Secure", 2: "Authenticated", 3: "Encrypted"}
_WAITS: Final = "waits-for-string"


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate of the phone, or what stands on the screen without one."""

    words: str
    certificate: Certificate | None = None

    def describe(self) -> dict[str, Any]:
        """Return it for JSON."""
        own = self.certificate
        if own is None:
            return {"state": self.words}
        return {
            "state": self.words,
            "subject": printable(own.subject_text),
            "issuer": printable(own.issuer_text),
            "serial": own.serial_hex,
            "not_after": own.not_after.isoformat(),
            "md5": own.md5,
        }


def kept(certificates: OwnCertificates) -> tuple[Kept, Kept]:
    """Return the phone's MIC and LSC; a damaged file counts as none."""
    return _kept(lambda: certificates.mic), _kept(lambda: certificates.lsc)


def _kept(load: Callable[[], OwnCertificate | None]) -> Kept:
    try:
        own = load()
    except PhoneError:
        return Kept(DAMAGED)
    return Kept(NOT_INSTALLED) if own is None else Kept(INSTALLED, own.certificate)


def security_lines(
    certificates: OwnCertificates,
    configuration: bytes | None,
    report: Mapping[str, Any],
    now: float,
) -> Iterator[str]:
    """Return the lines of the screen.

    Args:
        certificates: The phone's own.
        configuration: The one that it accepted last.
        report: Its last boot, as `phone boot --json` tells it.
        now: Unix seconds.
    """
    yield f"Security Mode  {_mode(configuration)}"
    for name, each in zip(("MIC", "LSC"), kept(certificates), strict=True):
        yield f"{name:14} {each.words}"
        if each.certificate is not None:
            yield from _details(each.certificate, now)
    yield from _capf_lines(report.get("capf"))


def _mode(configuration: bytes | None) -> str:
    try:
        config = PhoneConfig.decode(configuration) if configuration else PhoneConfig()
    except DecodeError:
        return "unknown"
    return _MODES.get(config.security_mode, str(config.security_mode))


def _details(own: Certificate, now: float) -> Iterator[str]:
    issuer = common_name_of(own.issuer_text) or own.issuer_text
    is_over = own.not_after < datetime.fromtimestamp(now, UTC)
    until = f"{own.not_after.astimezone(UTC):%Y-%m-%d}"
    yield f"  by {printable(issuer)}, {'expired' if is_over else 'until'} {until}"


def _capf_lines(capf: Mapping[str, Any] | None) -> Iterator[str]:
    """Return the result of CAPF at the last boot; nothing when there was none."""
    if capf is None:
        return
    if capf["result"] == _WAITS:
        yield "LSC > Update   waits for the authentication string"
        return
    yield f"CAPF           {printable(str(capf['result']))}"
    if capf["reason"]:
        yield f"  {printable(str(capf['reason']))}"
