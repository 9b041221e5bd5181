"""What stays of a change when its cluster is read again."""

from msgspec.structs import replace

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.studio.study import Change, Understood


def kept_change(change: Change, cluster: Understood | None) -> tuple[Change, str]:
    """Return what is left of a change, and the sentence about what is not.

    While there is no cluster all of it is left: its files may be on their way.
    """
    if cluster is None or change.kind == "none":
        return change, ""
    if change.kind == "ticked":
        return _still_ticked(change, cluster)
    base = cluster.script
    try:
        check_lines(replace(base, steps=(*base.steps, *change.steps)))
    except PhoneError:
        return Change(text=change.text), (
            "The ticket's commands do not all fit the cluster any more: look at them "
            "on the page Your change."
        )
    return change, ""


def _still_ticked(change: Change, cluster: Understood) -> tuple[Change, str]:
    units = tuple(unit for unit in change.units if unit in cluster.units)
    if units == change.units:
        return change, ""
    lost = ", ".join(unit for unit in change.units if unit not in units)
    left = Change("ticked", units) if units else Change()
    return left, f"Not ticked any more, because the cluster has it no longer: {lost}."
