"""The reader that cannot leave its part, and the elements that it reads."""

import pytest

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.wire import Reader, pack_element


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2), (0, 4), (4, None)])
def test_a_part_outside_the_bytes_is_a_callers_mistake(
    start: int, end: int | None
) -> None:
    with pytest.raises(ValueError, match="of 3 bytes"):
        Reader(b"abc", start, end)


def test_elements_are_read_up_to_the_end_of_the_part_only() -> None:
    data = pack_element(7, b"seven") + pack_element(8, b"eight")
    reader = Reader(data, end=8)
    assert reader.peek() == 7
    assert reader.element() == (7, b"seven")
    assert reader.remaining == 0
    with pytest.raises(DecodeError, match="a byte is missing at byte 8"):
        reader.peek()
    with pytest.raises(DecodeError, match="head is cut short at byte 8"):
        reader.element()


def test_an_element_that_claims_more_than_its_part_has() -> None:
    data = pack_element(7, b"seven")
    reader = Reader(data, end=7)
    with pytest.raises(DecodeError, match="claims 5 bytes, 4 are left at byte 0"):
        reader.element()


def test_an_element_holds_65_535_bytes() -> None:
    assert pack_element(1, bytes(0xFFFF))[:3] == b"\x01\xff\xff"
    with pytest.raises(ValueError, match="cannot hold 65536 bytes"):
        pack_element(1, bytes(0x10000))
