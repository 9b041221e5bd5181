"""Settings of a TFTP server."""

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Self

import msgspec

from tokenless.protocol.tftp.endings import Timing
from tokenless.protocol.tftp.options import OptionLimits
from tokenless.services.config.host_sections import Ports, TftpLimits, TftpSection

__all__ = ["Ports", "TftpSettings"]

_MAX_BLIND_BLOCK: Final = 512


class TftpSettings(TftpLimits, frozen=True):
    """Settings of a TFTP server; the defaults suit four thousand phones."""

    max_unanswered: int = 2048
    """More transfers than this whose clients have not answered are a flood of forged
    requests: a phone answers within a round trip."""
    unknown_clients_per_s: int = 500
    """The number of unknown clients that are answered per second in a flood."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that are served; empty: all."""
    options: OptionLimits = OptionLimits()
    timing: Timing = Timing()

    @classmethod
    def of(cls, section: TftpSection) -> Self:
        """Take the settings of the configuration's table."""
        return cls(
            **{name: getattr(section, name) for name in TftpLimits.__struct_fields__},
            allow=tuple(map(ip_network, section.allow)),
            options=OptionLimits(section.max_block_size, section.max_window),
            timing=Timing(timeout_s=section.timeout_s),
        )

    def for_shared_port(self) -> Self:
        """Return what holds for transfers that share the well-known port.

        A blind ACK then gains one small packet and nothing twice.
        """
        return msgspec.structs.replace(
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
        timing = replace(self.timing, retransmits_before_answer=0)
        return msgspec.structs.replace(self, timing=timing)
