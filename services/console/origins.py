"""Tests that a request comes from this console and to a name of this host."""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from tokenless.services.console.sessions import Session

_OWN_SITES: Final = frozenset({"same-origin", "none"})


def is_own_origin(headers: Mapping[str, str], *, is_required: bool = False) -> bool:
    """Tell whether a browser says that a page of ours sent the request.

    Args:
        headers: Of the request.
        is_required: Whether a request without an origin is refused, as for WebSockets.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _OWN_SITES:
        return False
    origin = headers.get("origin")
    if origin is None:
        return not is_required
    return origin == f"https://{headers.get('host', '')}"


def has_token(session: Session, given: str) -> bool:
    """Tell whether a form has its session's token."""
    return hmac.compare_digest(session.csrf.encode(), given.encode())


def is_loopback_host(host: str) -> bool:
    """Tell whether a Host header names this machine and nothing else.

    Without a sign-in, a name that an attacker's DNS server points at loopback would
    let any page on the web in.
    """
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host[1:-1]
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
