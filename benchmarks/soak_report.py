"""The table of the soak: changes, kills, and the memory of each process."""

from dataclasses import asdict, dataclass, field
from typing import Final

from benchmarks.soak_cluster import Life

_WARM_S: Final = 180.0
"""What a process has made and loaded by then, it keeps."""
_GROWTH: Final = 0.15
_GROWTH_MB: Final = 8.0


@dataclass(slots=True)
class Minute:
    """One line of the table."""

    began_s: float
    change: str
    took_s: float | None = None
    """Until every phone was registered and had the newest lists; None: never."""
    resets: int = 0
    """How often phones that had missed the reset were reset again."""
    kills: list[str] = field(default_factory=list)
    registered: int = 0
    memory_mb: dict[str, float] = field(default_factory=dict)
    load: float = 0.0


@dataclass(slots=True)
class Kill:
    """One kill, and how long phones were without dial tone."""

    node: str
    at_s: float
    had: int
    """Phones registered there."""
    down_s: float
    returned_s: float | None = None
    """Until all phones were registered, resets of the same time included."""


def line_of(minute: Minute) -> str:
    """Return a line of the table."""
    took = "LOST" if minute.took_s is None else f"{minute.took_s:.0f} s"
    memory = " ".join(f"{name} {mb:.0f}" for name, mb in minute.memory_mb.items())
    again = f" ({minute.resets} more resets)" if minute.resets else ""
    return (
        f"{minute.began_s / 60:5.1f} min  {minute.change:<48} {took:>6}{again}  "
        f"{minute.registered} registered  killed: {', '.join(minute.kills) or '-'}  "
        f"MB: {memory}  load {minute.load:.1f}"
    )


def growth(life: Life) -> dict[str, object] | None:
    """Return the memory of a process when it was warm and at its end."""
    warm = [mb for at, mb in life.memory.items() if at - life.began >= _WARM_S]
    if len(warm) < 24:  # two minutes
        return None
    first, last = sum(warm[:12]) / 12, sum(warm[-12:]) / 12
    return {
        "process": life.node,
        "began_s": round(life.began),
        "ended_s": round(max(life.memory)),
        "warm_mb": round(first, 1),
        "end_mb": round(last, 1),
        "most_mb": round(max(warm), 1),
        "files": [*life.files.values()][-1:],
        "flat": last - first <= max(_GROWTH_MB, _GROWTH * first),
    }


def report_of(
    minutes: list[Minute], kills: list[Kill], lives: list[Life], bound_s: float
) -> dict[str, object]:
    """Return what was seen of times and of memory, as JSON has it.

    Args:
        minutes: The changes.
        kills: The kills.
        lives: The processes.
        bound_s: The longest time without dial tone after a kill.
    """
    processes = [each for life in lives if (each := growth(life)) is not None]
    late = [
        asdict(kill)
        for kill in kills
        if kill.returned_s is None or kill.returned_s > bound_s
    ]
    return {
        "minutes": [asdict(each) for each in minutes],
        "kills": [asdict(each) for each in kills],
        "late": late,
        "processes": processes,
        "flat": all(each["flat"] for each in processes),
    }
