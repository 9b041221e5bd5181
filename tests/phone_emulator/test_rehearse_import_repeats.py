"""Lists of an import that are given twice, or differ where there can be one only."""

from dataclasses import replace
from typing import Final

import pytest

from tests.rigs.cluster import PUB
from tests.rigs.lists import tokenless
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
    lists_of,
    without_repeats,
)
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.show_output.lines import show_trust_list
from tokenless.protocol.trust.verdicts import FileKind

MODIFIED: Final = "Fri Mar 06 19:45:13 CET 2015"
CTL, ITL = FileKind.CTL, FileKind.ITL


def member(node: str) -> ImportedRecord:
    return ImportedRecord(Role.CCM_TFTP, node, PUB, "CN=a;O=Lab", "01", 1024)


def test_the_same_list_twice_is_one() -> None:
    data = tokenless().data
    shown = show_trust_list(TrustList.decode(data), kind="CTL", modified=MODIFIED)
    (ctl,) = lists_of(data, CTL, "file")
    (text,) = lists_of(shown.encode(), CTL, "text")
    assert without_repeats([ctl, text]) == [ctl]
    itl = ImportedList(ITL, "", "01", (member("pub"),), "one")
    again = replace(itl, entries=(member("PUB"),))
    sub = replace(itl, entries=(member("sub"),), source="two")
    assert without_repeats([itl, ctl, sub, itl, text]) == [itl, ctl, sub]
    with pytest.raises(PhoneError):
        without_repeats([itl, again])


@pytest.mark.parametrize(
    "changed",
    [
        replace(member("pub"), role=Role.TFTP),
        replace(member("pub"), subject="CN=b"),
        replace(member("pub"), serial="02"),
    ],
)
def test_two_different_lists_in_one_place_are_refused(changed: ImportedRecord) -> None:
    one = ImportedList(ITL, "", "01", (member("pub"),), "one")
    other = replace(one, source="two", entries=(changed,))
    resigned = replace(one, source="two", signer_serial="02")
    for second in (other, resigned):
        with pytest.raises(PhoneError) as found:
            without_repeats([one, second])
        assert str(found.value) == "one and two are different ITLFile.tlv files of pub"
        assert found.value.hint == (
            "a cluster has one CTL, and each node one ITL: give the newest"
        )
    ctls = [replace(each, kind=CTL) for each in (one, other)]
    with pytest.raises(PhoneError, match=r"are different CTLFile\.tlv files$"):
        without_repeats(ctls)
