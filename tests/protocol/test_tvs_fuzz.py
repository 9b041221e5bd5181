"""A short run of the TVS fuzzer; the long ones are run by hand."""

from tests.fuzz import tvs


def test_a_short_run_finds_nothing() -> None:
    tvs.fuzz(executions=3000, seed=1)


def test_the_seeds_are_taken() -> None:
    for target, inputs in tvs.seeds().values():
        for data in inputs:
            target(data)
