"""How many sequences of steps the planner looks at in a second.

    python benchmarks/planner.py [SECONDS]

Plans for three releases, four goals and two sizes of cluster; recovery commands are
allowed as steps, so that each search has the most to look at.
"""

import sys
import time

from tokenless.phone_emulator.planner.goal import parse_goal
from tokenless.phone_emulator.planner.model import Site
from tokenless.phone_emulator.planner.phones import Group
from tokenless.phone_emulator.planner.search import search
from tokenless.phone_emulator.planner.steps import ResetCtl, ResetItl
from tokenless.phone_emulator.planner.task import Task
from tokenless.protocol.release import Release

GOALS = (
    "TVS, CAPF",
    "CallManager, TVS",
    "CallManager, TVS, CAPF",
    "CallManager, TVS, CAPF, ITLRecovery",
)


def main() -> None:
    """Search until the time is over, print one line a search and a total."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    began = time.perf_counter()
    total = 0
    for version in ("10.5(1)", "11.5(1)", "12.5(1)"):
        for goal in GOALS:
            for nodes in (("pub", "sub1"), ("pub", "sub1", "sub2")):
                if time.perf_counter() - began > seconds:
                    break
                total += _search(version, goal, nodes)
    spent = time.perf_counter() - began
    print(f"{total} sequences in {spent:.2f} s: {total / spent:.0f} a second")
    print(f"10000 sequences: {10_000 * spent / total:.2f} s")


def _search(version: str, goal: str, nodes: tuple[str, ...]) -> int:
    site = Site(Release.parse(version), nodes)
    groups = tuple(
        Group(f"{model}-{number}", model, number)
        for model in ("7975", "8861")
        for number in range(len(nodes))
    )
    resets = (ResetCtl(), ResetItl())
    task = Task(site, groups, parse_goal(goal, site), resets=resets)
    began = time.perf_counter()
    found = search(task)
    spent = time.perf_counter() - began
    length = "none" if found.steps is None else f"{len(found.steps)} steps"
    print(
        f"{version:8} {len(nodes)} nodes  {goal:36} {length:9}"
        f"{found.explored:8} sequences {spent:7.2f} s"
    )
    return found.explored


if __name__ == "__main__":
    main()
