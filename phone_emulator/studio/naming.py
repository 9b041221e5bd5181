"""Names of sources: every node's list is called ITLFile.tlv, and none is lost."""

from collections.abc import Collection, Mapping, Sequence

from tokenless.phone_emulator.studio.archive import GivenSource, plain_name
from tokenless.phone_emulator.studio.study import Source


def distinct(given: Sequence[GivenSource]) -> list[GivenSource]:
    """Return the sources of a form under plain names of their own, each file once."""
    kept: list[GivenSource] = []
    for name, data in dict.fromkeys((plain_name(g.name), g.data) for g in given):
        kept.append(GivenSource(free_name(name, [k.name for k in kept]), data))
    return kept


def beside(
    before: Sequence[Source], new: Sequence[Source], given: Sequence[GivenSource]
) -> list[GivenSource]:
    """Return new sources under names that replace only what they are meant to.

    A file replaces one of its name, unless both are lists and of other owners.

    Args:
        before: What there is.
        new: What the given ones were recognised as.
        given: The new ones.
    """
    old = {each.name: _owner(each) for each in before}
    now = {each.name: _owner(each) for each in new}
    renamed = []
    for each in given:
        of, name = now.get(each.name, ""), each.name
        if of and old.get(name) and old[name] != of:
            name = _name_of(of, name, old)
        renamed.append(GivenSource(name, each.data))
    return renamed


def _name_of(owner: str, name: str, old: Mapping[str, str]) -> str:
    """Return the name under which that owner's list was given before, or a free one."""
    stem = name.rpartition(".")[0] or name
    known = (n for n, of in old.items() if of == owner and n.startswith(f"{stem}-"))
    return next(known, None) or free_name(name, old)


def _owner(source: Source) -> str:
    """Return what a list is, as `ITL of sub1`; empty: it is no list."""
    words = source.what.partition(",")[0]
    return words if words.startswith(("CTL", "ITL")) else ""


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name, with a number where it is taken."""
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    number, found = 2, name
    while found in taken:
        found, number = f"{stem}-{number}{dot}{ending}", number + 1
    return found
