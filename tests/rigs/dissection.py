"""A call of two phones through a relay, and tshark as the judge of every frame."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import trio

from tests.rigs.dial_tone import PUBLISHER, Site
from tests.rigs.peers import require
from tests.rigs.relay import Relay
from tokenless.phone_emulator.registration.call import CallReport, call
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.protocol.phones.device_security import DeviceSecurity

_DEVICES = ("SEP0011223344AA", "SEP0011223344BB")
_SETTINGS = LineSettings(5.0, retry_s=0.1, holds_standby=False)


async def relayed_call(
    site: Site,
    service: str,
    model: str,
    security: DeviceSecurity = DeviceSecurity.NON_SECURE,
) -> tuple[Relay, CallReport]:
    """Let two phones register through a relay and call each other."""
    relay = Relay(site.where(PUBLISHER, service))
    async with trio.open_nursery() as nursery:
        where = await nursery.start(relay.serve)
        lines = []
        for device in _DEVICES:
            phone = await site.add(device, model, security)
            group = group_of(phone, site.network)
            node = replace(group.nodes[0], server=where)
            line = Line(phone.identity, replace(group, nodes=(node,)), _SETTINGS)
            lines.append(line)
            nursery.start_soon(line.run)
        caller, called = lines
        report = await call(caller, called, 0.2)
        nursery.cancel_scope.cancel()
    return relay, report


def check_frames(
    relay: Relay, capture: Path, port: int, protocol: str, keys: Path | None = None
) -> None:
    """Check that tshark finds a call in a relay's session, and no malformed frame.

    Args:
        relay: What the phones spoke through.
        capture: Where its session is written.
        port: The server's usual port.
        protocol: tshark's name: `skinny` or `sip`.
        keys: What the phones logged of their TLS sessions; None in clear.
    """
    relay.write(capture, port)
    layers = _dissect(capture, port, protocol, keys)
    assert len(layers) == len(relay.segments)
    assert not [each for each in layers if "_ws.malformed" in each]
    said = {value for each in layers for value in each.get(_named(protocol), ())}
    if protocol == "sip":
        assert said >= {"REGISTER", "INVITE", "ACK", "BYE"}
    else:
        assert {int(value, 0) for value in said} >= {0x01, 0x81, 0x20, 0x22, 0x105}


def _named(protocol: str) -> str:
    return "skinny.messageId" if protocol == "skinny" else "sip.Method"


def _dissect(
    path: Path, port: int, protocol: str, keys: Path | None
) -> list[dict[str, list[str]]]:
    """Return what tshark says of each packet."""
    fields = (_named(protocol), "_ws.malformed", "_ws.col.Protocol")
    decoding = (
        ("-d", f"tcp.port=={port},{protocol}")
        if keys is None
        else (
            *("-o", f"tls.keylog_file:{keys}"),
            *("-d", f"tcp.port=={port},tls", "-d", f"tls.port=={port},{protocol}"),
        )
    )
    command = [
        *(require("tshark"), "-r", str(path), "-T", "json", *decoding),
        *("-o", "tcp.desegment_tcp_streams:TRUE"),
        *(part for each in fields for part in ("-e", each)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [each["_source"]["layers"] for each in json.loads(done.stdout)]
