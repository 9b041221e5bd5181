"""What models say of themselves when they register, as it was seen of real ones."""

import pytest

from tokenless.phone_emulator.registration.traits import TRAITS, user_agent_of
from tokenless.protocol.phones.models import PHONE_MODELS


@pytest.mark.parametrize(
    ("model", "version"), [("7960", 11), ("6961", 15), ("6911", 17), ("7975", 20)]
)
def test_versions_of_sccp(model: str, version: int) -> None:
    assert TRAITS[model].sccp_version == version


@pytest.mark.parametrize(
    ("model", "load", "said"),
    [
        ("8851", "sip88xx.12-1-1SR1-4", "Cisco-CP8851/12.1.1"),
        ("7861", "sip78xx.12-1-1-12", "Cisco-CP7861/12.1.1"),
        ("8845", "sip8845_65.12-7-1", "Cisco-CP8845/12.7.1"),
        ("Jabber", "Jabber", "Cisco-CPJabber/Jabber"),
    ],
)
def test_user_agents(model: str, load: str, said: str) -> None:
    assert user_agent_of(PHONE_MODELS[model], load) == said
