"""The order of lists, by the certificates that they hold."""

from collections.abc import Collection, Sequence

import pytest

from tests.phone_emulator.rehearsal.importing.lists import (
    CM,
    RECOVERY,
    TVS,
    ctl,
    itl,
    record,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.timeline import (
    Stage,
    Timeline,
    timeline_of,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.codes import TrustStore

NOTHING_TOLD = Timeline(())
PLACE = (RECOVERY, "")


def recovery(serial: str, year: int | None = None) -> ImportedRecord:
    return record(RECOVERY, serial=serial, year=year)


def order_of(
    *lists: ImportedList,
    shared: Collection[TrustStore] = (),
    in_use: Collection[str] = (),
) -> Timeline:
    return timeline_of(lists, shared=shared, in_use=in_use)


def oldest(node: str, *later: str) -> Timeline:
    """Return the timeline of ITLs that differ in ITLRecovery, CTL not given."""
    older = [*(each for each in (node, *later))]
    return Timeline(
        (
            Stage((), updates_ctl=True, has_older_ctl=False, older_itls=frozenset()),
            *(
                Stage((PLACE,), True, False, frozenset(older[: at + 1]))
                for at in range(len(older))
            ),
        )
    )


def test_a_list_alone_is_of_the_one_stage() -> None:
    whole = Stage((), updates_ctl=True, has_older_ctl=False, older_itls=frozenset())
    assert order_of(itl("pub")) == Timeline((whole,))
    assert not order_of(itl("pub")).is_divided


def test_dates_tell_the_order_and_not_serial_numbers() -> None:
    lists = itl("pub", recovery("B", 2020)), itl("sub", recovery("A", 2024))
    assert order_of(*lists) == oldest("pub")
    assert order_of(*lists).is_divided


def test_a_certificate_in_use_is_the_newest_whatever_dates_say() -> None:
    for years in ((2024, 2020), (None, None), (2020, 2024)):
        newer, older = (recovery(*each) for each in zip("AB", years, strict=True))
        lists = itl("pub", older), itl("sub", newer)
        assert order_of(*lists, in_use=["A"]) == oldest("pub")


def test_three_generations_are_two_regenerations() -> None:
    lists = [
        itl("sub2", recovery("A", 2024)),
        itl("pub", recovery("B", 2020)),
        itl("sub1.example.com", recovery("C", 2022)),
    ]
    assert order_of(*lists) == oldest("pub", "sub1")


@pytest.mark.parametrize("years", [(2024, None), (None, 2020), (None, None)])
def test_without_both_dates_the_ctl_is_taken_for_the_older(
    years: Sequence[int | None],
) -> None:
    found = order_of(
        ctl(record(CM), recovery("A", years[0])), itl("pub", recovery("B", years[1]))
    )
    first, second = found.stages
    assert (first.renewed, second.renewed) == ((), (PLACE,))
    assert (second.updates_ctl, second.has_older_ctl) == (False, True)
    assert second.older_itls == frozenset()
    assert found.is_guess


def test_a_ctl_that_is_newer_by_its_date_was_updated() -> None:
    found = order_of(
        ctl(record(CM), recovery("A", 2024)), itl("pub", recovery("B", 2020))
    )
    _, second = found.stages
    assert (second.updates_ctl, second.has_older_ctl) == (True, False)
    assert second.older_itls == {"pub"}
    assert not found.is_guess


def test_certificates_of_one_moment_have_no_order() -> None:
    lists = itl("pub", recovery("A", 2020)), itl("sub", recovery("B", 2020))
    assert order_of(*lists) == NOTHING_TOLD
    undated = itl("pub", recovery("A")), itl("sub", recovery("B"))
    assert order_of(*undated) == NOTHING_TOLD


def of_all(serial: str, year: int) -> list[ImportedRecord]:
    """Return what two nodes have of one CallManager certificate."""
    return [record(CM, node, serial, year=year, name="ms") for node in ("pub", "sub")]


def test_one_certificate_of_all_nodes_is_one_place() -> None:
    pub, sub = of_all("B", 2024)
    lists = ctl(*of_all("A", 2020)), itl("pub", pub), itl("sub", sub)
    found = order_of(*lists, shared={CM})
    assert [stage.renewed for stage in found.stages] == [(), ((CM, ""),)]
    assert found.stages[-1].has_older_ctl
    assert not found.is_divided
    assert order_of(*lists) == NOTHING_TOLD  # several nodes have it: it must be one


def test_two_certificates_of_one_place_in_one_list_tell_nothing() -> None:
    old, new = of_all("A", 2020)[0], of_all("B", 2024)[1]
    assert order_of(ctl(old, new), itl("pub", old), shared={CM}) == NOTHING_TOLD
    both = itl("pub", recovery("A", 2020), recovery("B", 2024))
    assert order_of(both) == NOTHING_TOLD
    twice = itl("pub", recovery("A", 2020), recovery("A", 2020))
    assert len(order_of(twice).stages) == 1


def test_lists_that_contradict_each_other_have_no_order() -> None:
    lists = [
        itl("pub", recovery("A", 2020), record(TVS, serial="D", year=2024)),
        itl("sub", recovery("B", 2024), record(TVS, serial="C", year=2020)),
    ]
    assert order_of(*lists) == NOTHING_TOLD
