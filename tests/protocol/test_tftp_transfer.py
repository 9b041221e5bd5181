"""The server's side: blocks, roll-over, what is ignored, what is repeated."""

import pytest

from tokenless.protocol.tftp.blocks import Blocks
from tokenless.protocol.tftp.endings import Timing, TransferOutcome
from tokenless.protocol.tftp.options import (
    PLAIN,
    NegotiatedOptions,
    OptionLimits,
)
from tokenless.protocol.tftp.packets import (
    encode_ack,
    encode_data,
    encode_error,
    encode_option_ack,
)
from tokenless.protocol.tftp.transfer import Transfer

LIMITS = OptionLimits(block_size=1000, window=8)


def begin(
    content: bytes, *, acknowledged: dict[str, str] | None = None, **agreed: int | None
) -> Transfer:
    option_ack = encode_option_ack(acknowledged) if acknowledged else None
    agreement = NegotiatedOptions(option_ack=option_ack, **agreed)  # type: ignore[arg-type]
    return Transfer(Blocks(content, agreement.block_size), agreement, Timing(), 0.0)


def test_a_file_is_sent_block_by_block() -> None:
    transfer = begin(b"a" * 512 + b"b")
    assert transfer.datagrams() == (encode_data(1, b"a" * 512),)
    assert not transfer.datagrams()
    transfer.receive(encode_ack(1), 0.1)
    assert transfer.datagrams() == (encode_data(2, b"b"),)
    transfer.receive(encode_ack(2), 0.2)
    assert transfer.outcome is TransferOutcome.COMPLETE
    assert transfer.answered
    assert (transfer.bytes_acknowledged, transfer.blocks_acknowledged) == (513, 2)


@pytest.mark.parametrize("size", [0, 512, 1024])
def test_a_whole_number_of_blocks_ends_with_an_empty_one(size: int) -> None:
    transfer = begin(bytes(size))
    last = b""
    for block in range(1, size // 512 + 2):
        (last,) = transfer.datagrams()
        transfer.receive(encode_ack(block), 0.0)
    assert last[4:] == b""
    assert transfer.outcome is TransferOutcome.COMPLETE


def test_options_are_acknowledged_before_the_first_block() -> None:
    transfer = begin(b"x" * 20, block_size=8, window=2, acknowledged={"blksize": "8"})
    assert transfer.datagrams() == (b"\0\6blksize\x008\0",)
    transfer.receive(encode_ack(0), 0.0)
    assert transfer.datagrams() == [encode_data(1, b"x" * 8), encode_data(2, b"x" * 8)]
    transfer.receive(encode_ack(2), 0.0)
    assert transfer.datagrams() == [encode_data(3, b"x" * 4)]
    transfer.receive(encode_ack(3), 0.0)
    assert transfer.outcome is TransferOutcome.COMPLETE


@pytest.mark.parametrize("window", [1, 5])
def test_block_numbers_roll_over(window: int) -> None:
    content = bytes(8 * 66_000)
    transfer = begin(
        content, block_size=8, window=window, acknowledged={"blksize": "8"}
    )
    transfer.datagrams()
    transfer.receive(encode_ack(0), 0.0)
    received = 0
    while transfer.outcome is None:
        datagrams = transfer.datagrams()
        assert [data[2:4] for data in datagrams] == [
            (received + n).to_bytes(4)[2:] for n in range(1, len(datagrams) + 1)
        ]
        received += len(datagrams)
        transfer.receive(encode_ack(received), 0.0)
    assert received == 66_001
    assert transfer.bytes_acknowledged == len(content)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\4",
        b"\0\4\0",
        encode_ack(0),
        encode_ack(2),
        encode_ack(65535),
        encode_data(1, b""),
        b"\0\1f\0octet\0",
        b"\0\5",
        b"\0\5\0",
        b"\xff" * 100,
    ],
)
def test_anything_else_changes_nothing(data: bytes) -> None:
    transfer = begin(b"x" * 600)
    transfer.datagrams()
    transfer.receive(data, 0.1)
    assert not transfer.datagrams()
    assert transfer.outcome is None
    assert not transfer.answered
    transfer.receive(encode_ack(1), 0.2)
    assert len(transfer.datagrams()) == 1


def test_a_padded_ack_counts() -> None:
    transfer = begin(b"x")
    transfer.receive(encode_ack(1) + b"\0\0", 0.1)
    assert transfer.outcome is TransferOutcome.COMPLETE
    assert transfer.answered


def test_a_repeated_ack_repeats_nothing() -> None:
    transfer = begin(b"x" * 2000)
    transfer.receive(encode_ack(1), 0.1)
    transfer.datagrams()
    for _ in range(10):
        transfer.receive(encode_ack(1), 0.2)
    assert not transfer.datagrams()


def test_before_an_answer_one_retransmit_and_then_silence() -> None:
    transfer = begin(b"x" * 2000)
    sent = len(transfer.datagrams())
    while transfer.outcome is None:
        transfer.tick(transfer.deadline)
        sent += len(transfer.datagrams())
    assert sent == 2
    assert transfer.outcome is TransferOutcome.NO_ANSWER


def test_nothing_large_is_sent_before_an_answer() -> None:
    transfer = begin(
        bytes(100_000), block_size=65464, window=8, acknowledged={"blksize": "65464"}
    )
    while transfer.outcome is None:
        assert sum(map(len, transfer.datagrams())) < 520
        transfer.tick(transfer.deadline)


def test_timeouts_grow_and_progress_resets_them() -> None:
    transfer = begin(b"x" * 2000)
    transfer.receive(encode_ack(1), 0.0)
    waits = []
    for _ in range(6):
        before = transfer.deadline
        transfer.tick(before)
        waits.append(round(transfer.deadline - before, 3))
    assert waits == [0.3, 0.6, 1.2, 2.4, 3.0, 3.0]
    transfer.receive(encode_ack(2), 20.0)
    assert transfer.deadline == pytest.approx(20.3)
    assert transfer.retransmits == 6


def test_a_tick_too_early_does_nothing() -> None:
    transfer = begin(b"x")
    transfer.datagrams()
    transfer.tick(transfer.deadline - 0.001)
    assert not transfer.datagrams()


def test_an_agreed_timeout_stays_as_it_is() -> None:
    transfer = begin(b"x" * 600, timeout_s=2, acknowledged={"timeout": "2"})
    assert transfer.deadline == 2.0
    transfer.tick(2.0)
    assert transfer.deadline == 4.0


@pytest.mark.parametrize("answers", [0, 1])
@pytest.mark.parametrize("timeout_s", [None, 1, 3, 255])
def test_silence_ends_whatever_timeout_was_agreed(
    timeout_s: int | None, answers: int
) -> None:
    acknowledged = None if timeout_s is None else {"timeout": str(timeout_s)}
    transfer = begin(b"x" * 2000, timeout_s=timeout_s, acknowledged=acknowledged)
    for answer in range(answers):
        transfer.receive(encode_ack(answer + (timeout_s is None)), 1.0)
    now = 0.0
    while transfer.outcome is None:
        now = transfer.deadline
        transfer.tick(now)
    assert now <= answers * 1.0 + Timing().silence_s
    assert transfer.silent_since == answers * 1.0


def test_after_the_last_retransmit_each_repeated_ack_gets_one_packet() -> None:
    timing = Timing(retransmits=1)
    transfer = Transfer(Blocks(b"x" * 2000, 512), PLAIN, timing, 0.0)
    transfer.datagrams()
    transfer.receive(encode_ack(1), 0.0)
    transfer.datagrams()
    transfer.tick(transfer.deadline)
    assert len(transfer.datagrams()) == 1
    transfer.tick(transfer.deadline)
    assert not transfer.datagrams()
    assert transfer.is_dormant
    for _ in range(3):
        transfer.receive(encode_ack(1), 2.0)
        assert transfer.datagrams() == [encode_data(2, b"x" * 512)]
    transfer.receive(encode_ack(2), 2.5)
    assert transfer.datagrams() == (encode_data(3, b"x" * 512),)
    assert not transfer.is_dormant


def test_a_repeated_request_is_answered_when_nothing_else_would_be_sent() -> None:
    transfer = Transfer(
        Blocks(b"x", 512), PLAIN, Timing(retransmits_before_answer=0), 0.0
    )
    transfer.datagrams()
    transfer.ask_again()
    assert not transfer.datagrams()  # the first answer is still on its way
    transfer.tick(transfer.deadline)
    assert not transfer.datagrams()
    transfer.ask_again()
    assert transfer.datagrams() == [encode_data(1, b"x")]
    transfer.receive(encode_ack(1), 2.0)
    assert transfer.outcome is TransferOutcome.COMPLETE


@pytest.mark.parametrize(
    ("acked", "outcome"),
    [(1, TransferOutcome.STALLED), (2, TransferOutcome.UNCONFIRMED)],
)
def test_silence_later(acked: int, outcome: TransferOutcome) -> None:
    transfer = begin(bytes(512 * 2 + 1))
    for block in range(1, acked + 1):
        transfer.receive(encode_ack(block), 0.0)
    while transfer.outcome is None:
        transfer.tick(transfer.deadline)
    assert transfer.outcome is outcome


def test_a_client_may_give_up() -> None:
    transfer = begin(b"x" * 600)
    transfer.receive(encode_error(3, "no room"), 0.1)
    assert transfer.outcome is TransferOutcome.CLIENT_ERROR
    assert transfer.client_error is not None
    assert transfer.client_error.message == "no room"


def test_a_gap_in_a_window_goes_on_behind_the_last_block_held() -> None:
    transfer = begin(bytes(100), block_size=8, window=4, acknowledged={"blksize": "8"})
    transfer.receive(encode_ack(0), 0.0)
    transfer.datagrams()
    transfer.receive(encode_ack(2), 0.1)
    numbers = [data[3] for data in transfer.datagrams()]
    assert numbers == [3, 4, 5, 6]
    transfer.receive(encode_ack(9), 0.2)
    assert not transfer.datagrams()


def test_only_the_next_ack_is_awaited() -> None:
    transfer = begin(bytes(2000))
    assert transfer.awaits(encode_ack(1))
    assert not transfer.awaits(encode_ack(2))


def test_a_client_that_is_gone() -> None:
    """The network says so: nothing was answered, not all was sent, all was sent."""
    gone, midway, late = begin(b"x" * 600), begin(b"x" * 1600), begin(b"x" * 600)
    for transfer in (midway, late):
        transfer.receive(encode_ack(1), 0.1)
    for transfer in (gone, midway, late):
        transfer.lose_client()
    assert gone.outcome is TransferOutcome.NO_ANSWER
    assert midway.outcome is TransferOutcome.STALLED
    assert late.outcome is TransferOutcome.UNCONFIRMED
    complete = begin(b"x")
    complete.receive(encode_ack(1), 0.1)
    complete.lose_client()
    assert complete.outcome is TransferOutcome.COMPLETE


def test_only_a_plain_ack_in_the_middle_has_the_short_path() -> None:
    transfer = begin(b"x" * 1500)
    transfer.datagrams()
    assert transfer.next_packet(encode_ack(1), 0.0) is None  # the first answer
    assert not transfer.answered
    transfer.receive(encode_ack(1), 0.0)
    assert transfer.datagrams() == (encode_data(2, b"x" * 512),)
    for stray in (encode_ack(1), encode_error(0, "no"), b""):
        assert transfer.next_packet(stray, 1.0) is None
    assert transfer.next_packet(encode_ack(2), 1.0) == encode_data(3, b"x" * 476)
    assert transfer.blocks_acknowledged == 2
    assert not transfer.datagrams()
    assert transfer.next_packet(encode_ack(3), 2.0) is None  # the last
    transfer.receive(encode_ack(3), 2.0)
    assert transfer.outcome is TransferOutcome.COMPLETE
