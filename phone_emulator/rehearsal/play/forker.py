"""What the process loads that forks the workers of rehearsals, before it forks any.

Each worker would load as much by itself, and that takes longer than a short rehearsal.
"""

from tokenless.phone_emulator.rehearsal.play import worker

__all__ = ["worker"]
