"""HTTPS for the studio: hypercorn in the caller's nursery."""

import secrets
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import trio
from hypercorn.trio import serve

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.app import make_app
from tokenless.phone_emulator.studio.certificate import load_context
from tokenless.phone_emulator.studio.studio import Studio
from tokenless.services.console.https import HttpsConfig

_KEY_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class StudioSettings:
    """Where the studio listens, and whom it lets in."""

    folder: Path
    address: str
    port: int
    asks_nobody: bool = False
    """Whether it has no sign-in: on loopback only."""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(_KEY_BYTES))
    """What a browser must know to be let in; new at each start."""


async def serve_studio(
    settings: StudioSettings,
    *,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the pages until cancelled; reports where.

    Raises:
        PhoneError: When the address cannot be had, or others would reach a studio that
            has no sign-in.
    """
    _check(settings)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    context = await trio.to_thread.run_sync(
        load_context, settings.folder, settings.address
    )
    config = HttpsConfig(context, f"{settings.address}:{settings.port}")
    try:
        sockets = config.create_sockets()
    except OSError as error:
        raise PhoneError(
            f"the studio cannot listen on {settings.address}:{settings.port}: "
            f"{error.strerror}",
            hint="choose another with --port; 0 takes a free one",
        ) from None
    config.create_sockets = lambda: sockets  # type: ignore[method-assign]
    address, port, *_ = sockets.secure_sockets[0].getsockname()
    async with trio.open_nursery() as nursery:
        key = None if settings.asks_nobody else settings.key
        studio = Studio(settings.folder, nursery, key)
        await nursery.start(serve, make_app(studio), config)
        task_status.started((address, port))


def _check(settings: StudioSettings) -> None:
    try:
        is_loopback = ip_address(settings.address).is_loopback
    except ValueError:
        raise PhoneError(
            f"{settings.address!r} is not an IP address", hint="use 127.0.0.1"
        ) from None
    if settings.asks_nobody and not is_loopback:
        raise PhoneError(
            f"without a sign-in the studio would be open to all who reach "
            f"{settings.address}",
            hint="leave --no-sign-in out",
        )
