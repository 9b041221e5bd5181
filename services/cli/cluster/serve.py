"""`tokenless serve`: the services of the configured nodes, in the foreground."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec
import trio

from tokenless.ground.heap import collect_garbage, freeze_heap_after_startup
from tokenless.ground.interrupts import run_trio
from tokenless.inputs import LISTENING_ADDRESS
from tokenless.protocol.decimal_text import read_decimal
from tokenless.services.cli.cluster.administration import open_cluster
from tokenless.services.cli.failures import logged_failures
from tokenless.services.cli.first_user import FirstUser, first_user_options
from tokenless.services.cli.options import config_option, data_option
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import MetricsSection
from tokenless.services.config.host_sections import ConsoleSection
from tokenless.services.logs import configure_logs, get_logger
from tokenless.services.monitoring import notify
from tokenless.services.monitoring.http_server import serve_monitoring
from tokenless.services.node.runtime import Reload, ServiceKind
from tokenless.services.node.serve import Serving, reload, serve_nodes
from tokenless.services.scratch import remove_left_scratch

_Place = TypeVar("_Place", MetricsSection, ConsoleSection)
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HIGHEST_PORT: Final = 0xFFFF
_CERTMGR: Final = "certmgr"
"""The REST interface of certificates (docs/certmgr.md)."""
_CONSOLE: Final = "console"
"""The administration pages; `tokenless admin` is answered whatever is served."""


@click.command()
@data_option
@config_option
@click.option(
    "--node",
    "nodes",
    multiple=True,
    help="Serve this node; may be repeated. Default: all nodes.",
)
@click.option(
    "--only",
    metavar="SERVICE[,SERVICE...]",
    help=f"Serve only these services: {', '.join((*ServiceKind, _CONSOLE))}. "
    f"Default: all; the {_CONSOLE} only when the configuration has [console].",
)
@click.option(
    "--metrics",
    metavar="[ADDRESS:]PORT",
    help="Serve /metrics and /health there; default: at the address of [metrics].",
)
@click.option(
    "--console",
    "console",
    metavar="[ADDRESS:]PORT",
    help="Serve the administration pages there; default: at the address of [console].",
)
@first_user_options
@click.option("--log-json", is_flag=True, help="Log one JSON object per line.")
@click.option(
    "--stop-with-stdin",
    is_flag=True,
    help="Stop when standard input ends, too: when the program that holds its other "
    "end has ended, however it did.",
)
def serve(
    data: Path,
    config: Path | None,
    nodes: tuple[str, ...],
    only: str | None,
    metrics: str | None,
    *,
    console: str | None,
    first: FirstUser,
    log_json: bool,
    stop_with_stdin: bool,
) -> None:
    """Serve TFTP, TVS and the rest until SIGTERM or Ctrl-C.

    It prints one JSON line for each listening socket, then {"event":"serving"}. Logs go
    to standard error; TOKENLESS_LOG_LEVEL=debug shows each step of every TVS query.
    SIGHUP reloads the configuration.
    """
    configure_logs(json=log_json or None)
    kinds = _parse_only(only)
    watched = None if metrics is None else _parse_metrics(metrics)
    pages = None if console is None else _parse_console(console)
    with (
        logged_failures(),
        closing(open_cluster(data, config, makes=True)) as cluster,
    ):
        for left in remove_left_scratch(cluster.data.parent):
            get_logger().warning("removed what a killed command left", folder=str(left))
        has_console = pages is not None or _has_console(cluster, only)
        if has_console:
            first.add_to(cluster)
        run_trio(
            partial(
                _serve,
                cluster,
                nodes,
                kinds,
                config=config,
                metrics=watched or cluster.config.metrics,
                console=(pages or cluster.config.console or ConsoleSection())
                if has_console
                else None,
                stop_with_stdin=stop_with_stdin,
            )
        )


def _parse_only(only: str | None) -> frozenset[ServiceKind]:
    if only is None:
        return frozenset(ServiceKind)
    known = *ServiceKind, _CONSOLE
    names = [name.strip() for name in only.split(",")]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"there is no service {name!r}; services: {', '.join(known)}",
                param_hint="--only",
            )
    return frozenset(ServiceKind(name) for name in names if name != _CONSOLE)


def _has_console(cluster: Cluster, only: str | None) -> bool:
    """Tell whether pages are wanted here; hosts may share a file that has [console]."""
    if only is None:
        return cluster.config.console is not None and cluster.store.may_change
    return _CONSOLE in [name.strip() for name in only.split(",")]


def _parse_metrics(text: str) -> MetricsSection:
    return _parse_place(text, MetricsSection, "--metrics")


def _parse_console(text: str) -> ConsoleSection:
    return _parse_place(text, ConsoleSection, "--console")


def _parse_place(text: str, kind: type[_Place], flag: str) -> _Place:
    address, _, port = text.rpartition(":")
    tables: dict[str, object] = {"port": read_decimal(port, _HIGHEST_PORT)}
    try:
        if address:
            tables["address"] = LISTENING_ADDRESS.convert(address, None, None)
        return msgspec.convert(tables, kind)
    except (click.BadParameter, msgspec.ValidationError):
        raise click.BadParameter(
            f"{text!r} is not [ADDRESS:]PORT", param_hint=flag
        ) from None


async def _serve(
    cluster: Cluster,
    nodes: Sequence[str],
    kinds: frozenset[ServiceKind],
    *,
    config: Path | None,
    metrics: MetricsSection | None,
    console: ConsoleSection | None,
    stop_with_stdin: bool,
) -> None:
    """Serve until a signal; then finish running transfers, and close everything."""
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            begin = partial(nursery.start, serve_nodes, cluster, nodes, kinds)
            running = await _begun(begin, signals)
            if running is None:
                return
            for each in running.listening:
                _print_ready(each.node, each.service, each.address, each.port)
            if metrics is not None:
                await _serve_metrics(nursery, metrics, running)
            pages: Mapping[str, Reload] = {}
            if console is not None:
                pages = await _serve_console(nursery, cluster, console)
            freeze_heap_after_startup()
            click.echo(json.dumps({"event": "serving"}))
            notify.tell_ready("serving")
            nursery.start_soon(notify.show_life)
            nursery.start_soon(collect_garbage)
            async with trio.open_nursery() as waiting:
                if stop_with_stdin:
                    waiting.start_soon(_stop_after_stdin, waiting.cancel_scope)
                await _obey(signals, lambda: reload(cluster, running, config, pages))
                waiting.cancel_scope.cancel()
            notify.tell_stopping()
            await running.drain()
            nursery.cancel_scope.cancel()


async def _begun(
    begin: Callable[[], Awaitable[Serving]], signals: AsyncIterator[int]
) -> Serving | None:
    """Return what is served; None when a signal ends the process before that.

    A start may wait long for a database, and has to end all the same.
    """
    came: set[int] = set()

    async def end_at_signal(scope: trio.CancelScope) -> None:
        async for number in signals:
            came.add(number)
            if number != signal.SIGHUP:
                scope.cancel()

    running: list[Serving] = []
    async with trio.open_nursery() as waiting:
        waiting.start_soon(end_at_signal, waiting.cancel_scope)
        running.append(await begin())
        waiting.cancel_scope.cancel()
    for number in came:
        # The start was done already, or had read what is to be reloaded: `_obey` hears
        # the signal again.
        if running:
            signal.raise_signal(number)
        elif number != signal.SIGHUP:
            _say_stopping(number)
    return running[0] if running else None


def _say_stopping(number: int) -> None:
    get_logger().info("stopping", signal=signal.Signals(number).name)


async def _obey(
    signals: AsyncIterator[int], reload_all: Callable[[], Awaitable[list[str]]]
) -> None:
    """Reload at each SIGHUP; return at the signal that ends the process.

    That one is heard during a reload, too, which may wait for a database.
    """
    turn = trio.Lock()

    async def reload_in_turn() -> None:
        async with turn:
            notify.tell_reloading()
            failed = await reload_all()
            but = f"; not reloaded: {', '.join(failed)}" if failed else ""
            notify.tell_ready(f"serving{but}")

    async with trio.open_nursery() as reloading:
        async for number in signals:
            if number != signal.SIGHUP:
                _say_stopping(number)
                break
            if not turn.statistics().tasks_waiting:  # one that waits serves for all
                reloading.start_soon(reload_in_turn)
        reloading.cancel_scope.cancel()


async def _stop_after_stdin(scope: trio.CancelScope) -> None:
    """Cancel a scope at the end of standard input, whatever kind of file it is."""
    await trio.to_thread.run_sync(_read_to_the_end, abandon_on_cancel=True)
    get_logger().info("stopping", because="standard input has ended")
    scope.cancel()


def _read_to_the_end() -> None:
    with suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass


async def _serve_metrics(
    nursery: trio.Nursery, section: MetricsSection, running: Serving
) -> None:
    address, port = await nursery.start(
        partial(
            serve_monitoring,
            running.health,
            address=section.address,
            port=section.port,
        )
    )
    _print_ready(None, "metrics", address, port)


async def _serve_console(
    nursery: trio.Nursery, cluster: Cluster, section: ConsoleSection
) -> Mapping[str, Reload]:
    """Serve the pages, with the publisher's certificate.

    Returns:
        What renews it, by the publisher's name.
    """
    # Web libraries take half a second to load: only serving pages needs them.
    from tokenless.services.console.server import (  # noqa: PLC0415
        ConsoleServer,
        ConsoleSettings,
    )

    settings = ConsoleSettings.of(
        cluster,
        cluster.publisher,
        address=section.address or None,
        port=section.port,
    )
    server = ConsoleServer(cluster, settings)
    address, port = await nursery.start(server.serve)
    for service in (_CONSOLE, _CERTMGR):  # the REST interface is on the same port
        _print_ready(settings.node.name, service, address, port)
    return {settings.node.name: server.reload}


def _print_ready(node: str | None, service: str, address: str, port: int) -> None:
    """Announce a socket; that of the metrics is not a single node's."""
    event = {"event": "ready", "node": node, "service": service}
    click.echo(json.dumps({**event, "address": address, "port": port}))
