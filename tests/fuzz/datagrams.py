"""Fuzz what comes by UDP and HTTP: TFTP packets, whole transfers, heads of requests.

An input for a transfer is a run of datagrams, each behind its length in one byte. They
are given to one end, whose clock goes on; it must end in bounded time and must never
say more than its rules allow (a forged request makes no amplifier).
"""

from collections.abc import Iterator

from tests.fuzz.engine import Seeded
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.http.pages import Page, answer_untrusted
from tokenless.protocol.tftp.blocks import Blocks
from tokenless.protocol.tftp.download import Download, DownloadOptions
from tokenless.protocol.tftp.endings import Timing
from tokenless.protocol.tftp.options import OptionLimits, negotiate
from tokenless.protocol.tftp.packets import (
    OptionAck,
    ReadRequest,
    TftpError,
    decode_answer,
    decode_read_request,
    encode_ack,
    encode_data,
    encode_error,
    encode_option_ack,
    encode_read_request,
)
from tokenless.protocol.tftp.transfer import Transfer

HOST, PORT = "192.0.2.11", 40001
CONTENT = bytes(range(256)) * 4
OPTIONS = {"blksize": "16", "timeout": "3", "tsize": "0", "windowsize": "2"}
REQUEST = encode_read_request("SEP001122334455.cnf.xml.sgn", OPTIONS)
MAX_TICKS = 64
PIECE_BYTES = 16


def request_target(data: bytes) -> None:
    """Read a request, and agree about its options."""
    request = decode_read_request(data)
    assert isinstance(request, ReadRequest)
    assert request.filename.isascii()
    assert request.filename.isprintable()
    agreement = negotiate(request.options, OptionLimits(), len(CONTENT))
    assert 8 <= agreement.block_size <= 65464
    assert 1 <= agreement.window <= 64


def answer_target(data: bytes) -> None:
    """Read a server's packet; whatever it says can be shown to people."""
    answer = decode_answer(data)
    if isinstance(answer, OptionAck):
        assert all(name == name.lower() for name in answer.options)
    if isinstance(answer, TftpError):
        assert len(answer.message) <= 256
        assert printable(answer.message).isprintable()


def transfer_target(data: bytes) -> None:
    """Let a client say anything while it is sent a file."""
    request = decode_read_request(REQUEST)
    agreement = negotiate(request.options, OptionLimits(), len(CONTENT))
    transfer = Transfer(Blocks(CONTENT, agreement.block_size), agreement, Timing(), 0.0)
    now = 0.0
    for datagram in datagrams_of(data):
        now += 0.01
        if transfer.outcome is None:
            transfer.receive(datagram, now)
        assert len(transfer.datagrams()) <= agreement.window
    for _ in range(MAX_TICKS):
        if transfer.outcome is not None:
            break
        transfer.tick(transfer.deadline)
        assert len(transfer.datagrams()) <= agreement.window
    assert transfer.outcome is not None
    assert transfer.bytes_acknowledged <= len(CONTENT)


def download_target(data: bytes) -> None:
    """Let a server say anything while a file is fetched."""
    download_options = DownloadOptions(
        block_size=PIECE_BYTES, window=2, wants_size=True, max_bytes=4096
    )
    download = Download("CTLFile.tlv", HOST, 0.0, download_options)
    download.datagrams()
    now = 0.0
    for datagram in datagrams_of(data):
        now += 0.01
        download.receive(datagram, (HOST, PORT), now)
        assert len(download.datagrams()) <= 1
    for _ in range(MAX_TICKS):
        if download.is_over:
            break
        download.tick(download.deadline)
    assert len(download.result()) <= download_options.max_bytes


def page_target(data: bytes) -> None:
    """Answer a browser; a page comes out for the one target that there is."""
    answer = answer_untrusted(
        lambda target: Page(b"metrics") if target == "/metrics" else None, data
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ")
    assert b"\n" not in head.replace(b"\r\n", b"")
    if body == b"metrics":
        assert data.startswith(b"GET /metrics ")


def datagrams_of(data: bytes) -> Iterator[bytes]:
    """Take an input apart."""
    while data:
        length, data = data[0], data[1:]
        yield data[:length]
        data = data[length:]


def packed(*datagrams: bytes) -> bytes:
    """Make an input."""
    return b"".join(bytes([len(each)]) + each for each in datagrams)


def seeds() -> dict[str, Seeded]:
    """Return each target with what it starts from."""
    agreed = encode_option_ack({"blksize": "16", "windowsize": "2", "tsize": "40"})
    error = encode_error(1, "File not found")
    blocks = [encode_data(n + 1, CONTENT[n * 16 : n * 16 + 16]) for n in range(2)]
    answers = [*blocks, agreed, error, encode_data(3, b"the end")]
    acks = [encode_ack(number) for number in (0, 2, 3, 5, 5, 7)]
    get = b"GET /metrics HTTP/1.1\r\nHost: pub\r\n\r\n"
    return {
        "tftp-requests": (request_target, [REQUEST, encode_read_request("a", {})]),
        "tftp-answers": (answer_target, answers),
        "tftp-transfers": (transfer_target, [packed(*acks), packed(*acks, error)]),
        "tftp-downloads": (
            download_target,
            [packed(agreed, *blocks, answers[-1]), packed(*blocks), packed(error)],
        ),
        "pages": (page_target, [get, b"HEAD" + get[3:]]),
    }
