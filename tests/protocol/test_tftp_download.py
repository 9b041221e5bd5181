"""The phone's side: identifiers, options, limits, hostile servers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.tftp.download import (
    Download,
    DownloadOptions,
    SilentServerError,
    TooLargeError,
)
from tokenless.protocol.tftp.packets import (
    TftpError,
    TftpErrorCode,
    encode_ack,
    encode_data,
    encode_error,
    encode_option_ack,
)

HOST = "127.0.47.155"
TID = (HOST, 40001)


def begin(download_options: DownloadOptions | None = None) -> Download:
    download = Download("CTLFile.tlv", HOST, 0.0, download_options)
    assert [port for _, port in download.datagrams()] == [None]
    return download


def test_a_file_arrives() -> None:
    download = begin()
    download.receive(encode_data(1, b"a" * 512), TID, 0.1)
    assert download.datagrams() == [(encode_ack(1), TID[1])]
    download.receive(encode_data(2, b"b"), TID, 0.2)
    assert download.datagrams() == [(encode_ack(2), TID[1])]
    assert download.is_over
    assert download.result() == b"a" * 512 + b"b"


def test_the_result_before_the_end_is_a_callers_mistake() -> None:
    with pytest.raises(RuntimeError):
        begin().result()


def test_a_repeated_block_is_acknowledged_again_but_not_taken_twice() -> None:
    download = begin()
    for _ in range(2):
        download.receive(encode_data(1, b"a" * 512), TID, 0.1)
    assert download.datagrams() == [(encode_ack(1), TID[1])] * 2
    download.receive(encode_data(2, b""), TID, 0.2)
    download.datagrams()
    download.receive(encode_data(2, b""), TID, 0.3)
    assert download.datagrams() == [(encode_ack(2), TID[1])]
    assert download.result() == b"a" * 512


def test_another_port_is_answered_with_error_5_and_disturbs_nothing() -> None:
    download = begin()
    download.receive(encode_data(1, b"a" * 512), TID, 0.1)
    download.datagrams()
    download.receive(encode_data(2, b"forged"), (HOST, 6), 0.2)
    download.receive(encode_error(1), (HOST, 6), 0.2)
    assert download.datagrams() == [
        (encode_error(TftpErrorCode.UNKNOWN_TRANSFER_ID), 6)
    ]
    download.receive(encode_data(2, b"true"), TID, 0.3)
    assert download.result().endswith(b"true")


def test_another_host_is_not_heard_at_all() -> None:
    download = begin()
    download.receive(encode_data(1, b"forged"), ("127.0.0.9", TID[1]), 0.1)
    assert not download.datagrams()
    assert not download.is_answered


def test_a_block_of_an_earlier_transfer_fixes_no_identifier() -> None:
    download = begin()
    download.receive(encode_data(7, b"old"), (HOST, 6), 0.1)
    assert not download.is_answered
    download.receive(encode_data(1, b"new"), TID, 0.2)
    assert download.result() == b"new"


def test_not_found() -> None:
    download = begin()
    download.receive(encode_error(1, "File not found"), TID, 0.1)
    with pytest.raises(TftpError) as caught:
        download.result()
    assert caught.value.code == TftpErrorCode.FILE_NOT_FOUND


def test_silence_before_and_after_the_first_block() -> None:
    download = begin()
    while not download.is_over:
        download.tick(download.deadline)
    assert len(download.datagrams()) == 5
    with pytest.raises(SilentServerError, match="does not answer"):
        download.result()
    download = begin()
    download.receive(encode_data(1, b"a" * 512), TID, 0.1)
    while not download.is_over:
        download.tick(download.deadline)
    with pytest.raises(SilentServerError, match="fell silent"):
        download.result()


def dripped(every_s: float, blocks: int) -> tuple[Download, float]:
    """Return a download whose blocks come so slowly, and when it was over."""
    download, now = begin(), 0.0
    for number in range(1, blocks + 1):
        arrives = now + every_s
        while download.deadline < arrives and not download.is_over:
            download.tick(download.deadline)
        if download.is_over:
            return download, download.deadline
        now = arrives
        payload = b"a" * 512 if number < blocks else b""
        download.receive(encode_data(number, payload), TID, now)
    return download, now


def test_a_server_that_drips_blocks_is_left() -> None:
    download, ended_at = dripped(4.0, 4000)
    with pytest.raises(SilentServerError, match=r"too slowly: \d+ bytes in \d+ s"):
        download.result()
    assert ended_at < 60


def test_a_slow_network_is_waited_for() -> None:
    download, _ = dripped(1.02, 129)
    assert len(download.result()) == 64 * 1024


def test_files_beyond_the_limit_are_refused() -> None:
    download = begin(DownloadOptions(max_bytes=1000))
    download.receive(encode_data(1, b"a" * 512), TID, 0.1)
    download.datagrams()
    download.receive(encode_data(2, b"a" * 512), TID, 0.1)
    assert download.datagrams()[0][0][:4] == b"\0\5\0\3"
    with pytest.raises(TooLargeError):
        download.result()


def test_an_announced_size_beyond_the_limit_is_refused_at_once() -> None:
    download = begin(DownloadOptions(wants_size=True))
    download.receive(encode_option_ack({"tsize": str(3 << 20)}), TID, 0.1)
    with pytest.raises(TooLargeError):
        download.result()


def test_agreed_options_hold() -> None:
    download = begin(DownloadOptions(block_size=1428, window=4, timeout_option_s=3))
    download.receive(
        encode_option_ack({"blksize": "16", "windowsize": "2", "timeout": "3"}),
        TID,
        0.1,
    )
    assert download.datagrams() == [(encode_ack(0), TID[1])]
    download.receive(encode_data(1, b"a" * 16), TID, 0.2)
    assert not download.datagrams()
    download.receive(encode_data(2, b"b" * 16), TID, 0.2)
    assert download.datagrams() == [(encode_ack(2), TID[1])]
    download.receive(encode_data(4, b"d" * 16), TID, 0.3)
    assert download.datagrams() == [(encode_ack(2), TID[1])]
    download.receive(encode_data(3, b"c"), TID, 0.4)
    assert download.result() == b"a" * 16 + b"b" * 16 + b"c"


@pytest.mark.parametrize(
    "options",
    [
        {"blksize": "1429"},
        {"blksize": "7"},
        {"blksize": "x"},
        {"blksize": "9" * 100},
        {"timeout": "4"},
        {"windowsize": "2"},
        {"unknown": "1"},
    ],
)
def test_options_that_were_not_asked_for_end_the_transfer(
    options: dict[str, str],
) -> None:
    download = begin(DownloadOptions(block_size=1428, timeout_option_s=3))
    download.receive(encode_option_ack(options), TID, 0.1)
    assert download.datagrams()[0][0][:4] == b"\0\5\0\x08"
    with pytest.raises(DecodeError):
        download.result()


def test_a_server_without_options_is_served_plainly() -> None:
    download = begin(DownloadOptions(block_size=1428, wants_size=True))
    download.receive(encode_data(1, b"a" * 512), TID, 0.1)
    download.receive(encode_data(2, b""), TID, 0.1)
    assert download.result() == b"a" * 512


def test_a_block_longer_than_agreed_ends_the_transfer() -> None:
    download = begin()
    download.receive(encode_data(1, b"a" * 513), TID, 0.1)
    with pytest.raises(DecodeError):
        download.result()


def test_an_answer_repeated_for_ever_does_not_keep_a_download_alive() -> None:
    download = begin(DownloadOptions(block_size=1428))
    now = 0.0
    while not download.is_over:
        now += 0.1
        download.receive(encode_option_ack({"blksize": "512"}), TID, now)
        download.tick(now)
        assert now < 10
    with pytest.raises(SilentServerError):
        download.result()


@given(st.lists(st.binary(max_size=600), max_size=20))
def test_hostile_servers_cause_protocol_errors_only(answers: list[bytes]) -> None:
    download = begin(DownloadOptions(block_size=8, window=3, wants_size=True))
    for head in (b"", b"\0\3\0\1", b"\0\5", b"\0\6"):
        for answer in answers:
            download.receive(head + answer, TID, 0.1)
            download.datagrams()
    if download.is_over:
        try:
            download.result()
        except ProtocolError:
            return


def test_after_an_error_nothing_more_is_taken() -> None:
    download = begin()
    download.receive(encode_error(2, "no"), TID, 0.1)
    download.receive(encode_data(1, b"late"), TID, 0.2)
    assert not download.datagrams()
    with pytest.raises(TftpError, match="no"):
        download.result()
