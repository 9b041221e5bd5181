"""The language of steps: what each line means, and that nothing else is taken."""

from pathlib import Path

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts import line_forms, lines
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    AddNode,
    Admin,
    Backup,
    CallPhone,
    CreateToken,
    CtlClient,
    DatabasePower,
    DeleteCertificate,
    ExportRecoveryKey,
    ImportCertificates,
    LineAction,
    NodePower,
    OrderCapf,
    PassTime,
    Phones,
    PhoneVerb,
    RemoveNode,
    RenameNode,
    ReuseCertificate,
    SecureDevices,
    SetSetting,
    SignCertificate,
    SignWithRecoveryKey,
    UploadCertificate,
)
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    DeviceSecurity,
)

_FORMS: list[tuple[str, LineAction]] = [
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
    (
        "cert delete CallManager-trust 'Some CA' --cluster new",
        DeleteCertificate("CallManager-trust", "Some CA", "new"),
    ),
    ("cert import new", ImportCertificates("new")),
    ("cert import new --cluster old", ImportCertificates("new", "old")),
    ("cert sign TVS", SignCertificate("TVS")),
    ("cert sign TVS --node pub", SignCertificate("TVS", "pub")),
    ("cert reuse CallManager", ReuseCertificate("CallManager")),
    ("recovery-key export kept", ExportRecoveryKey("kept")),
    ("recovery-key sign kept --cluster new", SignWithRecoveryKey("kept", "new")),
    ("backup take monday", Backup("monday", restore=False)),
    ("backup restore monday TVS", Backup("monday", restore=True, stores=("TVS",))),
    ("phones boot", Phones(PhoneVerb.BOOT, ())),
    ("phones on a", Phones(PhoneVerb.ON, ("a",))),
    ("phones delete-trust a", Phones(PhoneVerb.DELETE_TRUST, ("a",))),
    ("phones factory-reset", Phones(PhoneVerb.FACTORY_RESET, ())),
    ("phones off a b", Phones(PhoneVerb.OFF, ("a", "b"))),
    ("phones move a b --to x y", Phones(PhoneVerb.MOVE, ("a", "b"), ("x", "y"))),
    ("phones type-string a", Phones(PhoneVerb.TYPE_STRING, ("a",))),
    ("phones call a --to b", CallPhone("a", "b")),
    (
        "capf install a",
        OrderCapf("a", CapfOperation.INSTALL, CapfAuthMode.NULL_STRING),
    ),
    (
        "capf install a --auth string",
        OrderCapf("a", CapfOperation.INSTALL, CapfAuthMode.STRING),
    ),
    (
        "capf troubleshoot a --auth mic",
        OrderCapf("a", CapfOperation.TROUBLESHOOT, CapfAuthMode.EXISTING_MIC),
    ),
    (
        "capf delete a --auth lsc",
        OrderCapf("a", CapfOperation.DELETE, CapfAuthMode.EXISTING_LSC),
    ),
    (
        "cert delete CAPF-trust 'Cisco Root CA 2048' --cluster new",
        DeleteCertificate("CAPF-trust", "Cisco Root CA 2048", "new"),
    ),
    (
        "device secure a encrypted --encrypted-config",
        SecureDevices("a", DeviceSecurity.ENCRYPTED, encrypts_config=True),
    ),
    (
        "device secure a non-secure",
        SecureDevices("a", DeviceSecurity.NON_SECURE, encrypts_config=False),
    ),
    (
        "setting tvs.tls_minimum 1.2 --cluster new",
        SetSetting("tvs.tls_minimum", "1.2", "new"),
    ),
    ("node stop sub", NodePower("sub", up=False)),
    ("node start sub", NodePower("sub", up=True)),
    ("database away", DatabasePower(None, up=False)),
    ("database back sub", DatabasePower("sub", up=True)),
    ("node rename sub new", RenameNode("sub", "new")),
    ("node add sub2 127.0.47.157", AddNode("sub2", "127.0.47.157")),
    ("node remove sub2", RemoveNode("sub2")),
    ("time pass 30", PassTime(30)),
]


@pytest.mark.parametrize(("line", "action"), _FORMS)
def test_a_line_means_one_action(line: str, action: LineAction) -> None:
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


def test_the_documentation_has_the_table_of_lines() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rehearsals.md").read_text()
    _, _, rest = page.partition("| line | what happens |\n|---|---|\n")
    table, _, _ = rest.partition("\n\n")
    rows = [f"| `{form.usage}` | {form.meaning} |" for form in line_forms.FORMS]
    assert table.splitlines() == rows


def test_every_form_is_tried() -> None:
    tried = {lines.parse_line(line).form.usage for line, _ in _FORMS}
    assert tried == {form.usage for form in line_forms.FORMS}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("phones boott", "did you mean `phones boot`"),
        ("node burn sub", "did you mean `node rename` or"),
        ("rm -rf /", "lines begin with admin, ctl-client, token"),
        ("phones move a", "usage: phones move GROUP... --to NODE..."),
        ("admin --node a --node b show ctl", "--node is given twice"),
        ("admin --node a --all show ctl", "--node cannot be combined with --all"),
        ("token create a b", "'b' is too much"),
        ("backup take --now", "there is no option --now"),
        ("cert upload CallManager-trust a", "write token:NAME or NODE:UNIT"),
        ("time pass soon", "'soon' is not a number of days"),
    ],
)
def test_an_error_says_what_comes_nearest(line: str, words: str) -> None:
    with pytest.raises(PhoneError) as refused:
        lines.parse_line(line)
    assert words in refused.value.explain()
