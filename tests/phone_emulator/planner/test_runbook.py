"""A plan as a runbook: one row for each step, nothing that the plan does not say."""

from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import RestartTftp
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.planner.runbook import COLUMNS, Pace, cells_of, runbook_of
from tokenless.phone_emulator.rehearsal.reports.runbook_pages import html, markdown
from tokenless.protocol.codes import NodeRole, TrustStore
from tokenless.protocol.release import Release

NODES = ("pub", "sub1", "sub2")


def planned(
    goal: str, *models: str, version: str = "12.5(1)", is_mixed: bool = True
) -> Plan:
    layout = ClusterLayout(Release.parse(version), NODES, is_mixed=is_mixed)
    groups = tuple(
        PhoneGroup(f"{model}-at-{node}", model, number)
        for model in models
        for number, node in enumerate(NODES)
    )
    return make_plan(Task(layout, groups, parse_goal(goal, layout)))


def test_every_step_of_the_plan_has_a_row() -> None:
    plan = planned("CallManager, TVS", "7975")
    assert plan.steps is not None
    rows = runbook_of(plan, Pace()).rows
    pairs = zip(rows, plan.steps, strict=True)
    assert all(row.what.endswith(step.title) for row, step in pairs)
    assert [len(cells_of(row)) for row in rows] == [len(COLUMNS)] * len(rows)
    regenerated = [row for row in rows if row.what.startswith("regenerate")]
    assert {row.node for row in regenerated} == set(NODES)
    assert all("Certificate Management" in row.page for row in regenerated)
    assert all(row.seconds is None for row in rows)


def test_a_certificate_of_a_ca_is_requested_and_never_regenerated() -> None:
    unit = frozenset({TrustStore.CALLMANAGER})
    layout = ClusterLayout(
        Release.parse("12.5(1)"), NODES, is_mixed=True, shared=unit, signed=unit
    )
    goal = parse_goal("CallManager, TVS", layout)
    plan = make_plan(Task(layout, (PhoneGroup("office", "7975", 0),), goal))
    rows = runbook_of(plan, Pace()).rows
    (renewed,) = [row for row in rows if "CallManager for all nodes" in row.what]
    assert "Generate CSR: CallManager, Distribution Multi-server(SAN)" in renewed.page
    assert "regen" not in renewed.command
    assert renewed.is_without_ca
    assert any("`set cert regen TVS`" in row.command for row in rows)
    assert any("days before" in row.page for row in rows)
    assert any("before the window" in each for each in runbook_of(plan, Pace()).before)


def test_what_must_wait_is_said_until_which_step() -> None:
    plan = planned("CallManager, TVS", "7975", version="10.5(1)")
    assert plan.steps is not None
    forbidden = [row.forbidden for row in runbook_of(plan, Pace()).rows]
    for step, said in zip(plan.steps, forbidden, strict=True):
        renewals = [each for each in said if "do not regenerate" in each]
        assert len(renewals) == len(step.dangers)
    every = [each for said in forbidden for each in said]
    (first, *_) = [each for each in every if "do not restart" not in each]
    assert first.startswith("do not regenerate ")
    number = int(first.split("until step ")[1].split()[0])
    unit = first.split()[3]
    assert all(str(each.unit) != unit for each in plan.steps[number - 1].dangers)


def test_the_window_is_computed_from_what_was_said() -> None:
    plan = planned("TVS", "7975")
    pace = Pace(phones=4000, batch=1000, phones_per_s=10, phone_restart_s=100)
    resets = sum(row.node == "all phones" for row in runbook_of(plan, pace).rows)
    slower = Pace(phones=4000, batch=500, phones_per_s=10, phone_restart_s=100)
    one, other = runbook_of(plan, pace).seconds, runbook_of(plan, slower).seconds
    assert one is not None
    assert other is not None
    assert other - one == resets * 4 * 100


def test_services_that_restart_one_after_the_other_take_time() -> None:
    plan = planned("CallManager", "7975")
    quick, slow = (Pace(phones=10, restart_s=each) for each in (0, 100))
    one, other = runbook_of(plan, quick).seconds, runbook_of(plan, slow).seconds
    assert one is not None
    assert other is not None
    assert other - one == len(NODES) * 3 * 100  # Tftp, CallManager, CTIManager


@pytest.mark.parametrize(("model", "is_mixed"), [("7975", True), ("7960", False)])
@pytest.mark.parametrize(
    ("version", "restarts"), [("12.5(1)", 2), ("14", 2 + len(NODES))]
)
def test_a_service_takes_time_only_on_nodes_that_have_it(
    version: str, restarts: int, model: str, is_mixed: bool
) -> None:
    """HAProxy is on every node; CallManager and CTIManager only where activated."""
    roles: tuple[frozenset[NodeRole], ...] = (
        frozenset({NodeRole.TFTP}),
        frozenset({NodeRole.CALLMANAGER}),
        frozenset(),
    )
    layout = ClusterLayout(
        Release.parse(version), NODES, is_mixed=is_mixed, roles=roles
    )
    goal = parse_goal("CallManager", layout)
    plan = make_plan(Task(layout, (PhoneGroup("office", model, 0),), goal))
    quick, slow = (Pace(phones=10, restart_s=each) for each in (0, 100))
    one, other = runbook_of(plan, quick).seconds, runbook_of(plan, slow).seconds
    assert one is not None
    assert other is not None
    tftp = sum(isinstance(each.step, RestartTftp) for each in plan.steps or ())
    assert other - one == (restarts + tftp) * 100
    if not is_mixed:
        after = runbook_of(plan, slow).after
        assert any("on each node that has it, one node" in each for each in after)


def test_restarts_after_the_last_step_are_in_the_window() -> None:
    """No phone holds a list, so the plan resets none: the services come at the end."""
    plan = planned("CallManager", "7960", is_mixed=False)
    quick, slow = (Pace(phones=10, restart_s=each) for each in (0, 100))
    one, other = runbook_of(plan, quick), runbook_of(plan, slow)
    assert any("Cisco CallManager and Cisco CTIManager" in each for each in other.after)
    assert one.seconds is not None
    assert other.seconds is not None
    assert other.seconds - one.seconds == len(NODES) * 3 * 100
    said = "10 minutes of them for the restarts after the last step"
    assert any(said in each for each in other.remarks())
    assert not any("after the last step" in each for each in one.remarks())


def test_no_row_asks_for_what_cannot_be_done_or_has_not_happened() -> None:
    """No CA signs ITLRecovery; Cisco CallManager restarts after its own certificate."""
    plan = planned("ITLRecovery, CallManager", "8861", version="14SU2")
    rows = runbook_of(plan, Pace()).rows
    pages = {row.what.split()[1]: row.page for row in rows if "regenerate" in row.what}
    assert {unit: "--ca-signed" in page for unit, page in pages.items()} == {
        "ITLRecovery": False,
        "CallManager": True,
    }
    regenerated, unit = {}, ""
    for row in rows:
        if "regenerate" in row.what:
            unit = row.what.split()[1]
        elif "update the CTL" in row.what:
            regenerated[unit] = "restarted by itself before" in row.wait_for
    assert regenerated == {"ITLRecovery": False, "CallManager": True}


def test_the_restart_of_capf_takes_time() -> None:
    plan = planned("CAPF", "7975", version="11.5(1)")
    quick, slow = (Pace(phones=10, restart_s=each) for each in (0, 100))
    (one, *_), (other, *_) = (runbook_of(plan, pace).rows for pace in (quick, slow))
    assert "Cisco Certificate Authority Proxy Function" in other.wait_for
    assert (one.seconds, other.seconds) == (30, 130)


@pytest.mark.parametrize(
    ("version", "label"), [("12.5(1)", "Validity From"), ("14SU2", "Start Date")]
)
def test_a_certificate_is_verified_by_what_its_release_prints(
    version: str, label: str
) -> None:
    rows = runbook_of(planned("TVS", "8845", version=version), Pace()).rows
    assert rows[0].verify.startswith(f"`show cert own TVS`: {label} is today")
    assert f"https://{rows[0].node}/cmplatform" in rows[0].page


def test_the_plan_is_bound_to_the_parameter_that_resets_phones() -> None:
    name = "Phone Interaction on Certificate Update"
    for version, value in (("12.5(1)", "manually"), ("11.5(1)", None)):
        book = runbook_of(planned("TVS", "7975", version=version), Pace())
        said = [each for each in book.before if name in each]
        assert len(said) == (value is not None)
        assert all(f"phones are reset {value}" in each for each in said)


def test_what_the_model_leaves_out_is_checked_before_step_1() -> None:
    """Tokens, a licence that refuses the CTL, models that nobody planned for."""
    for version, is_mixed, wanted in (
        ("14SU3", True, ["export-controlled"]),
        ("12.5(1)", True, ["hardware token", "export-controlled"]),
        ("11.5(1)", True, ["hardware token"]),
        ("12.5(1)", False, []),
    ):
        plan = planned("TVS", "7975", "8861", version=version, is_mixed=is_mixed)
        before = " ".join(runbook_of(plan, Pace()).before)
        found = [w for w in ("hardware token", "export-controlled") if w in before]
        assert found == wanted
        assert "no models but 7975, 8861" in before


def test_groups_that_are_not_safe_stand_at_the_head() -> None:
    book = runbook_of(planned("CallManager", "7975", "Jabber"), Pace())
    assert any("Jabber-at-pub" in each for each in book.not_safe)
    page = markdown(book, "t")
    assert page.index("NOT SAFE for Jabber-at-pub") < page.index("| step |")
    assert any("not safe for" in row.back for row in book.rows)


def test_phones_without_a_list_need_no_anchor() -> None:
    """In a non-secure cluster a 7960 has no CTL: nothing can lock it out."""
    plan = planned("CallManager, TVS", "7975", "7960", is_mixed=False)
    assert (plan.unsafe, plan.by_hand) == ((), ())
    assert plan.in_one_go.burnt is None
    words = "\n".join(in_words(plan))
    assert "7960-at-sub2: none needed, they hold no list" in words
    assert "NONE" not in words


def test_names_do_not_become_markup() -> None:
    book = runbook_of(planned("TVS", "7975"), Pace())
    title = "<script>x</script> | \x1b[31m"
    assert "<script>" not in html(book, title)
    shown = markdown(book, title)
    assert "<script>" not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("form", ["md", "html"])
def test_it_is_written_beside_the_plan(tmp_path: Path, form: str) -> None:
    page = tmp_path / f"book.{form}"
    words = ("rehearse", "plan", "--goal", "TVS", "--runbook", str(page))
    status, _, err = run_cli(*words, "--phones", "400")
    assert status == 0, err
    assert "utils service restart Cisco Tftp" in page.read_text()
    order = ("Before step 1", "Steps", "After the last step", "If phones refuse files")
    places = [page.read_text().rindex(each) for each in order]
    assert places == sorted(places)
    assert "The window takes" in page.read_text()


def test_another_form_is_refused_before_the_search(tmp_path: Path) -> None:
    page = tmp_path / "book.docx"
    status, out, err = run_cli(
        "rehearse", "plan", "--goal", "TVS", "--runbook", str(page)
    )
    assert (status, out) == (2, "")
    assert "a runbook is Markdown or HTML" in err
    assert not page.exists()


def test_how_groups_are_named_is_said_where_it_is_so() -> None:
    named = "\n".join(runbook_of(planned("TVS", "7975"), Pace()).assumptions)
    assert "(MODEL-at-NODE: the first TFTP server that they ask): 7975-at-pub" in named
    layout = ClusterLayout(Release.parse("12.5(1)"), NODES, is_mixed=True)
    groups = (PhoneGroup("DP-1-8861", "8861", 0),)
    own = make_plan(Task(layout, groups, parse_goal("TVS", layout)))
    said = "\n".join(runbook_of(own, Pace()).assumptions)
    assert "Groups of phones: DP-1-8861." in said
    assert "MODEL-at-NODE" not in said


@pytest.mark.parametrize(
    ("version", "services"),
    [
        ("11.5(1)", "Cisco CallManager and Cisco CTIManager"),
        ("15", "Cisco HAProxy"),
    ],
)
def test_services_are_restarted_at_the_end_where_no_phone_is_reset(
    version: str, services: str
) -> None:
    """A 7960 holds no list in a non-secure cluster, and takes none at a reset."""

    def restarts(goal: str, model: str) -> list[str]:
        plan = planned(goal, model, version=version, is_mixed=False)
        after = runbook_of(plan, Pace()).after
        return [each for each in after if each.startswith("Restart ")]

    (restart,) = restarts("CallManager, TVS", "7960")
    assert restart.startswith(f"Restart {services} on every node")
    assert restarts("TVS", "7960") == []
    assert restarts("CallManager, TVS", "8861") == []
