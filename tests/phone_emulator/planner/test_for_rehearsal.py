"""Planning for the cluster that a rehearsal ends with: what the model cannot follow."""

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.steps import Regenerate
from tokenless.phone_emulator.rehearsal.planned_from import task_for
from tokenless.phone_emulator.rehearsal.script import Group, Script, Step
from tokenless.protocol.codes import TrustStore

SUBSCRIBER = "cucm-1051-a-sub1"
UNKNOWN = "the planner's model does not know the step"


def rehearsal(*lines: str, tftp: tuple[str, ...] = ()) -> Script:
    return Script(
        name="ours",
        lesson="ours",
        groups=(Group(name="desk", tftp=tftp),),
        steps=(Step(title="all of it", run=("phones boot", *lines)),),
    )


def test_a_regeneration_is_understood_in_any_case() -> None:
    changed = rehearsal(f"admin --node {SUBSCRIBER} set cert regen tvs")
    task = task_for(changed, "CAPF")
    world, before = task.first_world(), task_for(rehearsal(), "CAPF").first_world()
    slot = task.site.slots.index((TrustStore.TVS, 1))
    assert world.cluster.generations[slot] == before.cluster.generations[slot] + 1
    assert task.goal == (Regenerate(TrustStore.CAPF),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("admin set cert regen tomcat", "there is no certificate 'tomcat'"),
        ("admin --node nobody set cert regen TVS", "there is no node 'nobody'"),
        (
            f"admin --node {SUBSCRIBER} set cert regen CAPF",
            "CAPF is the publisher's, for the whole cluster",
        ),
        # On every node, or in another cluster: the model would do something else.
        ("admin --all set cert regen TVS", UNKNOWN),
        ("admin --cluster old utils ctl update CTLFile", UNKNOWN),
        ("admin --cluster old --all utils service restart Cisco Tftp", UNKNOWN),
    ],
)
def test_a_step_that_the_model_does_not_know_is_refused(line: str, why: str) -> None:
    with pytest.raises(PhoneError, match=UNKNOWN) as refused:
        task_for(rehearsal(line), "CAPF")
    assert why in str(refused.value)
    assert refused.value.hint


def test_phones_of_another_cluster_are_refused() -> None:
    with pytest.raises(PhoneError, match="desk ask far, which is not in the cluster"):
        task_for(rehearsal(tftp=("far",)), "CAPF")
