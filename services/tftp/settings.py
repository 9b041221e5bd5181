"""How a TFTP server behaves."""

from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Self

from tokenless.protocol.tftp.options import OptionLimits
from tokenless.protocol.tftp.transfer import Timing


@unique
class Ports(StrEnum):
    """From which port a transfer is answered."""

    PER_TRANSFER = "per-transfer"
    """A port of its own for each, as RFC 1350 has it."""
    SINGLE = "single"
    """The well-known port for all: passes NAT, containers and strict firewalls.

    Nothing in it is secret, so ACKs can be forged with a victim's address: transfers
    have windows of one block of 512 bytes, and one retransmit.
    """


_MAX_BLIND_BLOCK: Final = 512


@dataclass(frozen=True, slots=True)
class TftpSettings:
    """What can be set; the defaults serve a site of four thousand phones."""

    ports: Ports = Ports.PER_TRANSFER
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
    log_lines_per_s: int = 40
    """Above this rate transfers are summed up instead of listed one by one: the log of
    a flood stays under a megabyte a minute."""
    options: OptionLimits = field(default_factory=OptionLimits)
    timing: Timing = field(default_factory=Timing)

    def for_shared_port(self) -> Self:
        """Return what holds for transfers that share the well-known port.

        A blind ACK then gains one small packet and nothing twice.
        """
        return replace(
            self,
            options=replace(
                self.options,
                block_size=min(self.options.block_size, _MAX_BLIND_BLOCK),
                window=1,
            ),
            timing=replace(
                self.timing,
                retransmits=min(self.timing.retransmits, 1),
                retransmits_before_answer=min(self.timing.retransmits_before_answer, 1),
            ),
        )

    def for_unknown_address(self) -> Self:
        """Return what holds for addresses from which no answer came yet.

        Their requests may be forged: what they are sent is not repeated unasked.
        """
        return replace(self, timing=replace(self.timing, retransmits_before_answer=0))
