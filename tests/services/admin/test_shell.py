"""The shell of a node, line by line, on the stored state of a cluster that is down."""

import base64
import os
import pwd

import pytest
from sqlalchemy import text

from tests.rigs import minting
from tests.services.admin.lines import (
    MIXED,
    NON_SECURE,
    PUBLISHER,
    SUBSCRIBER,
    Answers,
    done,
    mode,
    refusal,
)
from tokenless.protocol.codes import TrustStore
from tokenless.services.admin.command import TREE
from tokenless.services.admin.shell import AdminShell, CommandResult
from tokenless.services.changes import certificates, trust_stores
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.audit import read_audit


@pytest.mark.parametrize("answer", ["n", "no", "", "maybe"])
def test_without_a_yes_nothing_is_done(lab: Cluster, answer: str) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers(answer))
    result = shell.run(MIXED)
    assert result.status == 1
    assert result.error is not None
    assert "cancelled" in result.error
    assert mode(shell) == "0"


@pytest.mark.parametrize(
    "line",
    [
        MIXED,
        NON_SECURE,
        "utils ctl update CTLFile",
        "utils ctl reset localkey",
        "utils itl reset localkey",
    ],
)
def test_publisher_only_commands_say_so_elsewhere(lab: Cluster, line: str) -> None:
    result = AdminShell(lab, SUBSCRIBER, assume_yes=True).run(line)
    assert result.status == 1
    assert result.error == (
        "This command can only be executed on the publisher; "
        "use the shell of cucm-1051-a-pub"
    )


def test_an_open_shell_does_not_change_what_a_newer_program_upgraded(
    lab: Cluster, shell: AdminShell
) -> None:
    with lab.store.write_node_state() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    result = shell.run(MIXED)
    assert result.status == 1
    assert result.error is not None
    assert result.error.startswith("the database has schema 0099")
    assert mode(shell) == "0"


def test_services_of_a_node_that_is_down(shell: AdminShell) -> None:
    for line in ("utils service list", "utils service restart Cisco Tftp"):
        result = shell.run(line)
        assert result.status == 1
        assert result.error == (
            f"node {PUBLISHER} is down; start it with `tokenless serve`"
        )


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("frobnicate", "commands begin with"),
        ("utils", "after `utils` come"),
        ("utils ctl update", "after `utils ctl update` come CTLFile"),
        ("utils service restart Cisco Toaster", "Cisco Tftp"),
        ("show cert own", "usage: show cert own NAME"),
        ("show ctl now", "usage: show ctl"),
        ("show 'ctl", "close the quotes"),
        (f"show {'x' * 65_532}", "65,536 are read"),
    ],
    ids=lambda text: text[:40],
)
def test_wrong_lines_say_what_is_right(shell: AdminShell, line: str, hint: str) -> None:
    result = shell.run(line)
    assert result.status == 2
    assert result.error is not None
    assert hint in result.error


def test_an_empty_line_is_nothing(shell: AdminShell) -> None:
    assert shell.run("   ") == CommandResult("", 0)


def test_help_knows_every_command(shell: AdminShell) -> None:
    text = done(shell.run("help"))
    for command in TREE:
        assert command.synopsis in text
        assert command.summary
        assert done(shell.run(" ".join(("help", *command.words))))


def test_a_question_mark_is_help(shell: AdminShell) -> None:
    assert "utils ctl update CTLFile" in done(shell.run("utils ctl ?"))
    assert "utils ctl update CTLFile" in done(shell.run("utils ctl?"))
    assert "utils ctl update CTLFile" in done(shell.run_words(["utils", "ctl", "?"]))


def test_paging(shell: AdminShell) -> None:
    assert done(shell.run("set cli pagination off")) == (
        "Automatic pagination is turned off\n"
    )
    assert not shell.pagination
    assert shell.run("set cli pagination sideways").status == 2


def test_models_with_security_by_default(shell: AdminShell) -> None:
    lines = done(shell.run("show phone-features")).splitlines()
    supported = {line.split()[0]: "Not" not in line for line in lines[4:]}
    assert supported["7975"]
    assert not supported["7960"]
    sources = {line.split()[0]: line.endswith("inferred") for line in lines[4:]}
    assert sources["7921"]
    assert not sources["7975"]


def test_tables_of_run_sql(shell: AdminShell) -> None:
    text = done(shell.run("run sql select name,address,publisher from processnode"))
    assert f"{PUBLISHER}  127.0.47.155 t" in text
    assert f"{SUBSCRIBER} 127.0.47.156 f" in text
    text = done(
        shell.run("run sql select unit from certificate where unit like '%Recovery'")
    )
    assert text.splitlines()[2:] == ["ITLRecovery"]
    assert done(shell.run("run sql select name from device")) == "name\n====\n"
    assert shell.run("run sql drop table device").status == 1


_VENDORS_LIST = (
    "run sql select c.servername, tcs.name, dist.moniker, c.ipv4address, c.certificate"
    " from certificate as c inner join certificateservicecertificatemap as cscm"
    " on c.pkid = cscm.fkcertificate inner join typecertificateservice as tcs"
    " on cscm.tkcertificateservice = tcs.enum inner join typecertificatedistribution"
    " as dist on c.tkcertificatedistribution = dist.enum"
)


def test_the_vendors_list_of_certificates(lab: Cluster, shell: AdminShell) -> None:
    heads, _, *rows = done(shell.run(_VENDORS_LIST)).splitlines()
    assert heads.split() == [
        *("servername", "name", "moniker", "ipv4address", "certificate")
    ]
    listed = certificates.own(lab), certificates.trust(lab)
    assert len(rows) == sum(map(len, listed))
    node, unit, distribution, address, *pem = next(
        row for row in rows if f"{SUBSCRIBER} TVS " in " ".join(row.split())
    ).split()
    assert (node, unit) == (SUBSCRIBER, "TVS")
    assert (distribution, address) == ("this-server", "127.0.47.156")
    tvs = certificates.own_certificate(lab, lab.node(SUBSCRIBER), TrustStore.TVS)
    body = " ".join(pem).split("-----")[2]
    assert base64.b64decode(body) == tvs.der


def test_run_sql_keeps_blanks_as_they_are_typed(
    lab: Cluster, shell: AdminShell
) -> None:
    """Eight of them follow a token's name."""
    token = minting.token().certificate_pem
    trust_stores.upload(lab, TrustStore.PHONE_SAST_TRUST, token, by="test")
    select = "run  sql select unit from certificate where subjectname like"
    pattern = "'%SAST-ADN008580ef        ;OU%'"
    assert shell.run_words(["run", "sql", ""]).status == 1
    for line in (f"{select}  {pattern}", f"{select} {pattern} ; "):
        assert done(shell.run(line)).splitlines()[2:] == ["Phone-SAST-trust"]
    words = [*select.split(), pattern]
    assert done(shell.run_words(words)).splitlines()[2:] == ["Phone-SAST-trust"]


def test_who_changed_what(lab: Cluster, shell: AdminShell) -> None:
    done(shell.run(MIXED))
    done(shell.run("set cert regen TVS"))
    with lab.store.read() as connection:
        entries = read_audit(connection)[-2:]
    assert [entry.action for entry in entries] == ["set cluster mode", "regenerate"]
    shown = done(shell.run("show audit 2")).splitlines()[2:]
    for line, entry in zip(shown, entries, strict=True):
        assert entry.action in line
        assert entry.by in line
    table = done(
        shell.run("run sql select action from audit where action='regenerate'")
    )
    assert table.splitlines()[2:] == ["regenerate"]
    assert shell.run("show audit many").status == 2


def test_a_user_without_a_name_is_known_by_number(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers may run under any number."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
    shell = AdminShell(lab, PUBLISHER, assume_yes=True)
    done(shell.run("set enterprise AutoRegistration False"))
    assert f" uid {os.getuid()} " in done(shell.run("show audit 1"))


def test_enterprise_parameters(shell: AdminShell) -> None:
    assert done(shell.run("set enterprise autoregistration false")).startswith(
        "autoregistration set to false\nRestart the services"
    )
    shown = [line.split() for line in done(shell.run("show enterprise")).splitlines()]
    assert ["AutoRegistration", "False"] in shown
    for line, hint in {
        "set enterprise Nothing 1": "parameters: ClusterSecurityMode",
        "set enterprise AutoRegistration perhaps": "values: True, False",
        "set enterprise Version ten": "write it as 10.5(1)",
        "set enterprise ClusterSecurityMode 1": "use `utils ctl set-cluster`",
    }.items():
        assert hint in refusal(shell.run(line))


def test_help_for_what_no_command_begins_with(shell: AdminShell) -> None:
    result = shell.run("help show fridge")
    assert result.status == 2
    assert result.error == "no such command: show fridge; type help"


def test_a_reader_that_has_left_is_not_the_commands_failure(lab: Cluster) -> None:
    def gone(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        AdminShell(lab, PUBLISHER, echo=gone).run("show version active")


def test_the_version(shell: AdminShell) -> None:
    text = done(shell.run("show version active"))
    assert text.startswith("Active Master Version: 10.5(1)\n")
