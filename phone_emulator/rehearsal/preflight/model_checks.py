"""The checks of settings and keys against what phone models can do.

What a model can do is in `protocol.phones.features`; what is not known of one is told
as such, and never counted as well.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tokenless.phone_emulator.rehearsal.preflight.cluster import Preflight
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    Check,
    Outcome,
    not_told,
    problem,
    well,
)
from tokenless.phone_emulator.rehearsal.preflight.findings import PreflightCode as Code
from tokenless.protocol.phones.features import ModelFeatures, find_features
from tokenless.protocol.phones.models import TLS_VERSIONS
from tokenless.protocol.release import Release

_STRONGER_SUITE: Final = Release(15, 0, 0, 3)
"""From here RSA key exchange needs a stronger suite beside it (REFERENCE-2 7)."""
TELL_TLS: Final = "give --tls-minimum, as `show tls min-version` prints it"
TELL_DIGEST: Final = "import a list as a .tlv file, or give --file-signature"
TELL_MODELS: Final = "import with --phones"
_TELL_FIRMWARE: Final = "compare Active Load of Device > Phone (ActiveLoadID of RIS)"
_TRY_ONE: Final = "try one phone of each in the lab"
_SHA1_ONLY: Final = frozenset({"SHA-1", "CTL, SHA-1"})

Judge = Callable[[ModelFeatures], bool | None]
"""Tells whether a model can do something; None: not known."""


def check_key_sizes(subject: Preflight) -> Iterator[Check]:
    """Compare the size of new keys with what phones use and what models take."""
    bits = subject.key_bits
    if any(each.bits and each.bits >= bits for each in subject.of_unit("CallManager")):
        words = f"phones use keys of {bits} bits or more already"
        yield well(Code.KEY_SIZE, words)
        return

    def takes(model: ModelFeatures) -> bool | None:
        largest = model.rsa.value if model.rsa.is_known else ""
        return int(largest) >= bits if largest.isdigit() else None

    yield from _compare(subject, Code.KEY_SIZE, f"take {bits}-bit keys", takes)


def check_tls(subject: Preflight) -> Iterator[Check]:
    """Compare the oldest TLS version of the cluster with those of models."""
    minimum = subject.tls_minimum
    if minimum is None:
        words = "the oldest TLS version that the cluster accepts is not known"
        yield not_told(Code.TLS, words, TELL_TLS)
        return
    wanted = TLS_VERSIONS.index(minimum)
    if wanted == 0:
        yield well(Code.TLS, f"every model can use TLS {minimum} or later")
        return

    def has_it(model: ModelFeatures) -> bool | None:
        if model.tls.value not in TLS_VERSIONS:
            return None
        return TLS_VERSIONS.index(model.tls.value) >= wanted

    what = f"use TLS {minimum} or later"
    checks = list(_compare(subject, Code.TLS, what, has_it))
    old = list(_by_firmware(subject, has_it))
    if old:  # an export names models, and not what runs on them
        words = f"whether {', '.join(old)} can {what} depends on firmware"
        checks = [each for each in checks if each.outcome is not Outcome.OK]
        checks.append(not_told(Code.TLS, words, _TELL_FIRMWARE))
    yield from checks


def _by_firmware(subject: Preflight, has_it: Judge) -> Iterator[str]:
    """Yield the models that have a version from some firmware on, with the firmware."""
    firmware: dict[str, list[str]] = {}
    for model in subject.models():
        known = find_features(model)
        if known is not None and known.tls_since and has_it(known):
            firmware.setdefault(known.tls_since, []).append(model)
    for since, models in firmware.items():
        yield f"{', '.join(models)} (from {since} on)"


def check_suites(subject: Preflight) -> Iterator[Check]:
    """Tell which models offer RSA key exchange only, before an upgrade to 15SU3."""
    if subject.target is None or subject.target < _STRONGER_SUITE:
        return

    def has_stronger(model: ModelFeatures) -> bool | None:
        if model.tls.value not in TLS_VERSIONS:
            return None
        return model.tls.value != TLS_VERSIONS[0]

    what = "use a TLS version after 1.0"
    yield from _compare(subject, Code.SUITES, what, has_stronger, is_error=False)


def check_ecdsa(subject: Preflight) -> Iterator[Check]:
    """Tell which models cannot use ECDSA suites, where only these stay."""
    if not subject.ecdsa_only:
        return

    def has_ecdsa(model: ModelFeatures) -> bool | None:
        return {"yes": True, "no": False}.get(model.ec.value)

    yield from _compare(subject, Code.ECDSA, "use ECDSA suites", has_ecdsa)


def check_digests(subject: Preflight) -> Iterator[Check]:
    """Compare the TFTP File Signature Algorithm with what models verify."""
    wants = subject.signs_with_sha512
    if wants is None:
        words = "the digest of signed files is not known"
        yield not_told(Code.DIGEST, words, TELL_DIGEST)
        return
    if not wants:
        yield well(Code.DIGEST, "files are signed with SHA-1, which suits every model")
        return

    def verifies(model: ModelFeatures) -> bool | None:
        match model.signatures.value:
            case "SHA-2" | "none":
                return True
            case value if value in _SHA1_ONLY:
                return False
            case _:
                return None

    what = "verify SHA-512 signatures of files"
    yield from _compare(subject, Code.DIGEST, what, verifies)


def _compare(
    subject: Preflight, code: Code, what: str, judge: Judge, *, is_error: bool = True
) -> Iterator[Check]:
    """Ask of each model whether it can do something.

    Where no export of the phones was imported, a model that cannot is told, but nothing
    is well: the models are examples.
    """
    without: list[str] = []
    unknown = list(subject.script.unknown_models)
    for model, count in subject.models().items():
        known = find_features(model)
        can = None if known is None else judge(known)
        if can is None:
            unknown.append(model)
        elif not can:
            without.append(f"{count} {model}" if count else model)
    if without:
        words = f"{', '.join(without)} cannot {what}"
        yield problem(code, words, is_error=is_error)
    if unknown:
        words = f"whether {', '.join(unknown)} can {what} is not known"
        yield not_told(code, words, _TRY_ONE)
    if not subject.knows_models:
        words = f"whether other models can {what} is not known"
        yield not_told(code, words, TELL_MODELS)
    elif not (without or unknown):
        yield well(code, f"every model can {what}")
