"""The shell of a node, line by line, on the stored state of a cluster that is down."""

from pathlib import Path

import pytest

from protocol.trust_list import TrustList
from services.admin.command import TREE
from services.admin.shell import AdminShell, CommandResult
from services.cluster.cluster import Cluster
from services.store.audit import read_audit
from tests import minting

PUBLISHER = "cucm-1051-a-pub"
SUBSCRIBER = "cucm-1051-a-sub1"
MODE = (
    "run sql select paramname,paramvalue from processconfig"
    " where paramname='ClusterSecurityMode'"
)
MIXED = "utils ctl set-cluster mixed-mode"
NON_SECURE = "utils ctl set-cluster non-secure-mode"
RESTART = (
    "Please Restart the TFTP and Cisco CallManager services on all nodes in the "
    "cluster that run these services\n"
)


class Answers:
    """A person at the terminal."""

    def __init__(self, *answers: str) -> None:
        self.questions: list[str] = []
        self._answers = list(answers)

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self._answers.pop(0)


@pytest.fixture
def shell(lab: Cluster) -> AdminShell:
    return AdminShell(lab, PUBLISHER, assume_yes=True)


def done(result: CommandResult) -> str:
    assert result.error is None
    assert result.status == 0
    return result.text


def mode(shell: AdminShell) -> str:
    return done(shell.run(MODE)).split()[-1]


def test_non_secure_without_a_ctl(shell: AdminShell) -> None:
    assert done(shell.run(MODE)) == (
        "paramname           paramvalue\n"
        "=================== ==========\n"
        "ClusterSecurityMode 0\n"
    )
    assert done(shell.run("show ctl")) == (
        "Length of CTL file: 0\n"
        "CTL File not found. Please run CTLClient plugin or run the CLI - utils ctl.. "
        "to generate the CTL file.\n"
        "Error parsing the CTL File.\n"
    )


def test_the_vendors_transcript_of_mixed_mode(lab: Cluster) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers("y"))
    assert done(shell.run(MIXED)) == (
        "This operation sets the cluster to Mixed mode. "
        "Do you want to continue? (y/n):y\n"
        "Moving Cluster to Mixed Mode\n"
        "Cluster set to Mixed Mode\n" + RESTART
    )
    assert mode(shell) == "1"


def test_the_transcript_of_later_releases(lab: Cluster) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers("y"))
    done(shell.run("set enterprise Version 12.0(1)"))
    assert done(shell.run(MIXED)) == (
        "This operation will set the cluster to Mixed mode.  Auto-registration is "
        "enabled on at least one CM node. Do you want to continue? (y/n): y\n"
        "Moving Cluster to Mixed Mode\n"
        "Cluster set to Mixed Mode\n"
        "You must reset all phones to ensure they received the updated CTL file.\n"
        "You must restart Cisco CTIManager services on all the nodes in the cluster "
        "that have the service activated.\n"
    )


def test_the_vendors_transcripts_of_update_and_non_secure(lab: Cluster) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers("y", "y", "y"))
    done(shell.run(MIXED))
    assert done(shell.run("utils ctl update CTLFile")) == (
        "This operation updates the CTLFile. Do you want to continue? (y/n):y\n"
        "Updating CTL file\n"
        "CTL file Updated\n" + RESTART
    )
    assert done(shell.run(NON_SECURE)) == (
        "This operation will set the cluster to non secure mode. "
        "Do you want to continue? (y/n):y\n"
        "Moving Cluster to Non Secure Mode\n"
        "Cluster set to Non Secure Mode\n" + RESTART
    )


@pytest.mark.parametrize("answer", ["n", "no", "", "maybe"])
def test_without_a_yes_nothing_is_done(lab: Cluster, answer: str) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers(answer))
    result = shell.run(MIXED)
    assert result.status == 1
    assert result.error is not None
    assert "cancelled" in result.error
    assert mode(shell) == "0"


def test_a_regeneration_wants_the_whole_word(lab: Cluster) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers("y", "yes"))
    assert shell.run("set cert regen CallManager").status == 1
    assert done(shell.run("set cert regen CallManager")) == (
        "WARNING: This operation will overwrite any CA signed certificate previously "
        "imported for  CallManager\n"
        "Proceed with regeneration (yes|no)? yes\n"
        "Successfully Regenerated Certificate for CallManager.\n"
        "You must restart services related to CallManager for the regenerated "
        "certificates to become active.\n"
    )


def test_the_recovery_certificates_own_warning(shell: AdminShell) -> None:
    text = done(shell.run("set cert regen ITLRecovery"))
    assert text.startswith("WARNING: If you are using a tokenless CTL and if the Call")
    assert "You must restart the services related to ITLRecovery" in text


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


def test_the_ctl_reaches_every_folder_when_no_node_runs(
    lab: Cluster, shell: AdminShell
) -> None:
    assert "is down" not in done(shell.run(MIXED))
    contents = {node.ctl_file.read_bytes() for node in lab.nodes}
    assert [len(content) for content in contents] == [4947]


def test_the_lengths_of_the_vendors_files(shell: AdminShell) -> None:
    def length() -> str:
        text = done(shell.run("show ctl"))
        return next(line for line in text.splitlines() if "Length of" in line)

    done(shell.run(MIXED))
    assert length() == "Length of CTL file: 4947"
    done(shell.run("set cert regen CallManager"))
    assert length() == "Length of CTL file: 4947"
    done(shell.run("utils ctl update CTLFile"))
    assert length() == "Length of CTL file: 6113"
    done(shell.run(NON_SECURE))
    # The signer's own record keeps its certificate; the servers' shrink (1.9).
    assert length() == f"Length of CTL file: {464 + 1675 + 36 + 1138 + 37}"


def test_a_damaged_ctl_is_an_error_with_what_to_do(
    lab: Cluster, shell: AdminShell
) -> None:
    done(shell.run(MIXED))
    file = lab.publisher.ctl_file
    file.write_bytes(file.read_bytes()[:1000])
    result = shell.run("show ctl")
    assert result.status == 1
    assert "Error parsing the CTL File." in result.text
    assert result.error is not None
    assert "damaged" in result.error


def test_a_file_that_was_deleted_stays_so_until_a_newer_one(
    lab: Cluster, shell: AdminShell
) -> None:
    done(shell.run(MIXED))
    assert done(shell.run("file delete tftp CTLFile.tlv")) == (
        "Delete the File CTLFile.tlv?\n"
        'Enter "y" followed by return to continue: y\n'
        "files: found = 1, deleted = 1\n"
    )
    done(shell.run("set enterprise AutoRegistration False"))
    assert not lab.publisher.ctl_file.exists()
    done(shell.run("utils ctl update CTLFile"))
    assert done(shell.run("file delete activelog cm/tftpdata/CTLFile.tlv")).endswith(
        "files: found = 1, deleted = 1\n"
    )
    again = shell.run("file delete tftp CTLFile.tlv")
    assert again.status == 1
    assert again.text.endswith("files: found = 0, deleted = 0\n")


@pytest.mark.parametrize(
    "name",
    ["../keys/x.pem", "/etc/passwd", "..", ".", "a/b", "x\\0y".replace("\\0", "\0")],
)
def test_no_name_leaves_the_folder(shell: AdminShell, name: str) -> None:
    for verb in ("list", "get", "delete"):
        result = shell.run_words(["file", verb, "tftp", name])
        assert result.status == 2, result


def test_a_fetched_file_is_saved(lab: Cluster, tmp_path: Path) -> None:
    target = tmp_path / "saved.tlv"
    shell = AdminShell(lab, PUBLISHER, assume_yes=True, output=target)
    done(shell.run(MIXED))
    done(shell.run("file get tftp CTLFile.tlv"))
    assert target.read_bytes() == lab.publisher.ctl_file.read_bytes()


def test_the_recovery_key_is_exported_and_signs_from_its_file(
    lab: Cluster, tmp_path: Path
) -> None:
    target = tmp_path / "ITLRecovery.p12"
    answers = Answers("secret", "secret", "wrong")
    shell = AdminShell(lab, PUBLISHER, ask=answers, output=target)
    done(shell.run("file get tftp ITLRecovery.p12"))
    assert target.stat().st_mode & 0o777 == 0o600
    text = done(shell.run(f"utils itl reset remotekey {target}"))
    assert "secret" not in text
    assert "Number of Active TFTP servers in the cluster : 2" in text
    assert f"Successfully transferred reset ITL to node {SUBSCRIBER}" in text
    itl = TrustList.decode(lab.node(SUBSCRIBER).itl_file.read_bytes())
    assert itl.signer.subject.startswith("CN=ITLRECOVERY_")
    assert shell.run(f"utils itl reset remotekey {target}").status == 1


def test_an_uploaded_certificate_is_listed_shown_and_deleted(
    shell: AdminShell, tmp_path: Path
) -> None:
    token = minting.token().certificate
    file = tmp_path / "token.pem"
    file.write_bytes(minting.pem(token.der))
    line = f"set cert import trust Phone-SAST-trust {file}"
    assert "successful" in done(shell.run(line))
    [listed] = done(shell.run("show cert list trust")).splitlines()
    name, _, description = listed.partition(": ")
    assert name.startswith("Phone-SAST-trust/SAST-")
    assert description == "Certificate Signed by Cisco Manufacturing CA"
    assert f"Serial Number: {token.serial_hex}" in done(
        shell.run(f"show cert trust {name}")
    )
    assert shell.run(line).status == 1
    done(shell.run(f"set cert delete {name}"))
    assert done(shell.run("show cert list trust")) == ""


def test_a_pasted_certificate(lab: Cluster) -> None:
    pem = minting.pem(minting.token().certificate.der).decode()
    shell = AdminShell(lab, PUBLISHER, ask=Answers(*pem.splitlines()))
    text = done(shell.run("set cert import trust Phone-SAST-trust"))
    assert text.startswith("Paste the Certificate and Hit Enter\n")


@pytest.mark.parametrize(
    ("content", "store", "reason"),
    [
        (b"not a certificate", "Phone-SAST-trust", "certificate"),
        (b"", "Phone-SAST-trust", "certificate"),
        (minting.server().key_pem, "Phone-SAST-trust", "key"),
        (minting.pem(b"\x30\x03\x02\x01\x01"), "Phone-SAST-trust", "certificate"),
        (minting.server().certificate_pem, "CallManager", "own certificate"),
        (minting.server().certificate_pem, "Fridge-trust", "no store"),
    ],
    ids=["text", "empty", "key", "damaged", "own", "unknown-store"],
)
def test_what_is_no_certificate_is_not_imported(
    shell: AdminShell, tmp_path: Path, content: bytes, store: str, reason: str
) -> None:
    file = tmp_path / "upload"
    file.write_bytes(content)
    result = shell.run(f"set cert import trust {store} {file}")
    assert result.status == 1
    assert result.error is not None
    assert reason in result.error
    assert done(shell.run("show cert list trust")) == ""


def test_a_store_without_roles_is_warned_of(shell: AdminShell, tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    file.write_bytes(minting.server("other-cluster-pub").certificate_pem)
    text = done(shell.run(f"set cert import trust CallManager-trust {file}"))
    assert "WARNING" in text
    assert "Phone-SAST-trust" in text


def test_yesterdays_certificate_comes_back(shell: AdminShell) -> None:
    def serial() -> str:
        text = done(shell.run("show cert own CallManager"))
        return text.split("Serial Number: ")[1].split()[0]

    before = serial()
    done(shell.run("set cert regen CallManager"))
    assert serial() != before
    assert f"CallManager {before}" in done(shell.run("show cert history"))
    done(shell.run(f"set cert restore CallManager {before}"))
    assert serial() == before


def test_own_certificates_by_the_lists_names(shell: AdminShell) -> None:
    listed = done(shell.run("show cert list own")).splitlines()
    names = [line.partition(": ")[0] for line in listed]
    assert names == [
        "CallManager/CallManager.pem",
        "TVS/TVS.pem",
        "CAPF/CAPF.pem",
        "ITLRecovery/ITLRecovery.pem",
    ]
    for name in names:
        assert "-----BEGIN CERTIFICATE-----" in done(shell.run(f"show cert own {name}"))


def test_without_the_licence_no_mixed_mode(shell: AdminShell) -> None:
    done(shell.run("set enterprise licence False"))
    result = shell.run(MIXED)
    assert result.status == 1
    assert result.error is not None
    assert "Allow export-controlled functionality" in result.error
    assert mode(shell) == "0"


def test_a_new_hostname_and_new_certificates(lab: Cluster, shell: AdminShell) -> None:
    done(shell.run("set cluster hostname cucm-new"))
    assert lab.publisher.name == "cucm-new"
    text = done(shell.run("show cert own CallManager"))
    assert "CN=cucm-new" in text
    assert shell.run("set cluster hostname not/a/name").status == 1
    assert shell.run(f"set cluster hostname {SUBSCRIBER}").status == 1


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
    ],
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
