"""Both ends of a transfer on a network that does its worst."""

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rigs.lossy import DELIVERED, Fate, transfer_over
from tokenless.protocol.tftp.download import DownloadOptions, SilentServerError
from tokenless.protocol.tftp.endings import Timing, TransferOutcome
from tokenless.protocol.tftp.packets import TftpError

DELAYS = st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.4, 1.2, 5.0])
FATES: st.SearchStrategy[list[Fate]] = st.lists(
    st.lists(DELAYS, max_size=3).map(tuple), max_size=40
)
WISHES = st.builds(
    DownloadOptions,
    block_size=st.sampled_from([None, 8, 16, 100]),
    window=st.sampled_from([None, 1, 2, 4, 7]),
    timeout_option_s=st.sampled_from([None, 1, 3]),
    wants_size=st.booleans(),
)
DOUBLED: Fate = (0.0, 0.0)
LOST: Fate = ()


@given(
    content=st.binary(max_size=400),
    download_options=WISHES,
    to_server=FATES,
    to_client=FATES,
)
@example(b"x" * 96, DownloadOptions(block_size=8), [DOUBLED] * 40, [DOUBLED] * 40)
@example(
    b"x" * 96, DownloadOptions(block_size=8, window=4), [DOUBLED] * 40, [DOUBLED] * 40
)
@settings(max_examples=300)
def test_a_transfer_ends_with_the_file_or_a_named_error_in_time(
    content: bytes,
    download_options: DownloadOptions,
    to_server: list[Fate],
    to_client: list[Fate],
) -> None:
    report = transfer_over(
        content, download_options, to_server=to_server, to_client=to_client
    )
    if report.error is None:
        assert report.content == content
    else:
        assert isinstance(report.error, SilentServerError | TftpError)
    blocks = len(content) // (download_options.block_size or 512) + 2
    patience_s = download_options.timeout_s * (download_options.retransmits + 1)
    assert report.client_seconds <= blocks * patience_s
    # The server goes on for its own time-outs, then a minute of silence ends the test.
    longest_wait_s = 3.0 * (Timing().retransmits + 1)
    assert report.seconds <= (blocks + 2) * (patience_s + longest_wait_s) + 70
    assert report.outcomes or not report.from_server


@given(content=st.binary(max_size=600), download_options=WISHES)
def test_a_network_without_losses_sends_every_block_once(
    content: bytes, download_options: DownloadOptions
) -> None:
    report = transfer_over(content, download_options)
    assert report.content == content
    assert report.outcomes == [TransferOutcome.COMPLETE]
    assert (
        report.blocks_sent == len(content) // (download_options.block_size or 512) + 1
    )


def test_doubled_acks_do_not_double_blocks() -> None:
    """The Sorcerer's Apprentice: one doubled datagram, all the rest sent twice."""
    report = transfer_over(
        b"x" * 800,
        DownloadOptions(block_size=8),
        to_server=[DOUBLED] * 300,
        to_client=[],
    )
    assert report.content == b"x" * 800
    assert report.blocks_sent == 101


def test_doubled_acks_repeat_one_window_in_two_at_most() -> None:
    report = transfer_over(
        b"x" * 800, DownloadOptions(block_size=8, window=4), to_server=[DOUBLED] * 300
    )
    assert report.content == b"x" * 800
    assert report.blocks_sent <= 101 * 3 / 2 + 4


def test_one_lost_block_in_every_position_costs_one_retransmit() -> None:
    content = b"0123456789" * 10
    for position in range(13):
        fates = [DELIVERED] * position + [LOST]
        report = transfer_over(content, DownloadOptions(block_size=8), to_client=fates)
        assert report.content == content, position
        assert report.blocks_sent <= 14, position


def test_one_lost_ack_in_every_position_costs_one_retransmit() -> None:
    content = b"0123456789" * 10
    for position in range(1, 14):
        fates = [DELIVERED] * position + [LOST]
        report = transfer_over(content, DownloadOptions(block_size=8), to_server=fates)
        assert report.content == content, position
        assert report.blocks_sent <= 14 + Timing().retransmits, position


def test_a_lost_block_within_a_window_is_sent_again_without_a_timeout() -> None:
    content = bytes(range(64))
    fates = [DELIVERED] * 3 + [LOST]  # OACK, blocks 1 and 2; block 3 is lost
    download_options = DownloadOptions(block_size=8, window=4)
    report = transfer_over(content, download_options, to_client=fates)
    assert report.content == content
    assert report.client_seconds == 0


def test_a_first_ack_that_is_lost_four_times_still_counts() -> None:
    """The client has block 1 and repeats its ACK at its own, slower time-outs."""
    fates = [DELIVERED] + [LOST] * 4
    report = transfer_over(b"x" * 700, DownloadOptions(), to_server=fates)
    assert report.content == b"x" * 700
    assert report.outcomes == [TransferOutcome.COMPLETE]


def test_a_lossy_network_fails_no_transfer() -> None:
    """15% lost, 10% doubled, 10% late, each way: every file arrives."""
    chance = random.Random(0)
    fates = [LOST] * 15 + [DOUBLED] * 10 + [(0.05,), (1.2,)] * 5 + [DELIVERED] * 65
    for number in range(200):
        download_options = DownloadOptions(
            block_size=100, window=1 + number % 5, retransmits=8
        )
        report = transfer_over(
            bytes(700),
            download_options,
            to_server=chance.choices(fates, k=200),
            to_client=chance.choices(fates, k=200),
        )
        assert report.content == bytes(700), number


def test_a_dead_network_ends_in_a_named_error() -> None:
    report = transfer_over(b"x", DownloadOptions(), to_server=[LOST] * 20)
    assert isinstance(report.error, SilentServerError)
    assert report.client_seconds == 6.0
    assert not report.outcomes


def test_a_client_that_never_answers_costs_one_retransmit() -> None:
    report = transfer_over(b"x" * 600, DownloadOptions(), to_client=[LOST] * 99)
    assert isinstance(report.error, SilentServerError)
    assert TransferOutcome.NO_ANSWER in report.outcomes
    # The client's own request is repeated five times, and answered each time.
    assert report.blocks_sent == 6 + len(report.outcomes)
