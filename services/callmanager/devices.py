"""The cluster's devices, as the registrar looks them up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy import Connection

from tokenless.protocol.phones.device_security import DeviceSecurity, profile_name
from tokenless.protocol.phones.models import DEVICE_NAME, PHONE_MODELS
from tokenless.protocol.phones.registration import DeviceProfile, Signalling
from tokenless.protocol.sip.digest import DigestAccount
from tokenless.services.store.device_pools import DevicePool, read_pools
from tokenless.services.store.devices import read_devices
from tokenless.services.store.parameters import MIXED, TRUE, Parameter, read_parameter

_PHONE_NAME: Final = re.compile(DEVICE_NAME)


@dataclass(frozen=True, slots=True)
class DeviceBook:
    """All devices of one state of the database."""

    by_name: Mapping[str, DeviceProfile]
    """Those that are configured by hand."""
    registers_by_itself: DevicePool | None
    """The device pool of every other phone; None without auto-registration."""

    @classmethod
    def read(cls, connection: Connection) -> Self:
        """Read them.

        In a cluster that is not in mixed mode every device registers non-secure,
        whatever its profile says: as its configuration does. That CallManager follows
        the mode without a restart is inferred.
        """
        pools = read_pools(connection)
        registers = read_parameter(connection, Parameter.AUTO_REGISTRATION) == TRUE
        default = next((pool for pool in pools if pool.is_default), None)
        is_mixed = read_parameter(connection, Parameter.CLUSTER_SECURITY_MODE) == MIXED
        return cls(
            {
                device.name: _profile(
                    device.name,
                    device.model,
                    device.security_mode if is_mixed else DeviceSecurity.NON_SECURE,
                    encrypts_config=device.encrypts_config,
                    digest=device.digest,
                )
                for device in read_devices(connection)
            },
            default if registers else None,
        )

    def find(self, name: str) -> DeviceProfile | None:
        """Return the known facts about a device, None when it may not register."""
        known = self.by_name.get(name)
        if known is not None:
            return known
        pool = self.registers_by_itself
        if pool is None or not _PHONE_NAME.fullmatch(name):
            return None
        # It becomes a device of the model and the protocol that it comes with.
        return DeviceProfile(name, None, DeviceSecurity.NON_SECURE)


def _profile(
    name: str,
    model: str,
    mode: DeviceSecurity,
    *,
    encrypts_config: bool,
    digest: DigestAccount | None,
) -> DeviceProfile:
    signalling = Signalling(PHONE_MODELS[model].protocol)
    profile = profile_name(model, signalling, mode, encrypts_config=encrypts_config)
    return DeviceProfile(name, signalling, mode, profile, digest=digest)
