"""Releases of CUCM: see protocol.release, which the planner of rehearsals reads too."""

from protocol.release import Release

__all__ = ["Release"]
