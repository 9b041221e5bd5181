"""`utils ctl` and `show ctl`, on the stored state of a cluster that is down."""

from tests.services.admin.lines import (
    MIXED,
    MODE,
    NON_SECURE,
    PUBLISHER,
    RESTART,
    Answers,
    done,
    mode,
)
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster


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


def test_auto_registration_is_not_said_to_be_on_where_it_is_off(lab: Cluster) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers("y"))
    done(shell.run("set enterprise Version 12.0(1)"))
    done(shell.run("set enterprise AutoRegistration False"))
    assert done(shell.run(MIXED)).startswith(
        "This operation will set the cluster to Mixed mode. "
        "Do you want to continue? (y/n): y\n"
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


def test_without_the_licence_no_mixed_mode(shell: AdminShell) -> None:
    done(shell.run("set enterprise licence False"))
    result = shell.run(MIXED)
    assert result.status == 1
    assert result.error is not None
    assert "Allow export-controlled functionality" in result.error
    assert mode(shell) == "0"
