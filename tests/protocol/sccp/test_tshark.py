"""Wireshark's dissector reads every frame that is written here (REFERENCE-4 1.8)."""

import json
import struct
import subprocess
from pathlib import Path

import pytest

from tests.rigs.peers import require
from tokenless.protocol.sccp.call_display import CallInfoV2
from tokenless.protocol.sccp.frames import MESSAGES, encode_frame
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.media import (
    ConnectionStatisticsRes,
    KeyBlock,
    OpenReceiveChannel,
    StartMediaTransmission,
)
from tokenless.protocol.sccp.requests import XmlAlarm

_SERVER = 2000
_PHONE = 49152
_TCP = struct.Struct(">HHIIBBHHH")
_PCAP_HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
VERSIONS = (11, 15, 16, 17, 18, 20, 22)


def filled(kind: type[Message], version: int) -> Message:
    """Return a message with what a dissector would stumble over if it were empty."""
    if kind is CallInfoV2:
        strings = CallInfoV2.join(
            calling="1001",
            called="1000",
            calling_name="A",
            called_name="B",
            version=version,
        )
        return CallInfoV2(line=1, call=7, strings=strings)
    if kind is XmlAlarm:
        return XmlAlarm(document="<LastOutOfServiceInformation/>")
    if kind is ConnectionStatisticsRes:
        return ConnectionStatisticsRes(number="1000", text_size=9, text="MLQK=4.5")
    if kind in {OpenReceiveChannel, StartMediaTransmission}:
        return kind(keys=KeyBlock.of(bytes(16), bytes(14)))
    return kind()


def capture(path: Path, frames: list[bytes]) -> None:
    """Write frames as TCP segments from the phone to the server, one a packet."""
    with path.open("wb") as file:
        file.write(_PCAP_HEAD)
        sequence = 1
        for number, frame in enumerate(frames):
            tcp = _TCP.pack(_PHONE, _SERVER, sequence, 1, 0x50, 0x18, 65535, 0, 0)
            total = 20 + len(tcp) + len(frame)
            ip = struct.pack(">BBHHHBBH", 0x45, 0, total, number, 0, 64, 6, 0)
            packet = ip + bytes([127, 0, 0, 1]) * 2 + tcp + frame
            file.write(struct.pack("<IIII", number, 0, total, total) + packet)
            sequence += len(frame)


def dissect(path: Path) -> list[dict[str, list[str]]]:
    command = [
        require("tshark"),
        *("-r", str(path), "-T", "json", "-d", f"tcp.port=={_SERVER},skinny"),
        *("-e", "skinny.messageId", "-e", "_ws.malformed", "-e", "_ws.expert.message"),
        *("-e", "skinny.hdr_version", "-e", "data.data", "-e", "skinny.data_length"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [each["_source"]["layers"] for each in json.loads(done.stdout)]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_frame_is_malformed(tmp_path: Path, version: int) -> None:
    """Every message but those that the dissector itself reads otherwise."""
    kinds = [MESSAGES[each] for each in sorted(MESSAGES)]
    frames = [encode_frame(filled(kind, version), version) for kind in kinds]
    capture(tmp_path / "frames.pcap", frames)
    layers = dissect(tmp_path / "frames.pcap")
    read = [int(seen["skinny.messageId"][0], 0) for seen in layers]
    assert read == [kind.ID for kind in kinds]
    marks = {"_ws.malformed", "_ws.expert.message"}
    bad = [
        (kind.__name__, seen)
        for kind, seen in zip(kinds, layers, strict=True)
        if marks & seen.keys()
    ]
    assert bad == []
