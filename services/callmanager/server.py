"""Cisco CallManager of one node: four ports, one registrar."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
import trio

from tokenless.protocol.phones.registration import (
    DeviceProfile,
    UnregisterReason,
    directory_number,
)
from tokenless.services.callmanager import counters
from tokenless.services.callmanager.cluster_view import ClusterView
from tokenless.services.callmanager.devices import DeviceBook
from tokenless.services.callmanager.leg import CallFailure, Leg
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Absence, OnChange, Registration
from tokenless.services.callmanager.sccp.guest import SccpCount, SccpGuest, SccpSession
from tokenless.services.callmanager.settings import CallManagerSettings
from tokenless.services.callmanager.sip.datagrams import SipDatagrams
from tokenless.services.callmanager.sip.guest import SipGuest
from tokenless.services.callmanager.sip.stations import SipCallControl, SipCount
from tokenless.services.callmanager.switch import Switch
from tokenless.services.errors import ServiceError
from tokenless.services.stream_server.guest import GuestMaker, GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import StreamLimits, StreamSettings

_EXPIRY_LOOK_S: Final = 5.0
_TRIES_FOR_A_PORT: Final = 20


class CallManagerServer:
    """Registers phones until it is cancelled."""

    def __init__(
        self,
        devices: DeviceBook,
        settings: CallManagerSettings,
        *,
        clock: Callable[[], float],
        on_change: OnChange,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Load the certificates.

        Args:
            devices: Who may register; may be replaced.
            settings: How it behaves.
            clock: Unix seconds.
            on_change: Is told of each registration and each end.
            log: Where lines go.

        Raises:
            ServiceError: When a certificate cannot be used.
        """
        self.devices = devices
        self._settings = settings
        self._clock = clock
        self._log = log
        self._on_change = on_change
        self._by_number: dict[str, dict[str, None]] = {}
        self._sip_ports = (settings.ports.sip, settings.ports.sips)
        self.registrar = self._make_registrar()
        self.switch = Switch(self._leg_of, settings.number)
        self.view = ClusterView(
            self.registrar, self.switch, directory_number, self._local_leg
        )
        self._call_control = self._make_call_control()
        self._sccp = _sccp_server(settings, self._sccp_guest)
        self._sip = _sip_server(settings, self._sip_guest)
        self._datagrams: SipDatagrams | None = None

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Listening addresses: `sccp`, `sccps`, `sip` (TCP and UDP), `sips`."""
        names = ("sccp", "sccps"), ("sip", "sips")
        return {
            name: address
            for each, server in zip(names, (self._sccp, self._sip), strict=True)
            for name, address in zip(each, server.addresses, strict=False)
        }

    async def bind(self) -> None:
        """Listen.

        Raises:
            ServiceError: When an address is not ours or a port is in use.
        """
        try:
            await self._sccp.bind()
            await self._bind_sip()
        except BaseException:
            self.close()
            raise

    async def _bind_sip(self) -> None:
        """Take one port for TCP and UDP; a free one has to be free for both."""
        for attempt in range(_TRIES_FOR_A_PORT):
            addresses = await self._sip.bind()
            try:
                self._datagrams = SipDatagrams(*addresses[0])
            except ServiceError:
                is_last = attempt == _TRIES_FOR_A_PORT - 1
                if self._settings.ports.sip or is_last:
                    raise
                self._sip.close()
            else:
                self._sip_ports = (addresses[0][1], addresses[1][1])
                return

    async def serve(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled; then tell every phone to look for another node."""
        datagrams = self._datagrams
        if datagrams is None:
            await self.bind()
            datagrams = self._datagrams
        assert datagrams is not None  # noqa: S101  # bind has made it
        try:
            async with trio.open_nursery() as nursery:
                counters.PRESENT.follow(self._settings.node, self._present)
                await nursery.start(self._sccp.serve)
                await nursery.start(self._sip.serve)
                nursery.start_soon(self._serve_datagrams, datagrams)
                nursery.start_soon(self._expire)
                task_status.started()
                try:
                    await trio.sleep_forever()
                finally:
                    self.registrar.dismiss_all(UnregisterReason.CALLMANAGER_RESTART)
        finally:
            self.close()

    def reload(self, settings: CallManagerSettings) -> None:
        """Take certificates, TLS and limits; registrations stay.

        Everything else stays as it is: keep-alives, of which phones have been told,
        and how phones reach it.

        Raises:
            ServiceError: When a certificate cannot be used; then nothing has changed.
        """
        settings = replace(
            self._settings,
            certificates=settings.certificates,
            authorities=settings.authorities,
            minimum_tls=settings.minimum_tls,
            newest_tls=settings.newest_tls,
            ciphers=settings.ciphers,
            max_devices=settings.max_devices,
            limits=settings.limits,
        )
        self._sccp.reload(_sccp_streams(settings))
        self._sip.reload(_sip_streams(settings))
        self.registrar.max_devices = settings.max_devices
        self._settings = settings

    def close(self) -> None:
        """Stop listening, where `serve` was not entered after `bind`; else nothing."""
        self._sccp.close()
        self._sip.close()
        if self._datagrams is not None:
            self._datagrams.close()
            self._datagrams = None

    async def _serve_datagrams(self, datagrams: SipDatagrams) -> None:
        await datagrams.serve(
            self._call_control,
            clock=time.monotonic,
            log=self._log,
            log_lines_per_s=self._settings.limits.log_lines_per_s,
        )

    async def _expire(self) -> None:
        while True:
            await trio.sleep(_EXPIRY_LOOK_S)
            self._call_control.expire(time.monotonic())

    def _present(self) -> counters.Present:
        return counters.Present(len(self.registrar), len(self.switch.calls))

    def _find_device(self, name: str) -> DeviceProfile | None:
        """Look in the devices of now: they are replaced as a whole."""
        return self.devices.find(name)

    def _changed(self, change: Registration | Absence) -> None:
        devices = self._by_number.setdefault(directory_number(change.device), {})
        if isinstance(change, Registration):
            devices[change.device] = None
        else:
            devices.pop(change.device, None)
        if not devices:
            del self._by_number[directory_number(change.device)]
        self._on_change(change)
        self.view.announce(change)

    def _leg_of(self, number: str) -> Leg | CallFailure:
        """Return a leg of the phone that has a directory number, if it is idle."""
        return self.view.leg_of(number, self._by_number.get(number, {}))

    def _local_leg(self, device: str) -> Leg | CallFailure:
        """Return a leg of a phone that is registered here, if it is idle."""
        registration = self.registrar.find(device)
        if registration is None:
            return CallFailure.NOT_REGISTERED
        station = self.registrar.station(device)
        if isinstance(station, SccpSession):
            return station.calls.new_leg(station)
        return self._call_control.leg_of(registration)

    def _make_registrar(self) -> Registrar:
        return Registrar(
            self._find_device,
            clock=lambda: int(self._clock()),
            max_devices=self._settings.max_devices,
            node=self._settings.node,
            on_change=self._changed,
        )

    def _make_call_control(self) -> SipCallControl:
        return SipCallControl(
            self.registrar,
            self._settings.sip,
            node=self._settings.node,
            cells=dict.fromkeys(SipCount, 0),
            switch=self.switch,
            number_of=directory_number,
            place_of=self._sip_place,
        )

    def _sip_place(self, transport: str) -> str:
        """Return where phones find the port of a SIP transport."""
        clear, secure = self._sip_ports
        known = self._settings.advertised
        port = known.sips or secure if transport == "TLS" else known.sip or clear
        return f"{known.host or self._settings.address}:{port}"

    def _sccp_guest(self, tools: GuestTools) -> SccpGuest:
        return SccpGuest(
            self.registrar,
            self._settings.sccp,
            tools,
            node=self._settings.node,
            number_of=directory_number,
            switch=self.switch,
            now=lambda: datetime.fromtimestamp(self._clock(), UTC),
        )

    def _sip_guest(self, tools: GuestTools) -> SipGuest:
        return SipGuest(self._call_control, tools, clock=time.monotonic)


def _sccp_server(settings: CallManagerSettings, guest: GuestMaker) -> StreamServer:
    return StreamServer(
        _sccp_streams(settings),
        guest,
        guest_cells=len(SccpCount),
        collector=counters.SCCP,
    )


def _sip_server(settings: CallManagerSettings, guest: GuestMaker) -> StreamServer:
    return StreamServer(
        _sip_streams(settings),
        guest,
        guest_cells=len(SipCount),
        collector=counters.SIP,
    )


def _sccp_streams(settings: CallManagerSettings) -> StreamSettings:
    ports = settings.ports_of(settings.ports.sccp, settings.ports.sccps)
    return StreamSettings("SCCP", ports, _patient(settings), node=settings.node)


def _sip_streams(settings: CallManagerSettings) -> StreamSettings:
    ports = settings.ports_of(settings.ports.sip, settings.ports.sips)
    return StreamSettings("SIP", ports, _patient(settings), node=settings.node)


def _patient(settings: CallManagerSettings) -> StreamLimits:
    """Return limits under which phones may be silent between their signs of life.

    The sessions end those that are silent too long by themselves.
    """
    sccp, sip = settings.sccp, settings.sip
    longest_s = max(sccp.keepalive_s, sccp.secondary_keepalive_s, sip.expires_s)
    return msgspec.structs.replace(settings.limits, idle_s=3.0 * longest_s)
