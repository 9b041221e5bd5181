"""Options of `rehearse explore`: which faults are played."""

import click

from tokenless.command_line import gathered
from tokenless.phone_emulator.rehearsal.explore.faults import FaultKind
from tokenless.phone_emulator.rehearsal.scripts.script import Script


class FaultChoice:
    """The faults to play, as the options choose them."""

    def __init__(
        self, *, pairs: int, seed: int, kinds: tuple[str, ...], from_step: int | None
    ) -> None:
        self.pairs = pairs
        self.seed = seed
        self.kinds = [FaultKind(kind) for kind in kinds]
        self.from_step = from_step

    def first_step(self, script: Script) -> int:
        """Return the first step with faults. Raises UsageError when there is none."""
        has_change = len(script.steps) > script.present_steps
        first = self.from_step or (script.present_steps + 1 if has_change else 1)
        if first > len(script.steps):
            raise click.UsageError(f"{script.name} has {len(script.steps)} steps")
        return first


fault_options = gathered(
    "choice",
    FaultChoice,
    click.option(
        "--pairs",
        type=click.IntRange(0, 10_000),
        default=0,
        help="The number of pairs of faults to play as well, chosen at random.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**32),
        default=1,
        help="Seed of the random choice; the same seed chooses the same pairs.",
    ),
    click.option(
        "--only",
        "kinds",
        multiple=True,
        type=click.Choice([kind.value for kind in FaultKind]),
        help="Play only faults of this kind; may be repeated.",
    ),
    click.option(
        "--from-step",
        type=click.IntRange(1),
        help="The first step with faults; default: the second, or the first that "
        "`rehearse import` did not write: those before it make the cluster as it is.",
    ),
)
