"""Threads of a node that ask its database, which may never answer.

A shared database can hang with its host, or wait for a standby or a lock: a node that
is to end does not wait for it. What a thread has found by then is not used any more.
"""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

from tokenless.services.cluster.cluster import Cluster

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


async def in_thread(
    cluster: Cluster, work: Callable[[*_Arguments], _Result], *arguments: *_Arguments
) -> _Result:
    """Run blocking work in a thread, and return what it returns.

    Args:
        cluster: Whose database it asks; work with one that no other host shares is
            awaited.
        work: What is run.
        arguments: Its arguments.

    Raises:
        BaseException: What the work raises.
    """
    return await trio.to_thread.run_sync(
        work, *arguments, abandon_on_cancel=cluster.store.is_shared
    )
