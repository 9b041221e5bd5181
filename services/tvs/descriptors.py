"""How many connections the process's limit of open files leaves room for."""

import resource
from dataclasses import replace
from typing import Final

from tokenless.services.tvs.settings import TvsLimits

# Left to everything else in the process (databases, files, other services): so many,
# or a quarter where the limit is low.
_DESCRIPTORS_FOR_OTHERS: Final = 256


def within_descriptors(limits: TvsLimits) -> TvsLimits:
    """Raise the process's soft limit of open files, and stay below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return limits
    room = hard - min(_DESCRIPTORS_FOR_OTHERS, hard // 4)
    return replace(limits, connections=min(limits.connections, room))
