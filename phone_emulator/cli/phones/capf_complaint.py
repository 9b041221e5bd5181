"""What to say of a phone for which CAPF changed nothing."""

from collections.abc import Mapping
from typing import Any, Final

from tokenless.phone_emulator.capf_client import CapfResult
from tokenless.phone_emulator.secd.report import BootReport

_ORDER: Final = "order one with `tokenless device set {device} --capf install`"
_AGAIN: Final = (
    "a wrong string ends the operation: order it again with `tokenless device set "
    "{device} --capf install --auth string --string DIGITS`"
)
_NOT_PROVEN: Final = (
    "CAPF declined: the phone's certificate is missing or not trusted",
    "order it with another `--auth` of `tokenless device set {device} --capf install`",
)
"""What is said instead of a wrong string where a certificate was asked for."""
_PROVES: Final = frozenset({"existing-lsc", "existing-mic"})
_TYPE: Final = (
    "type the authentication string with `tokenless phone capf --flash DIR --string "
    "DIGITS --tftp HOST`"
)
_BOOT: Final = (
    "CAPF gave it a certificate, but the server encrypts for another certificate: boot "
    "the phone again when the server has its file of now"
)
_CHECK: Final = (
    "check that Cisco Certificate Authority Proxy Function runs there, then type the "
    "string again"
)
_SAID: Final[Mapping[CapfResult, tuple[str, str]]] = {
    CapfResult.NO_ACTION: ("CAPF has nothing to do for the phone", _ORDER),
    CapfResult.DECLINED: (
        "CAPF declined: the string is wrong, or it takes no string now",
        _AGAIN,
    ),
    CapfResult.UNKNOWN_DEVICE: (
        "CAPF does not know the phone",
        "add it with `tokenless device set {device} --pool POOL --model MODEL`",
    ),
    CapfResult.LATER: ("CAPF is busy", "type the string again later"),
    CapfResult.UNTRUSTED: (
        "the phone does not trust the CAPF server",
        "give the phone a list that has the certificate that CAPF shows, and boot it",
    ),
    CapfResult.CONNECT_FAILED: ("CAPF could not be reached", _CHECK),
    CapfResult.LOST: ("the connection to CAPF was lost", _CHECK),
    CapfResult.TIMEOUT: ("CAPF did not answer in time", _CHECK),
}
"""What happened and what to do, for each result that changes nothing."""


def capf_complaint(report: BootReport) -> str:
    """Return one line with the fault and the remedy."""
    if report.capf is None:
        fault = "its configuration orders no operation of CAPF"
        return f"{report.device}: {fault}; {_ORDER.format(device=report.device)}"
    return f"{report.device}: {_of(report.capf, report.device)}"


def no_certificate_advice(report: BootReport) -> str:
    """Return what helps a phone that cannot decrypt its configuration."""
    result = None if report.capf is None else report.capf["result"]
    if report.capf is None or result == CapfResult.DELETED:
        return _ORDER.format(device=report.device)
    if result == CapfResult.INSTALLED:
        return _BOOT
    if result not in _SAID:
        return _TYPE
    return _of(report.capf, report.device)


def _of(capf: Mapping[str, Any], device: str) -> str:
    result = CapfResult(capf["result"])
    fault, advice = _SAID[result]
    if result is CapfResult.DECLINED and capf.get("mode") in _PROVES:
        fault, advice = _NOT_PROVEN
    details = ": ".join(filter(None, (capf["server"], capf["reason"])))
    shown = f" ({details})" if details else ""
    return f"{fault}{shown}; {advice.format(device=device)}"
