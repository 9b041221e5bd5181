"""Processes of tests that coverage does not measure.

It would import modules that a test does not want to see, and write files where a test
lets none be written.
"""

import os


def unmeasured() -> dict[str, str]:
    """Return the environment without what begins a measurement in a new process."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COVERAGE_PROCESS_")
    }
