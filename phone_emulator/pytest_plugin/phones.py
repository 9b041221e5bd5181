"""Phones and fleets of a cluster under test.

Every call that takes time has two forms: `boot()` blocks, and so can be used in any
test but one of trio; `await boot_async()` is for tests of trio, asyncio and anyio.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

import trio

from tokenless.ground.interrupts import run_trio
from tokenless.phone_emulator.addresses import parse_phone_name
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan, check_plan
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.folder_boot import boot_in_folder, delete_trust
from tokenless.phone_emulator.phone import Network, Phone, open_network
from tokenless.phone_emulator.pytest_plugin.cluster import LSC_BITS, ClusterUnderTest
from tokenless.phone_emulator.registration.call import CallReport
from tokenless.phone_emulator.registration.call import call as place_call
from tokenless.phone_emulator.registration.folder_line import line_in_folder
from tokenless.phone_emulator.registration.register import register_once
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.errors import TokenlessError
from tokenless.protocol.phones.device_security import CapfOperation, DeviceSecurity

_FIRST_MAC: Final = 0x001122800000
"""Beyond the phones of fleets, which count from 001122000000."""
_NUMBERS: Final = count(_FIRST_MAC + secrets.randbelow(0x700000))
"""Of the phones of this process; others, such as workers of pytest-xdist, and later
runs against the same cluster hardly meet them."""
_TALK_S: Final = 0.2
_Result = TypeVar("_Result")


def _is_in_trio() -> bool:
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def run_blocking(what: Callable[[], Awaitable[_Result]], name: str) -> _Result:
    """Run something of trio to its end.

    Args:
        what: Is called and awaited.
        name: The method's, for the error.

    Raises:
        PhoneError: In a test of trio, which must not be blocked.
    """
    if _is_in_trio():
        raise PhoneError(
            f"{name}() would block the tests of trio",
            hint=f"write `await {name}_async()`",
        )
    return run_trio(_ungrouped, what)


async def _ungrouped(what: Callable[[], Awaitable[_Result]]) -> _Result:
    """Await something; an error of our own is raised as such, in no group."""
    try:
        return await what()
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            (error,) = error.exceptions
        if isinstance(error, TokenlessError):
            raise error from group
        raise


async def run_in_any_loop(what: Callable[[], Awaitable[_Result]], name: str) -> _Result:
    """Run something of trio in a test of trio, asyncio or anyio.

    Under asyncio it runs in a thread of its own, so that the loop goes on.

    Args:
        what: Is called and awaited.
        name: The method's, for the error.

    Raises:
        PhoneError: When the test's event loop is neither.
    """
    if _is_in_trio():
        return await _ungrouped(what)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise PhoneError(
            f"{name}_async() runs under trio, asyncio and anyio only",
            hint=f"call {name}()",
        ) from None
    return await asyncio.to_thread(trio.run, _ungrouped, what)


@dataclass(slots=True)
class LabPhone:
    """One phone of the cluster; `folder` is its flash."""

    identity: PhoneIdentity
    folder: Path
    cluster: ClusterUnderTest

    @property
    def device(self) -> str:
        """Its name."""
        return self.identity.device

    def secure(
        self,
        mode: DeviceSecurity = DeviceSecurity.ENCRYPTED,
        *,
        operation: CapfOperation | None = CapfOperation.INSTALL,
        key_size: int = LSC_BITS,
    ) -> None:
        """Give it a security profile, and an LSC at its next boot.

        Args:
            mode: The profile's Device Security Mode.
            operation: What CAPF shall do; None leaves that as it is.
            key_size: Of the LSC in bits.

        Raises:
            PhoneError: When it cannot have them.
        """
        model = self.identity.model_name
        self.cluster.secure_device(
            self.device, model, mode, operation=operation, key_size=key_size
        )

    def boot(self) -> BootReport:
        """Boot once, and go to CAPF if the configuration says so."""
        return run_blocking(self._boot, "boot")

    async def boot_async(self) -> BootReport:
        """Boot once, in an async test."""
        return await run_in_any_loop(self._boot, "boot")

    def register(self) -> RegistrationReport:
        """Register as a phone that has booted does, and say goodbye again."""
        return run_blocking(self._register, "register")

    async def register_async(self) -> RegistrationReport:
        """Register and say goodbye, in an async test."""
        return await run_in_any_loop(self._register, "register")

    def call(self, other: "LabPhone", seconds: float = _TALK_S) -> CallReport:
        """Register both phones, call the other one, talk, and hang up.

        Args:
            other: A phone that has booted.
            seconds: How long they talk.
        """
        return run_blocking(partial(self._call, other, seconds), "call")

    async def call_async(
        self, other: "LabPhone", seconds: float = _TALK_S
    ) -> CallReport:
        """Call another phone, in an async test."""
        return await run_in_any_loop(partial(self._call, other, seconds), "call")

    def delete_trust(self) -> None:
        """Erase CTL and ITL."""
        delete_trust(self.folder)

    async def _boot(self) -> BootReport:
        async with self._network() as network:
            return await boot_in_folder(self.identity, self.folder, network)

    async def _register(self) -> RegistrationReport:
        flash = FolderFlash.open(self.folder)
        phone = Phone(self.identity, flash, flash.certificates)
        async with self._network() as network:
            return await register_once(phone, network)

    async def _call(self, other: "LabPhone", seconds: float) -> CallReport:
        async with self._network() as network, trio.open_nursery() as nursery:
            caller, called = (
                line_in_folder(each.identity, each.folder, network)
                for each in (self, other)
            )
            nursery.start_soon(caller.run)
            nursery.start_soon(called.run)
            report = await place_call(caller, called, seconds)
            nursery.cancel_scope.cancel()
        return report

    def _network(self) -> AbstractAsyncContextManager[Network]:
        return open_network(secure_ports=self.cluster.secure_ports)


@dataclass(slots=True)
class PhoneMaker:
    """Makes phones, each with a name and a flash of its own."""

    cluster: ClusterUnderTest
    folder: Path

    def __call__(
        self,
        *,
        model: str = "7975",
        device: str | None = None,
        first_tftp: str | None = None,
    ) -> LabPhone:
        """Return a phone that has never been booted.

        Args:
            model: One of `protocol.phones.models.PHONE_MODELS`.
            device: Its name; when None, one that no other phone of the run has.
            first_tftp: The node whose TFTP server it tries first; the publisher.

        Raises:
            PhoneError: When that node has no TFTP server, or no phone has that name or
                that model.
        """
        new = f"SEP{next(_NUMBERS):012X}"
        name = new if device is None else parse_phone_name(device)
        servers = self.cluster.servers(first_tftp)
        identity = PhoneIdentity(device=name, model_name=model, servers=servers)
        _ = identity.model  # refused here, not at its first boot
        return LabPhone(identity, self.folder / name, self.cluster)


@dataclass(slots=True)
class LabFleet:
    """Many phones of the cluster, with one folder of flash."""

    phones: list[PhoneIdentity]
    folder: Path
    settings: FleetSettings

    def boot(self) -> FleetReport:
        """Boot all of them."""
        return run_blocking(self._boot, "boot")

    async def boot_async(self) -> FleetReport:
        """Boot all of them, in an async test."""
        return await run_in_any_loop(self._boot, "boot")

    async def _boot(self) -> FleetReport:
        with closing(FleetStore.open(self.folder)) as store:
            return await Fleet(self.phones, store, self.settings).boot()


@dataclass(slots=True)
class FleetMaker:
    """Makes fleets."""

    cluster: ClusterUnderTest
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def __call__(
        self,
        count: int = 20,
        *,
        model: str = "7975",
        first_mac: str = "001122000000",
        first_tftp: str | None = None,
        settings: FleetSettings | None = None,
    ) -> LabFleet:
        """Return a fleet that has never been booted.

        Args:
            count: The number of phones.
            model: Of all of them.
            first_mac: The MAC address of the first; the others count on from it.
            first_tftp: The node whose TFTP server they try first; the publisher.
            settings: How they boot.

        Raises:
            PhoneError: When the plan cannot be, or that node has no TFTP server.
        """
        plan = check_plan(FleetPlan((FleetGroup(count, model, first_mac),)))
        phones = list(plan.phones(self.cluster.servers(first_tftp)))
        folder = self.folder / str(next(self._numbers))
        return LabFleet(phones, folder, settings or FleetSettings())
