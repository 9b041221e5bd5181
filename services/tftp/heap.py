"""The garbage collector of a process that serves thousands of transfers.

Transfers form no cycles; reference counts free them. But each makes a few objects, so a
boot storm starts the collector often, and every full collection looks at all that the
process has imported and loaded: some percent of the CPU, for nothing.
"""

import gc
from typing import Final

_FIRST_GENERATION: Final = 20_000
_LATER_GENERATIONS: Final = 50


def settle_heap() -> None:
    """Exempt what is loaded now from collection, and collect the rest less often.

    For a process that has started up and will serve until it ends; what is garbage
    later is collected as before, only later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_FIRST_GENERATION, _LATER_GENERATIONS, _LATER_GENERATIONS)
