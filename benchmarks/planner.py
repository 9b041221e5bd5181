"""The cost of planning: CPU time, memory, orders visited, by size, goal and release.

    python benchmarks/planner.py [SECONDS]

Eight models at every node that serves TFTP: in small clusters all nodes and one
CallManager group, in those of nine and 21 nodes two TFTP nodes and CallManager groups
of three. Each line is a process of its own, so that its memory is its own.
"""

import argparse
import resource
import time
from multiprocessing import get_context

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.planner.search.solve import Solution, solve
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release

MODELS = ("7975", "7965", "7945", "7960", "7940", "8861", "7821", "Jabber")
GOALS = ("CallManager, TVS", "CallManager, TVS, CAPF, ITLRecovery")
SIZES = (2, 3, 5, 9, 21)
VERSIONS = ("10.5(1)", "12.5(1)", "15")
_TFTP_APART_FROM = 9


def main() -> None:
    """Plan until the time is over, print one line a plan and a total."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    began = time.perf_counter()
    explored = left_out = 0
    print("nodes groups release  goal                                 steps")
    for size in SIZES:
        for version in VERSIONS:
            for goal in GOALS:
                if time.perf_counter() - began < seconds:
                    explored += _apart(size, version, goal)
                else:
                    left_out += 1
    spent = time.perf_counter() - began
    print(f"{explored} orders in {spent:.1f} s")
    if left_out:
        print(f"{left_out} plans were left out: the time was over; give more seconds")


def _apart(size: int, version: str, goal: str) -> int:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_plan, (size, version, goal))


def _plan(size: int, version: str, goal: str) -> int:
    task = _task(size, version, goal)
    began = time.process_time()
    solved = solve(task)
    searched = time.process_time() - began
    make_plan(task)
    spent = time.process_time() - began - searched
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{size:5} {len(task.groups):6} {version:8} {goal:36} {_length(solved):>9}"
        f"{solved.explored:7} orders {searched:6.2f} s, with its report {spent:6.2f} s"
        f" {megabytes:5.0f} MB"
    )
    return solved.explored


def _length(solved: Solution) -> str:
    if solved.steps is None:
        return "none"
    return f"{len(solved.steps)}{'' if solved.proven else ' (not proven)'}"


def _task(size: int, version: str, goal: str) -> Task:
    nodes = tuple(f"n{number}" for number in range(size))
    release = Release.parse(version)
    resets = PhoneInteraction.default_of(release)
    layout = ClusterLayout(release, nodes, interaction=resets)
    tftp, members = tuple(range(size)), [tuple(range(size))]
    if size >= _TFTP_APART_FROM:
        tftp = (1, 2)
        members = [(n, n + 1, n + 2) for n in range(3, size, 3)]
    groups = tuple(
        PhoneGroup(f"{model}-{node}-{each[0]}", model, node, each)
        for each in members
        for model in MODELS
        for node in tftp
    )
    return Task(layout, groups, parse_goal(goal, layout))


if __name__ == "__main__":
    main()
