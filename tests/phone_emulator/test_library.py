"""The library's face and the pytest plugin, as other projects use them."""

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tokenless import phone_emulator
from tokenless.phone_emulator.errors import PhoneError
from tokenless.protocol.trust.anchors import FileKind

if TYPE_CHECKING:
    from tokenless.phone_emulator.pytest_plugin.lab import (
        LabCluster,
        LabFleet,
        LabPhone,
    )


@pytest.mark.parametrize("name", phone_emulator.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(phone_emulator, name).__doc__


@pytest.mark.parametrize(
    ("former", "name"),
    [
        ("Action", "FileAction"),
        ("Habits", "PhoneBehaviour"),
        ("Identity", "PhoneIdentity"),
    ],
)
def test_former_names_work_with_a_warning(former: str, name: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{former} is called {name} now"):
        assert getattr(phone_emulator, former) is getattr(phone_emulator, name)


def test_another_name_cannot() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = phone_emulator.nothing


def test_an_unknown_model() -> None:
    identity = phone_emulator.PhoneIdentity(
        device="SEP1", model_name="9999", servers=()
    )
    with pytest.raises(PhoneError, match="9999 is not known"):
        _ = identity.model


def test_the_plugin_imports_nothing_until_it_is_used() -> None:
    code = (
        "import tokenless.phone_emulator.pytest_plugin, sys;"
        "print([m for m in sys.modules if m == 'trio' or '.services' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_change_window(
    tokenless_cluster: "LabCluster",
    tokenless_phone: "Callable[..., LabPhone]",
    tokenless_fleet: "Callable[..., LabFleet]",
) -> None:
    """Flows 2 and 4 of the vendor's document, with the lengths that it prints."""
    phones = [
        tokenless_phone(),
        tokenless_phone(model="8861", first_tftp="cucm-1051-a-sub1"),
    ]
    fleet = tokenless_fleet(count=10)
    for phone in phones:
        assert phone.boot().outcome == "ok"
    assert fleet.boot().stuck == []
    lengths, reports = [], []
    for change in (
        ("utils ctl set-cluster mixed-mode",),
        ("set cert regen CallManager", "utils ctl update CTLFile"),
    ):
        for line in change:
            tokenless_cluster.admin(line)
        tokenless_cluster.restart_tftp()
        for phone in phones:
            report = phone.boot()
            assert report.outcome == "ok"
            reports.append(report)
            lengths.append(len(report.files[FileKind.CTL].held or b""))
            shown = tokenless_cluster.admin("show ctl")
            assert str(report.to_json()["files"]["CTLFile.tlv"]["md5"]) in shown
        assert fleet.boot().outcomes == {"ok": 10}
    assert lengths == [4947, 4947, 6113, 6113]
    assert [query.status for query in reports[-1].tvs] == ["trusted"]
    phones[0].delete_trust()
    assert phones[0].boot().files[FileKind.CTL].verified_by == "first-use"


def test_a_refused_command_is_an_error(tokenless_cluster: "LabCluster") -> None:
    with pytest.raises(PhoneError, match="utils nothing"):
        tokenless_cluster.admin("utils nothing")


def test_a_lab_that_cannot_be_served_says_why() -> None:
    # Imported late, as the plugin does: collecting tests must not import services.
    from tokenless.phone_emulator.pytest_plugin.lab import running_lab  # noqa: PLC0415

    tables = {
        "tvs": {"client_ca": "/missing.pem"},
        "nodes": [{"name": "pub", "publisher": True}],
    }
    with (
        pytest.raises(
            PhoneError, match=r"pub did not start: tokenless: .*missing\.pem"
        ),
        running_lab(tables),
    ):
        pass
