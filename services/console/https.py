"""HTTPS as pages in a browser are served: hypercorn's settings, TLS from 1.2 on."""

import ssl
from typing import Final

from hypercorn.config import Config

_SHELL_MESSAGE_BYTES: Final = 64 * 1024
_BACKLOG: Final = 256
_DRAIN_S: Final = 1.0
_HANDSHAKE_S: Final = 10
_USUAL_LEVEL: Final = 2


class HttpsConfig(Config):
    """Hypercorn's settings: no log of its own, a context made by us."""

    def __init__(self, context: ssl.SSLContext, bind: str) -> None:
        super().__init__()
        self._context = context
        self.bind = [bind]
        self.accesslog = self.errorlog = None
        self.backlog = _BACKLOG
        self.graceful_timeout = _DRAIN_S
        self.ssl_handshake_timeout = _HANDSHAKE_S
        self.include_server_header = False
        self.websocket_max_message_size = _SHELL_MESSAGE_BYTES

    @property
    def ssl_enabled(self) -> bool:
        """There are no pages without TLS."""
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        """Return the context of the server's certificate."""
        return self._context


def server_context(level: int = _USUAL_LEVEL) -> ssl.SSLContext:
    """Return a context that waits for its certificate.

    Args:
        level: OpenSSL's security level: 1 takes short keys.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL={level}")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
