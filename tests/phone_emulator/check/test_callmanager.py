"""What `check` says of CallManagers' secure ports: certificates, versions, silence."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.phone_emulator.check.observed import observation
from tests.phone_emulator.check.test_findings import MIXED, MODELS, PLAIN, nodes
from tokenless.phone_emulator.check.findings.callmanager import (
    answer_to,
    callmanager_findings,
)
from tokenless.phone_emulator.check.findings.finding import Severity
from tokenless.phone_emulator.check.inspect import inspect, to_json
from tokenless.phone_emulator.check.observing.callmanager import NOT_ASKED
from tokenless.phone_emulator.check.observing.observation import (
    CallManagerView,
    Observation,
)
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Role
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import TlsVersion
from tokenless.protocol.phones.registration import Signalling

SEEN = observation(nodes(MIXED))
WHERE = Server("10.0.0.1", 2443)


def listed() -> Certificate:
    """Return the publisher's CallManager, as the CTL has it."""
    ctl = SEEN.nodes[0].ctl
    assert ctl is not None
    (der, *_) = (r.certificate_der for r in ctl.records if r.role == Role.CCM_TFTP)
    assert der is not None
    return Certificate.decode(der)


def view(
    certificate: Certificate | None,
    models: Mapping[str, bool] | None = None,
    reason: str | None = None,
) -> CallManagerView:
    versions: tuple[TlsVersion, ...] = () if certificate is None else ("1.0", "1.2")
    return CallManagerView(
        "cucm-pub",
        WHERE,
        Signalling.SCCP,
        certificate,
        versions,
        models or {},
        reason,
    )


def seen_with(each: CallManagerView) -> Observation:
    return replace(SEEN, callmanagers=(each,))


def stranger() -> Certificate:
    """Return a certificate that no list has as CallManager's: TVS's."""
    itl = SEEN.nodes[0].itl
    assert itl is not None
    (der, *_) = (r.certificate_der for r in itl.records if r.role == Role.TVS)
    assert der is not None
    return Certificate.decode(der)


def test_a_listed_one_is_no_finding() -> None:
    seen = seen_with(view(listed(), {"7975": True}))
    assert list(callmanager_findings(seen)) == []
    assert answer_to(seen.callmanagers[0], "7975", seen.nodes) == "registers"


def test_one_that_no_ctl_lists_is_an_error() -> None:
    each = view(stranger(), {"7975": True})
    twice = replace(seen_with(each), callmanagers=(each, each))
    (found,) = callmanager_findings(twice)
    assert (found.code, found.severity) == ("callmanager-unlisted", Severity.ERROR)
    assert found.where == "CallManager cucm-pub"
    assert "the CTL of cucm-pub, the CTL of cucm-sub1" in found.message
    assert answer_to(each, "7975", SEEN.nodes) == "not-in-ctl"
    whole = to_json(twice, inspect(twice, MODELS))
    assert whole["ok"] is False
    assert whole["callmanagers"][0]["models"] == {"7975": "not-in-ctl"}


@pytest.mark.parametrize(
    ("model", "code"), [("7975", "no-common-cipher"), ("Jabber", "no-common-cipher")]
)
def test_a_model_that_is_shut_out_is_named(model: str, code: str) -> None:
    each = view(listed(), {model: False})
    (found,) = callmanager_findings(seen_with(each))
    assert found.code == "callmanager-tls"
    assert f"a {model} has no TLS version and cipher in common" in found.message
    assert answer_to(each, model, SEEN.nodes) == code


def test_a_version_that_nobody_has_in_common() -> None:
    each = replace(view(listed(), {"7975": False}), versions=("1.2",))
    assert answer_to(each, "7975", SEEN.nodes) == "no-common-tls-version"


def test_silence_is_told_and_what_was_not_asked_stands_in_the_table() -> None:
    (found,) = callmanager_findings(seen_with(view(None, reason="Connection refused")))
    assert found.code == "callmanager-unreachable"
    assert "TCP 2443" in found.advice
    quiet = view(None, reason=NOT_ASKED)
    assert list(callmanager_findings(seen_with(quiet))) == []
    assert answer_to(quiet, "7975", SEEN.nodes) == "not-asked"


def test_without_mixed_mode_no_list_names_a_callmanager() -> None:
    plain = observation(nodes(PLAIN))
    assert plain.callmanagers == ()


def encrypted() -> Observation:
    """Return a cluster whose phone has the small file of an encrypted one."""
    those = nodes(MIXED)
    for each in those.values():
        each.configuration = PhoneConfig(encrypted=True)
    return observation(those)


def test_of_an_encrypted_configuration_those_of_the_lists_are_looked_at() -> None:
    seen = replace(encrypted(), callmanagers=(view(stranger(), {"7975": True}),))
    guess, unlisted = callmanager_findings(seen)
    assert (guess.code, guess.severity) == ("callmanager-guessed", Severity.NOTE)
    assert "lists CallManagers is encrypted" in guess.message
    assert unlisted.code == "callmanager-unlisted"


def test_of_a_configuration_without_any_those_of_the_lists_are_looked_at() -> None:
    """XMLDefault has none without auto-registration: nothing was looked at or said."""
    those = nodes(MIXED)
    for each in those.values():
        each.configuration = PhoneConfig()
    seen = replace(observation(those), callmanagers=(view(stranger()),))
    guess, unlisted = callmanager_findings(seen)
    assert (guess.code, guess.severity) == ("callmanager-guessed", Severity.NOTE)
    assert guess.message.startswith("no configuration lists CallManagers; ")
    assert unlisted.code == "callmanager-unlisted"


def test_a_guess_that_nobody_answers_is_no_fault_of_the_cluster() -> None:
    seen = replace(encrypted(), callmanagers=(view(None, reason="Connection refused"),))
    _, unseen = callmanager_findings(seen)
    assert (unseen.code, unseen.severity) == ("callmanager-not-asked", Severity.WARNING)
    assert "at 2443: Connection refused" in unseen.message


def test_lists_without_an_address_leave_nothing_to_look_at() -> None:
    (found,) = callmanager_findings(encrypted())
    assert (found.code, found.severity) == ("callmanager-not-asked", Severity.WARNING)
    assert "no secure port was looked at" in found.message
