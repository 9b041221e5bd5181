"""Fuzz the JSON that others write: nodes, other commands, and people with files.

Of the first byte is chosen who reads the rest of an input: an answer of a node's REST
interface, what `tokenless health --json` printed, a study, a manifest of a backup, the
record of a boot (which is then played), an answer of a node's server.
"""

import json
from datetime import UTC, datetime

import msgspec

from tests.fuzz.engine import Seeded
from tests.rigs import minting
from tests.rigs.cluster import Lab
from tests.rigs.phone_bench import nodes_of, phone
from tests.rigs.studio_studies import played_study
from tokenless.phone_emulator.rehearsal.importing.sources.certmgr import read_snapshot
from tokenless.phone_emulator.secd.record import BootRecorder, Replay
from tokenless.phone_emulator.studio.sharing import read_study, write_study
from tokenless.protocol.errors import DecodeError
from tokenless.services.backup.manifest import (
    FORMAT,
    BackedUpFile,
    Manifest,
    decode_manifest_untrusted,
)
from tokenless.services.node.control.requests import (
    Status,
    decode_answer,
    decode_request_untrusted,
    encode_request,
)
from tokenless.services.store.phone_alarms import decode_alarms
from tokenless.services.test_agent import requests as requests_of_tests

URL = "https://192.0.2.11:8443"
DEEP = b'{"a":' + b"[" * 20_000


def document_target(data: bytes) -> None:
    """Let one of the readers have it."""
    reader = READERS[data[0] % len(READERS)] if data else read_study
    try:
        reader(data[1:])
    except msgspec.DecodeError as error:
        raise DecodeError(str(error), offset=0) from None


def _snapshot(data: bytes) -> None:
    for each in read_snapshot(data, URL):
        assert each.certificate.subject_text.isprintable()


def _record(data: bytes) -> None:
    replay = Replay(data)
    for step in replay:
        assert step.number > 0
    assert replay.is_same in (True, False)


def _request(data: bytes) -> None:
    decode_request_untrusted(data)


def _alarms(data: bytes) -> None:
    for each in decode_alarms(data.decode("latin-1")):
        assert isinstance(each.text, str)


READERS = (
    _snapshot,
    requests_of_tests.decode_request_untrusted,
    read_study,
    decode_manifest_untrusted,
    _record,
    decode_answer,
    _request,
    _alarms,
)


def seeds() -> dict[str, Seeded]:
    """Return the target with what it starts from."""
    certificate = minting.server().certificate_pem.decode()
    identity = {"service": "CallManager", "certificate": certificate}
    files = (BackedUpFile("node/CTLFile.tlv", 4, "0" * 64, is_private=False),)
    made_at = datetime(2026, 1, 1, tzinfo=UTC)
    manifest = Manifest(FORMAT, "lab", made_at, has_database=True, files=files)
    bench, recorder = phone(nodes_of(Lab())), BootRecorder()
    bench.boot(recorder)
    seeds_of = [
        [json.dumps({"identities": [identity], "server": "pub"}).encode()],
        [b'{"do": "upload", "store": "TVS-trust", "data": "AAAA"}'],
        [write_study(played_study(), is_anonymous=True)],
        [manifest.encode()],
        [recorder.finish(bench.secd.report.to_json())],
        [b'{"ok": true, "result": {"a": 1}}', b'{"ok": false, "reason": "no"}'],
        [encode_request(Status())],
        [b'[[1, "Last=Initialized"]]'],
    ]
    inputs = [
        bytes([number]) + each
        for number, some in enumerate(seeds_of)
        for each in (*some, DEEP, b'{"a": "\xff"}')
    ]
    return {"documents": (document_target, inputs)}
