"""JSON from outside: whatever is wrong with it, one error with one line comes out.

msgspec raises three unrelated errors: of JSON that is none, that is nested too deeply,
and that has a text which is not UTF-8. Only the first was caught in some places.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tokenless.ground.json_input import decode_json
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.rehearsal.importing.sources.certmgr import read_snapshot
from tokenless.phone_emulator.secd.record import Replay
from tokenless.phone_emulator.studio.archive import StudyArchive
from tokenless.phone_emulator.studio.sharing import read_study
from tokenless.protocol.errors import TokenlessError
from tokenless.services.backup.manifest import decode_manifest_untrusted
from tokenless.services.cluster.cluster import load_saved
from tokenless.services.node.control.requests import (
    decode_answer,
    decode_request_untrusted,
)
from tokenless.services.pki.lab_ca import LabCa
from tokenless.services.pki.tokens import FileToken
from tokenless.services.test_agent import requests

DEEP = b'{"a":' + b"[" * 100_000
Reader = Callable[[Path, bytes], object]


def in_file(name: str, reader: Callable[[Path], object]) -> Reader:
    """Return what reads a file of this name in a folder."""

    def read(folder: Path, data: bytes) -> object:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return reader(folder)

    return read


STUDY = "0" * 16
READERS: dict[str, tuple[Reader, str]] = {
    "a node's certificates": (
        lambda _, data: read_snapshot(data, "https://a"),
        '{"identities": [{"service": "%s"}]}',
    ),
    "a study from elsewhere": (lambda _, data: read_study(data), '{"name": "%s"}'),
    "a study that was kept": (
        in_file(f"{STUDY}/study.json", lambda folder: StudyArchive(folder).load(STUDY)),
        '{"name": "%s"}',
    ),
    "a phone's flash": (
        in_file("phone.json", lambda folder: FolderFlash(folder, "").state()),
        '{"device": "%s"}',
    ),
    "a phone's record": (
        lambda _, data: Replay(data + b"\n" + data),
        '{"format": "%s"}',
    ),
    "a backup": (lambda _, data: decode_manifest_untrusted(data), '{"format": "%s"}'),
    "a data folder": (in_file("c", lambda at: load_saved(at / "c")), '{"a": "%s"}'),
    "an order to a node": (
        lambda _, data: decode_request_untrusted(data),
        '{"do": "%s"}',
    ),
    "a request of tests": (
        lambda _, data: requests.decode_request_untrusted(data),
        '{"do": "%s"}',
    ),
    "a node's answer": (lambda _, data: decode_answer(data), '{"reason": "%s"}'),
    "a lab CA": (in_file("ca.json", LabCa.open), '{"kind": "%s"}'),
    "a token": (
        in_file("state.json", lambda folder: FileToken(folder).tries_left),
        '{"name": "%s", "sha256": "%s"}',
    ),
}


@pytest.mark.parametrize("what", READERS)
def test_what_cannot_be_read_is_refused_with_a_reason(
    what: str, tmp_path: Path
) -> None:
    reader, form = READERS[what]
    for data in (DEEP, form.replace("%s", "a\xff").encode("latin-1"), b"{"):
        with pytest.raises(TokenlessError) as refused:
            reader(tmp_path, data)
        assert "\n" not in refused.value.explain()


def test_a_snapshot_without_a_certificate_is_refused() -> None:
    text = b'{"identities": [{"service": "TVS", "certificate": "none"}]}'
    with pytest.raises(PhoneError, match="sent no snapshot of certificates"):
        read_snapshot(text, "https://a")


def test_text_is_read_as_bytes_are() -> None:
    assert decode_json('{"a": 1}', dict[str, int]) == {"a": 1}
    with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
        decode_json(DEEP.decode(), object)
