"""How a TFTP server behaves."""

from dataclasses import dataclass, field
from enum import StrEnum, unique
from ipaddress import IPv4Network, IPv6Network

from tokenless.protocol.tftp_options import OptionLimits
from tokenless.protocol.tftp_transfer import Timing


@unique
class Ports(StrEnum):
    """From which port a transfer is answered."""

    PER_TRANSFER = "per-transfer"
    """A port of its own for each, as RFC 1350 has it."""
    SINGLE = "single"
    """The well-known port for all: passes NAT, containers and strict firewalls."""


@dataclass(frozen=True, slots=True)
class TftpSettings:
    """What can be set; the defaults serve a site of four thousand phones."""

    ports: Ports = Ports.PER_TRANSFER
    workers: int = 1
    """Processes; more than one shares the port by SO_REUSEPORT."""
    receive_buffer_bytes: int = 8 << 20
    """Holds the requests of a boot storm; each that does not fit costs a time-out."""
    max_transfers: int = 16384
    max_transfers_per_address: int = 8192
    """Large, because a whole site may come from one address through a NAT."""
    max_unanswered: int = 2048
    """More transfers than this whose clients have not answered are a flood of forged
    requests: a phone answers within a round trip."""
    newcomers_per_s: int = 500
    """How many clients of unknown address are answered in a second of a flood."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that are served; empty: all."""
    log_lines_per_s: int = 100
    """Above this rate transfers are summed up instead of listed one by one."""
    options: OptionLimits = field(default_factory=OptionLimits)
    timing: Timing = field(default_factory=Timing)
