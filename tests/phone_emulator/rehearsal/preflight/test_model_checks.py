"""Settings against what the phones' models can do."""

from typing import Any

from tests.phone_emulator.rehearsal.preflight.subjects import (
    SHA512,
    found,
    script,
    subject,
)
from tokenless.phone_emulator.rehearsal.preflight.checks import all_checks
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    Outcome,
    PreflightCode,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Group
from tokenless.protocol.release import Release


def test_models_that_nobody_told_pass_no_check() -> None:
    """Without an export of the phones, the models are examples."""
    examples = script(groups=(Group(name="g", model="8861"),), **SHA512)
    more: dict[str, Any] = {"ecdsa_only": True, "key_bits": 4096, "tls_minimum": "1.2"}
    checks = all_checks(subject(examples, target=Release.parse("15SU3"), **more))
    assert found(checks) == dict.fromkeys(
        (
            *("key-size", "tls-minimum", "cipher-suites", "ecdsa-only"),
            *("file-signature", "goal-after-upgrade"),
        ),
        Outcome.NOT_TOLD,
    )
    old = script(groups=(Group(name="g", model="7965"),))
    said = [c.message for c in all_checks(subject(old, tls_minimum="1.2"))]
    assert "7965 cannot use TLS 1.2 or later" in said
    assert "whether other models can use TLS 1.2 or later is not known" in said


def test_the_words_of_models() -> None:
    """Jabber has TLS 1.2 and 1.3 only: a minimum of 1.0 shuts it out as little."""
    jabber = script(("Jabber", "7965"))
    said = [c.message for c in all_checks(subject(jabber, tls_minimum="1.0"))]
    assert "every model can use TLS 1.0 or later" in said
    left_out = subject(script(unknown_models=("3905",)), tls_minimum="1.2")
    said = [c.message for c in all_checks(left_out)]
    assert "whether 3905 can use TLS 1.2 or later is not known" in said
    upgrade = subject(jabber, target=Release.parse("15SU3"))
    said = [c.message for c in all_checks(upgrade)]
    assert "10 7965 cannot use a TLS version after 1.0" in said


def test_new_settings_suit_new_phones() -> None:
    settings: dict[str, Any] = {"sha512": True, "ecdsa_only": True}
    settings |= {"tls_minimum": "1.2", "key_bits": 4096}
    upgrade = {"target": Release.parse("15SU3")}
    checks = all_checks(subject(script(("8861", "7841")), **settings, **upgrade))
    # Exports of phones do not tell the firmware, which decides on TLS 1.2.
    after = {"goal-after-upgrade": Outcome.NOT_TOLD}
    assert found(checks) == {"tls-minimum": Outcome.NOT_TOLD, **after}
    (tls,) = [each for each in checks if each.code is PreflightCode.TLS]
    assert "8861, 7841 (from 12.0 on)" in tls.message
    new = all_checks(subject(script(("9851",)), **settings, **upgrade))
    assert found(new) == after
    assert {check.code.value for check in checks} >= {
        *("file-signature", "ecdsa-only", "tls-minimum", "cipher-suites", "key-size")
    }


def test_phones_that_cannot_verify_the_lists_are_not_called_safe() -> None:
    old = (Group(name="old", model="7975", count=3), *script().groups)
    checks = all_checks(subject(script(groups=old, **SHA512)))
    (goal,) = [each for each in checks if each.code is PreflightCode.GOAL]
    assert goal.message.startswith("no phone that can verify the lists is locked out")
    assert found(checks) == {"file-signature": Outcome.ERROR}


def test_releases_before_12_sign_with_sha1() -> None:
    before: dict[str, Any] = {"cluster": {"cluster": {"version": "11.5(1)"}}}
    assert "file-signature" not in found(all_checks(subject(script(**before))))
