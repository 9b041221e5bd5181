"""Rehearsals: a scripted change, run with real services and real emulated phones.

Rooms, from the ground up; each imports only those above it in this list:

- `scripts/`: the TOML file, its lines of `run`, and the checks before anything starts.
- `rig/`: the clusters and groups of phones that a script describes, running.
- `outcome/`: the status of each group after a step, causes, remedies, expectations.
- `play/`: the steps of a script, one after the other, on a rig.
- `reports/`: what a rehearsal showed, as text, tables and one HTML page.
- `planning/`: from a plan of `planner/` to a script, and back.
- `importing/`: from the trust lists of a real cluster to a script.

The demo is a rehearsal.
"""
