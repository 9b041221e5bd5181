"""What the daemon counts and logs, in the vendor's words at debug level."""

from pathlib import Path

import trio

from tests.rigs import minting
from tests.rigs.tvs_rig import (
    DEVICE,
    PUBLISHER,
    TLS_1_2,
    UNKNOWN,
    Rig,
    ask,
    client_context,
    query_for,
    running,
    settings_for,
    verify_for,
)
from tokenless.protocol.tvs.elements import Tag
from tokenless.protocol.tvs.messages import Verify
from tokenless.services import metrics
from tokenless.services.logs import LogLevel
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.tvs.caches import CachedCertificate, Caches

_FOUND = "CertificateDBCache::getCertificateInformation"
_LOOKING_UP = f"{_FOUND} - Looking up the certificate cache using Unique MAP ID :"
VENDORS_LINES = [
    "Total Session attempted = 1 accepted = 1",
    "tvsGetNextThread",
    "Recd event",
    "ipAddrStr (Phone) 127.0.0.1",
    "tvsSSLHandShakeNotify",
    "127.0.0.1: tvsSSLHandShake Session ciphers - AES256-SHA",
    "TLS HS Done for ph_conn",
    f"HEX_DUMP: Len = {len(query_for(PUBLISHER).encode())}:",
    "57 01 03 00 00 00 03 e9",
    "tvsPhoneDecodeMsg - Decoded Phone Msg:",
    "Protocol Discriminator: 57",
    "MsgType : TVS_MSG_QUERY_CERT_REQ",
    "Session Id : 0",
    "tvsHandleQueryCertReq",
    f"tvsHandleQueryCertReq : Subject Name is: {PUBLISHER.subject}",
    f"tvsHandleQueryCertReq : Issuer Name is: {PUBLISHER.issuer}",
    f"tvsHandleQueryCertReq : Serial Number is: {PUBLISHER.serial_hex}",
    f"{_LOOKING_UP} {PUBLISHER.key}",
    f"{_FOUND} - Found entry {{rolecount : 2}}",
    f"{_FOUND} - {{role : 2}}",
    f"{_FOUND} - {{role : 0}}",
    "convertX509ToDER -x509cert : 0xf6099df8",
    "MsgType : TVS_MSG_QUERY_CERT_RES",
    "Number of Certs : 1",
    "HEX_DUMP: Len = 694:",
    "PublicKey :",
    "00 01 51 80",
    "Sending TLS Msg ..",
    "tvsHandleQueryCertReq: Timer started from tvsHandleNewPhConnection",
    "QUERY answered",
    "Close and free connection handler",
]


async def test_what_is_counted_is_exposed(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, node="counted")) as rig:
        await ask(rig.address, query_for(PUBLISHER))
        await ask(rig.address, verify_for(UNKNOWN))
        text = metrics.exposition()
        for line in (
            'tokenless_tvs_queries_total{node="counted"} 1.0',
            'tokenless_tvs_verifications_total{node="counted"} 1.0',
            'tokenless_tvs_answers_untrusted_total{node="counted"} 1.0',
            'tokenless_tvs_refusals_total{node="counted",reason="idle"} 0.0',
        ):
            assert line in text
        assert "SEP" not in text


async def test_one_structured_line_a_query(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        await ask(rig.address, query_for(PUBLISHER))
        assert rig.log.entries == [
            {
                "event": "QUERY answered",
                "log_level": "info",
                "node": "pub",
                "device": DEVICE,
                "phone": "127.0.0.1",
                "serial": PUBLISHER.serial_hex,
                "issuer": PUBLISHER.issuer,
                "roles": "2,0",
                "cache": "DB",
                "status": "trusted",
            }
        ]


async def until_closed(rig: Rig) -> None:
    while rig.count(StreamCount.CONNECTIONS_OPEN):  # noqa: ASYNC110 - it rings no bell
        await trio.sleep(0.01)


async def test_the_vendor_s_lines_come_in_the_vendor_s_order(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path), level=LogLevel.DEBUG) as rig:
        context = client_context(TLS_1_2, ciphers="AES256-SHA:@SECLEVEL=0")
        await ask(rig.address, query_for(PUBLISHER), context)
        await until_closed(rig)
        lines = iter(rig.lines)
        assert [line for line in VENDORS_LINES if line not in lines] == []


async def test_the_lines_of_a_total_miss_and_of_a_verification(tmp_path: Path) -> None:
    caches = Caches()
    async with running(
        settings_for(tmp_path), caches=caches, level=LogLevel.DEBUG
    ) as rig:
        token = minting.token().certificate
        entry = CachedCertificate.of(token, (0,))
        await ask(rig.address, query_for(entry))
        assert "tvsHandleQueryCertReq : This is SAST eToken cert" in rig.lines
        assert "getCertificateInformation(cert) : certificate not found" in rig.lines
        caches.db.replace([PUBLISHER])
        await ask(rig.address, verify_for(PUBLISHER))
        await ask(rig.address, Verify(1, DEVICE, b"nonsense"))
        for line in (
            f"issuerName : {PUBLISHER.issuer} and Length: 61",
            f"serialNumber : {PUBLISHER.serial_hex} and Length: 16",
            "Certificate compare return =0",
            "Certificate found and equal",
            "issuerName :  and Length: 0",
        ):
            assert [each for each in rig.lines if each.endswith(line)]


async def test_a_dump_ends_after_fifty_bytes(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path), level=LogLevel.DEBUG) as rig:
        await ask(rig.address, query_for(PUBLISHER))
        start = next(i for i, line in enumerate(rig.lines) if "HEX_DUMP" in line)
        dump = rig.lines[start + 1 : start + 8]
        assert " ".join(dump) == query_for(PUBLISHER).encode()[:50].hex(" ")
        assert Tag.DEVICE.value == 1
