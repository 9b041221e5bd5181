"""What the process loads that forks the workers of rehearsals, before it forks any.

Each worker would load as much by itself, and that takes longer than a short rehearsal.
"""

import signal

from tokenless.phone_emulator.rehearsal.play import worker

__all__ = ["worker"]

# Signals to a group of processes reach it, too: it ends when the parent ends, and not
# before, as what it has forked (`worker.leave_to_parent`). Ctrl-C it ignores anyway.
for _each in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(_each, signal.SIG_IGN)
