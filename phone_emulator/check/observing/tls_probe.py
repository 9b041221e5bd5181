"""The certificates that a TLS server shows before it asks for one, by version.

Servers of CallManager end the handshake of whoever has no certificate of an authority
that they trust. Their own certificate comes before that, and is all that is wanted.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import trio

from tokenless.ground.tls import limit_versions
from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.tvs_client import TlsChannel, connect
from tokenless.protocol.certificates.handshake import (
    CERTIFICATE_TYPE,
    decode_first_certificate,
)
from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.phones.models import TlsVersion

ALL_CIPHERS: Final = "ALL:eNULL:@SECLEVEL=0"
_TLS_1_3: Final = "1.3"
_READ: Final = "read"


@dataclass(frozen=True, slots=True)
class Probe:
    """One handshake with a server."""

    certificate: bytes | None
    """DER; None when the server showed none."""
    reason: str | None = None
    """The reason why it showed none."""


async def probe(
    server: Server, version: TlsVersion, timeout_s: float, ciphers: str = ALL_CIPHERS
) -> Probe:
    """Shake hands with a server at one TLS version; return its certificate.

    Args:
        server: Where.
        version: The only one that is offered.
        timeout_s: For all of it.
        ciphers: What is offered for versions up to 1.2, as OpenSSL names it.
    """
    shown: list[bytes] = []
    try:
        context = _context(version, ciphers, shown)
        with trio.fail_after(timeout_s):
            plain = await connect(server)
            try:
                channel = TlsChannel(plain, context)
                await channel.handshake()
                if (whole := channel.peer_certificate()) is not None:
                    return Probe(whole)  # TLS 1.3 refuses a client after that
            finally:
                plain.close()
    except trio.TooSlowError:
        reason = f"no answer within {timeout_s:g} s"
    except ssl.SSLError as error:
        reason = f"TLS: {error.reason or error}"
    except OSError as error:
        reason = error.strerror or str(error)
    except ProtocolError as error:
        reason = str(error)
    else:
        reason = "it shows no certificate"
    return Probe(shown[0]) if shown else Probe(None, reason)


def _context(version: TlsVersion, ciphers: str, shown: list[bytes]) -> ssl.SSLContext:
    """Return a context that notes what the server shows, and believes it nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    limit_versions(context, version, version)
    context.set_ciphers(ciphers)

    def note(*event: Any) -> None:  # noqa: ANN401 - the library's own types differ
        _, direction, _, _, kind, data = event
        if direction == _READ and kind == CERTIFICATE_TYPE and version != _TLS_1_3:
            with suppress(DecodeError):
                shown.append(decode_first_certificate(data))

    # The one way to what was shown in a handshake that the server then ends.
    context._msg_callback = note  # type: ignore[attr-defined]  # noqa: SLF001
    return context
