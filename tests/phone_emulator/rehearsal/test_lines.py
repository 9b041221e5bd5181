"""The language of steps: what each line means, and that nothing else is taken."""

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal import lines
from tokenless.phone_emulator.rehearsal.actions import (
    Action,
    AddNode,
    Admin,
    Backup,
    CreateToken,
    CtlClient,
    ExportRecoveryKey,
    ImportCertificates,
    NodePower,
    PassTime,
    Phones,
    PhoneVerb,
    RemoveNode,
    RenameNode,
    SignWithRecoveryKey,
    UploadCertificate,
)

_FORMS: list[tuple[str, Action]] = [
    ("admin show ctl", Admin("show ctl")),
    ("admin --node sub show itl", Admin("show itl", "sub")),
    ("admin --cluster new show ctl", Admin("show ctl", cluster="new")),
    (
        "admin --cluster new --all utils service restart Cisco Tftp",
        Admin("utils service restart Cisco Tftp", cluster="new", everywhere=True),
    ),
    ("admin run sql 'select 1'", Admin("run sql 'select 1'")),
    ("ctl-client update --token A --token B", CtlClient(None, ("A", "B"))),
    (
        "ctl-client update --ignore-missing-file --token A",
        CtlClient(None, ("A",), ignore_missing=True),
    ),
    ("ctl-client set-mode mixed-mode --token A", CtlClient("mixed-mode", ("A",))),
    ("token create A", CreateToken("A")),
    (
        "cert upload Phone-SAST-trust token:A",
        UploadCertificate("Phone-SAST-trust", "A"),
    ),
    (
        "cert upload Phone-SAST-trust new-pub:CallManager --cluster old",
        UploadCertificate(
            "Phone-SAST-trust", None, "new-pub", "CallManager", cluster="old"
        ),
    ),
    ("cert import new", ImportCertificates("new")),
    ("cert import new --cluster old", ImportCertificates("new", "old")),
    ("recovery-key export kept", ExportRecoveryKey("kept")),
    ("recovery-key sign kept --cluster new", SignWithRecoveryKey("kept", "new")),
    ("backup take monday", Backup("monday", restore=False)),
    ("backup restore monday TVS", Backup("monday", restore=True, stores=("TVS",))),
    ("phones boot", Phones(PhoneVerb.BOOT, ())),
    ("phones off a b", Phones(PhoneVerb.OFF, ("a", "b"))),
    ("phones move a b --to x y", Phones(PhoneVerb.MOVE, ("a", "b"), ("x", "y"))),
    ("node stop sub", NodePower("sub", up=False)),
    ("node start sub", NodePower("sub", up=True)),
    ("node rename sub new", RenameNode("sub", "new")),
    ("node add sub2 127.0.47.157", AddNode("sub2", "127.0.47.157")),
    ("node remove sub2", RemoveNode("sub2")),
    ("time pass 30", PassTime(30)),
]


@pytest.mark.parametrize(("line", "action"), _FORMS)
def test_a_line_means_one_action(line: str, action: Action) -> None:
    assert lines.parse_action(line) == action


@pytest.mark.parametrize(
    "line",
    [
        "",
        "admin",
        "admin --node",
        "admin --node sub",
        "admin --somewhere show ctl",
        "ctl-client show",
        "ctl-client update --token",
        "token destroy A",
        "cert upload Phone-SAST-trust",
        "cert upload Phone-SAST-trust A",
        "cert import",
        "recovery-key lose kept",
        "backup restore",
        "phones dance",
        "phones move a",
        "phones move --to x",
        "node burn sub",
        "time pass soon",
        "time pass 99999999",
        "rm -rf /",
        "admin 'unclosed",
    ],
)
def test_anything_else_is_refused_with_the_line(line: str) -> None:
    with pytest.raises(PhoneError) as refused:
        lines.parse_action(line)

    assert repr(line) in str(refused.value)


def test_every_form_is_in_the_documentation_of_the_module() -> None:
    told = lines.__doc__ or ""
    words = {" ".join(line.split()[:2]) for line, _ in _FORMS}

    missing = {
        word for word in words if word not in told and not word.startswith("admin")
    }
    assert missing == set()
