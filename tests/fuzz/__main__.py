"""Fuzz: `python -m tests.fuzz [--seconds S] [--executions N] [--seed S] [TARGET…]`.

A finding is written beside the working folder and ends the run with status 1.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from tests.fuzz import (
    capf,
    datagrams,
    documents,
    formats,
    http,
    signalling,
    tvs,
    uploads,
)
from tests.fuzz.engine import Budget, FoundError, Seeded, fuzz

MILLION = 1_000_000


def all_seeds() -> dict[str, Seeded]:
    """Return all targets with what they start from."""
    return (
        formats.seeds()
        | datagrams.seeds()
        | tvs.seeds()
        | http.seeds()
        | capf.seeds()
        | uploads.seeds()
        | signalling.seeds()
        | documents.seeds()
    )


def main() -> int:
    """Run from the command line."""
    seeds = all_seeds()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(seeds))
    parser.add_argument("--seconds", type=float, help="of the processor, a target")
    parser.add_argument("--executions", type=int, help="how many, a target")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    unknown = set(options.targets) - set(seeds)
    if unknown:
        parser.error(f"no targets: {', '.join(sorted(unknown))}")
    budget = Budget(
        options.executions or (sys.maxsize if options.seconds else MILLION),
        options.seconds or float("inf"),
    )
    try:
        for name in options.targets or seeds:
            said = fuzz(name, seeds[name], budget, options.seed)
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
    except FoundError as found:
        name = f"crash-{hashlib.sha256(found.data).hexdigest()[:16]}"
        Path(name).write_bytes(found.data)
        sys.stderr.write(f"{name}: {found.__cause__!r}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
