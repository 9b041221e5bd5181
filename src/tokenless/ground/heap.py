"""The garbage collector of processes that make many small objects and run for long."""

import gc
import time
from typing import Final

import trio

_FIRST_GENERATION: Final = 20_000
_LATER_GENERATIONS: Final = 50
_COLLECT_EVERY_S: Final = 60.0
_SHARE_OF_TIME: Final = 0.002


def freeze_heap_after_startup() -> None:
    """Exempt loaded objects from garbage collection; collect new ones less often.

    Call it once, after start-up. Transfers form next to no cycles: reference counts
    free them. But each makes a few objects, so a boot storm would start the collector
    often, and each full collection would walk all imported modules and loaded files:
    several percent of the CPU without any use. What does form cycles is left to
    `collect_garbage`: services that were restarted, with all their files, connections
    to nodes that are down, and the database's statements.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_FIRST_GENERATION, _LATER_GENERATIONS, _LATER_GENERATIONS)


async def collect_garbage() -> None:
    """Collect all garbage each minute, until cancelled.

    Objects that live for minutes reach the oldest generation, which Python itself would
    collect after fifty million objects: the files of a service that was restarted would
    never be freed. A large heap is collected less often, so that it costs no more than
    two thousandths of a processor. The thread's own time counts: on a busy machine
    a collection of 0.1 s takes half a second, and would come every four minutes.
    """
    pause_s = _COLLECT_EVERY_S
    while True:
        await trio.sleep(pause_s)
        began = time.thread_time()
        gc.collect()
        spent_s = time.thread_time() - began
        pause_s = max(_COLLECT_EVERY_S, spent_s / _SHARE_OF_TIME)
