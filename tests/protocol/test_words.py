"""Codes, models and errors as people read them."""

import pytest

from tokenless.protocol.codes import Role, TrustStore, role_name, role_text
from tokenless.protocol.errors import DecodeError, TokenlessError
from tokenless.protocol.phones.models import PHONE_MODELS


@pytest.mark.parametrize(
    ("code", "text", "name"),
    [
        (Role.SAST, "System Administrator Security Token", "SAST"),
        (Role.CALLMANAGER, "CCM", "CCM"),
        (Role.CCM_TFTP, "CCM+TFTP", "CCM+TFTP"),
        (Role.TVS, "TVS", "TVS"),
        (77, "77", "77"),
    ],
)
def test_roles_known_and_unknown(code: int, text: str, name: str) -> None:
    assert (role_text(code), role_name(code)) == (text, name)


def test_what_tvs_answers_for_a_store() -> None:
    """REFERENCE 1.12, observed."""
    assert TrustStore.CALLMANAGER.roles == (Role.CCM_TFTP, Role.SAST)
    assert TrustStore.PHONE_SAST_TRUST.roles == (Role.SAST, Role.TFTP)
    assert TrustStore.CALLMANAGER_TRUST.roles == ()
    assert all(role in set(Role) for store in TrustStore for role in store.roles)


def test_own_units_are_no_trust_stores() -> None:
    own = {store for store in TrustStore if not store.is_trust_store}
    assert own == {
        TrustStore.CALLMANAGER,
        TrustStore.TVS,
        TrustStore.CAPF,
        TrustStore.ITLRECOVERY,
        TrustStore.TOMCAT,
        TrustStore.IPSEC,
        TrustStore.CALLMANAGER_ECDSA,
        TrustStore.TOMCAT_ECDSA,
    }


@pytest.mark.parametrize(
    ("model", "lists"),
    [("7960", ("CTLFile.tlv",)), ("7975", ("CTLFile.tlv", "ITLFile.tlv"))],
)
def test_old_models_have_no_itl(model: str, lists: tuple[str, ...]) -> None:
    assert PHONE_MODELS[model].trust_lists == lists


def test_errors_say_what_to_do() -> None:
    assert TokenlessError("no disk").explain() == "no disk"
    hinted = TokenlessError("no disk", hint="buy one")
    assert (str(hinted), hinted.explain()) == ("no disk", "no disk; buy one")
    assert TokenlessError("No disk.", hint="buy one").explain() == "No disk; buy one"


def test_an_error_inside_a_part_is_told_from_the_whole() -> None:
    inner = DecodeError("no tag", offset=3)
    assert str(inner.moved(40)) == "no tag at byte 43"
    moved = inner.moved(40, inside="CERTIFICATE")
    assert (moved.reason, moved.offset) == ("CERTIFICATE: no tag", 43)
