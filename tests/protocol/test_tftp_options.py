"""Options of TFTP: what a server agrees to, and what follows from it."""

from collections.abc import Mapping

import pytest

from tokenless.protocol.tftp.options import (
    NegotiatedOptions,
    OptionLimits,
    negotiate,
)
from tokenless.protocol.tftp.packets import (
    OptionAck,
    decode_answer,
)

LIMITS = OptionLimits(block_size=1000, window=8)


def acknowledged_by(agreement: NegotiatedOptions) -> Mapping[str, str] | None:
    if agreement.option_ack is None:
        return None
    packet = decode_answer(agreement.option_ack)
    assert isinstance(packet, OptionAck)
    return packet.options


@pytest.mark.parametrize(
    ("options", "acknowledged"),
    [
        ({}, None),
        ({"blksize": "8"}, {"blksize": "8"}),
        ({"blksize": "1428"}, {"blksize": "1000"}),
        ({"blksize": "7"}, None),
        ({"blksize": "65465"}, None),
        ({"blksize": "abc"}, None),
        ({"blksize": "-8"}, None),
        ({"blksize": "8.5"}, None),
        ({"blksize": "٨"}, None),
        ({"blksize": "9" * 5000}, None),
        ({"tsize": "0"}, {"tsize": "77"}),
        ({"tsize": "x"}, None),
        ({"timeout": "3"}, {"timeout": "3"}),
        ({"timeout": "4"}, None),
        ({"timeout": "255"}, None),
        ({"timeout": "0"}, None),
        ({"timeout": "256"}, None),
        ({"windowsize": "65535"}, {"windowsize": "8"}),
        ({"windowsize": "0"}, None),
        ({"multicast": ""}, None),
        (
            {"windowsize": "2", "x": "y", "tsize": "0", "blksize": "600"},
            {"blksize": "600", "tsize": "77", "windowsize": "2"},
        ),
    ],
)
def test_options(options: dict[str, str], acknowledged: dict[str, str] | None) -> None:
    agreement = negotiate(options, LIMITS, 77)
    assert acknowledged_by(agreement) == acknowledged
    agreed = acknowledged or {}
    assert agreement.block_size == int(agreed.get("blksize", 512))
    assert agreement.window == int(agreed.get("windowsize", 1))


@pytest.mark.parametrize("block_size", [8, 512, 1428, 8192, 65464])
def test_a_window_holds_128_kb_at_most(block_size: int) -> None:
    limits = OptionLimits(window=65535)
    asked = {"blksize": str(block_size), "windowsize": "65535"}
    agreement = negotiate(asked, limits, 77)
    assert agreement.window * block_size <= 128 << 10
    assert agreement.window == (128 << 10) // block_size
    assert acknowledged_by(agreement) == {
        "blksize": str(block_size),
        "windowsize": str(agreement.window),
    }


@pytest.mark.parametrize(
    ("block_size", "window", "train"),
    [(512, 1, 0), (512, 2, 516), (511, 2, 0), (1428, 16, 1432)],
)
def test_windows_are_trains_of_equal_datagrams(
    block_size: int, window: int, train: int
) -> None:
    agreement = NegotiatedOptions(block_size=block_size, window=window)
    assert agreement.segment_bytes == train
