"""When a node is well, when it only serves, when a restart may mend it."""

from typing import Any

import msgspec
import pytest

from tokenless.services.monitoring.health import (
    Health,
    NodeHealth,
    Question,
    ServiceState,
    Verdict,
    judge,
    unreachable,
)

NOW = 1_700_000_000.0
STARTED = ServiceState.STARTED


def node(*states: ServiceState, stale_for_s: float | None = None) -> NodeHealth:
    return judge(
        "lab-pub",
        {f"service {number}": state for number, state in enumerate(states)},
        revision=7,
        stale_for_s=stale_for_s,
        reason=None if stale_for_s is None else "the database is away",
        now=NOW,
    )


@pytest.mark.parametrize(
    ("states", "stale_for_s", "verdict", "yes"),
    [
        ([STARTED, STARTED], None, Verdict.OK, "health ready live"),
        ([STARTED, STARTED], 90.0, Verdict.DEGRADED, "health live"),
        ([STARTED, ServiceState.STOPPED], None, Verdict.DEGRADED, "health live"),
        ([STARTED, ServiceState.STARTING], None, Verdict.DEGRADED, "health live"),
        ([ServiceState.STOPPED], None, Verdict.DEGRADED, "health live"),
        ([STARTED, ServiceState.FAILED], None, Verdict.FAILING, "live"),
        ([ServiceState.FAILED, ServiceState.STOPPED], 90.0, Verdict.FAILING, ""),
    ],
)
def test_verdicts_and_what_orchestrators_do(
    states: list[ServiceState], stale_for_s: float | None, verdict: Verdict, yes: str
) -> None:
    found = node(*states, stale_for_s=stale_for_s)
    assert found.verdict is verdict
    process = Health.of([found])
    assert [each for each in Question if process.says_yes_to(each)] == yes.split()


def test_a_server_that_drops_requests_is_degraded() -> None:
    found = judge(
        "lab-pub",
        {"Cisco Tftp": STARTED},
        revision=7,
        stale_for_s=None,
        reason=None,
        now=NOW,
        drops_requests=True,
    )
    assert found.verdict is Verdict.DEGRADED
    assert msgspec.to_builtins(found)["drops_requests"] is True


@pytest.mark.parametrize(
    "what",
    [{"unwritten": {"revision": "a full disk"}}, {"newer_schema": "upgrade the node"}],
)
def test_what_the_database_does_not_take_or_a_newer_program_made_is_degraded(
    what: dict[str, Any],
) -> None:
    services = {"Cisco Tftp": STARTED}
    times: dict[str, Any] = {"stale_for_s": None, "reason": None, "now": NOW}
    found = judge("lab-pub", services, revision=7, **times, **what)
    assert found.verdict is Verdict.DEGRADED
    assert what.items() <= msgspec.to_builtins(found).items()
    fallen = {"Cisco Tftp": ServiceState.FAILED}
    found = judge("lab-pub", fallen, revision=7, **times, **what)
    assert found.verdict is Verdict.FAILING


def test_a_newer_schema_alone_does_not_hinder_the_replacement_of_a_node() -> None:
    """Orchestrators replace ready nodes only, and that is what such a node needs."""

    def is_ready(state: ServiceState = STARTED, **what: Any) -> bool:  # noqa: ANN401
        given: dict[str, Any] = {"stale_for_s": None, "reason": None, "now": NOW}
        newer = "upgrade the node"
        found = judge(
            "a", {"s": state}, revision=7, newer_schema=newer, **(given | what)
        )
        assert found.verdict is not Verdict.OK
        return Health.of([found]).says_yes_to(Question.READY)

    assert is_ready()
    assert not is_ready(ServiceState.STOPPED)
    assert not is_ready(ServiceState.FAILED)
    assert not is_ready(stale_for_s=1.0, reason="away")
    assert not is_ready(drops_requests=True)
    assert not is_ready(unwritten={"revision": "a full disk"})
    assert not Health.of([]).says_yes_to(Question.READY)


def test_what_was_found_is_told() -> None:
    assert node(STARTED) == NodeHealth(
        node="lab-pub",
        verdict=Verdict.OK,
        revision=7,
        services={"service 0": STARTED},
        stale_since=None,
        reason=None,
    )
    silent = unreachable("lab-sub", "no answer")
    assert silent == NodeHealth(
        node="lab-sub",
        verdict=Verdict.FAILING,
        revision=0,
        services={},
        stale_since=None,
        reason="no answer",
    )
    assert not Health.of([silent]).says_yes_to(Question.LIVE)


def test_since_when_caches_are_stale() -> None:
    found = msgspec.to_builtins(node(STARTED, stale_for_s=90.0))
    assert found["stale_since"] == "2023-11-14T22:11:50Z"
    assert found["reason"] == "the database is away"
    assert msgspec.to_builtins(node(STARTED))["stale_since"] is None


def test_a_process_is_as_its_worst_node() -> None:
    well, ill = node(STARTED), node(ServiceState.FAILED)
    assert Health.of([well, node(STARTED, stale_for_s=1.0)]).verdict == "degraded"
    assert Health.of([ill, well]).verdict == "failing"
    assert Health.of([]).verdict == "failing"
    assert Health.of([ill, well]).says_yes_to(Question.LIVE)  # killed, it serves less
    assert not Health.of([]).says_yes_to(Question.LIVE)
