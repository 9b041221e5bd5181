"""A configuration file as a wish: what it says, and what it leaves open.

A key that is not in the file stays as it is in the cluster, whatever its default is
when a cluster is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tokenless.services.config import ClusterConfig, load_with_tables
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import load_upload
from tokenless.services.store.parameters import FALSE, TRUE, Parameter

_OF_CLUSTER: Final = {
    "version": Parameter.VERSION,
    "auto_registration": Parameter.AUTO_REGISTRATION,
    "export_controlled_functionality": Parameter.EXPORT_CONTROLLED,
    "phone_interaction": Parameter.PHONE_INTERACTION,
}
_OF_PARAMETERS: Final = {
    "tftp_file_signature_algorithm": Parameter.SIGNATURE_DIGEST,
    "tls_ciphers": Parameter.TLS_CIPHERS,
    "capf_operation_expires_in": Parameter.CAPF_EXPIRES,
    "endpoint_advanced_encryption": Parameter.ADVANCED_ENCRYPTION,
}


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that was read and checked."""

    config: ClusterConfig
    tables: Mapping[str, Any]
    """As they are in the file."""
    folder: Path
    """Its folder: names of certificates are relative to it."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ConfigurationError: When it cannot be used.
        """
        config, tables = load_with_tables(path)
        return cls(config, tables, path.parent)

    def says(self, table: str, number: int, key: str) -> bool:
        """Return whether an entry of a list, such as a node, has a key."""
        return key in self.tables[table][number]

    @property
    def parameters(self) -> dict[Parameter, str]:
        """The parameters that it gives, as the database writes them."""
        found = {}
        for table, names in (("cluster", _OF_CLUSTER), ("parameters", _OF_PARAMETERS)):
            for key, value in self.tables.get(table, {}).items():
                if key in names:
                    found[names[key]] = _written(value)
        return found

    def certificate(self, name: str) -> bytes:
        """Return the content of a certificate's file; of one too long, its beginning.

        Raises:
            ServiceError: When it cannot be read.
        """
        path = self.folder / name
        try:
            return load_upload(path)
        except OSError as error:
            raise ServiceError(
                f"{path}: {error.strerror}",
                hint="names are relative to the configuration's folder",
            ) from None


def _written(value: object) -> str:
    if isinstance(value, bool):
        return TRUE if value else FALSE
    return str(value)
