"""The factory of a fleet's phones: their MICs, made when a phone is to show one.

A configuration says so: a secure profile, or a CAPF operation that a certificate is to
prove. Most phones of most labs never do, and a certificate for each takes time.
"""

from pathlib import Path

from tokenless.phone_emulator.fleet.keys import FleetKeys
from tokenless.phone_emulator.phone import Clock, Phone
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.phones.device_security import CapfAuthMode, DeviceSecurity


class Factory:
    """Gives phones their MICs."""

    def __init__(self, manufacturer: Path, clock: Clock, keys: FleetKeys) -> None:
        """Begin.

        Args:
            manufacturer: The folder of the emulated manufacturer.
            clock: Tells when a certificate begins.
            keys: Makes the phones' keys.
        """
        self._manufacturer = manufacturer
        self._clock = clock
        self._keys = keys

    def give(self, phone: Phone) -> None:
        """Give a phone a MIC, unless it has one.

        Raises:
            PhoneError: When the manufacturer's files cannot be used.
        """
        if phone.certificates is not None:
            phone.certificates.make_mic(
                phone.identity.device,
                phone.identity.model_name,
                self._manufacturer,
                self._clock(),
                self._keys.make_rsa,
            )

    def give_if_wanted(self, phone: Phone, report: BootReport) -> None:
        """Give a MIC to a phone of a model that has one, if it is to show one.

        Raises:
            PhoneError: As `give`.
        """
        if phone.identity.model.has_mic and wants_certificate(report):
            self.give(phone)


def wants_certificate(report: BootReport) -> bool:
    """Return whether the configuration wants the phone to show a certificate."""
    config = report.configuration
    if config is None:
        return False
    is_secure = config.security_mode in {
        DeviceSecurity.AUTHENTICATED,
        DeviceSecurity.ENCRYPTED,
    }
    proves = {CapfAuthMode.EXISTING_LSC, CapfAuthMode.EXISTING_MIC}
    return is_secure or config.capf_auth_mode in proves
