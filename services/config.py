"""The configuration: TOML, checked as a whole before anything is done with it.

It describes a cluster when its data folder is made (nodes, groups, pools, devices,
certificates) and how the services of this machine run (`[tftp]`, `[tvs]`). What
administrators change later lives in the database, not here.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import msgspec

from protocol.phone_models import PHONE_MODELS
from services.config_check import check_references
from services.errors import ConfigurationError

_DEFAULT_NAME: Final = Path("configs/lab.toml")
_PACKAGED: Final = (
    Path(__file__).with_name("lab.toml"),
    Path(__file__).parents[1] / _DEFAULT_NAME,
)

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36500)]
KeySize = Literal[1024, 2048, 4096]
HostName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
        r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
        max_length=128,
    ),
]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class ClusterSection(_Section, frozen=True):
    """`[cluster]`: what the cluster is."""

    name: Word = "cluster"
    version: str = "10.5(1)"
    """The release it behaves as: who is SAST, who signs (REFERENCE 1.9, 1.10, 2.3)."""
    auto_registration: bool = True
    """Whether any SEP name gets a configuration of the default device pool."""
    export_controlled_functionality: bool = True
    """The licence without which mixed mode is refused (REFERENCE 6.1)."""
    capf: HostName | None = None
    """The common name of the CAPF certificate; made up when it is not given."""
    domain: HostName | None = None
    """Follows node names in certificates' common names."""


class SubjectSection(_Section, frozen=True):
    """`[certificates.subject]`: the attributes beside the common name."""

    organizational_unit: str = "TAC"
    organization: str = "Cisco"
    locality: str = "Krakow"
    state: str = "Malopolska"
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = "PL"


class CertificatesSection(_Section, frozen=True):
    """`[certificates]`: how the cluster's own certificates are made."""

    key_size: KeySize = 2048
    """Of the first certificates."""
    regenerated_key_size: KeySize = 2048
    validity_days: Days = 1825
    digest: Literal["sha1", "sha256"] = "sha1"
    subject: SubjectSection = SubjectSection()


class NodeSection(_Section, frozen=True):
    """`[[nodes]]`: one server."""

    name: HostName
    address: str
    """IPv4: it stands in trust lists, and the services listen on it."""
    publisher: bool = False


class TftpSection(_Section, frozen=True):
    """`[tftp]`: the TFTP service (services.tftp.settings)."""

    port: Port = 6969
    """0 takes a free one."""
    reload: Literal["restart", "automatic"] = "restart"
    """When new files are served: after the service's restart, or at once."""
    ports: Literal["per-transfer", "single"] = "per-transfer"
    workers: Count = 1
    receive_buffer_bytes: Count = 8 << 20
    max_transfers: Count = 16384
    max_transfers_per_address: Count = 8192
    allow: tuple[str, ...] = ()
    """Networks (CIDR) that are served; empty: all."""
    log_lines_per_s: Count = 100
    max_block_size: Annotated[int, msgspec.Meta(ge=8, le=65464)] = 65464
    max_window: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 64
    timeout_s: Seconds = 0.3
    static_files: str = ""
    """A folder of further files, beside the node's own."""
    static_patterns: tuple[str, ...] = ("*",)
    max_file_bytes: Count = 256 << 20


class LegacyTvsSection(_Section, frozen=True):
    """`[tvs.legacy]`: TLS 1.0 on a port of its own."""

    port: Port
    address: str | None = None


class TvsSection(_Section, frozen=True):
    """`[tvs]`: the Trust Verification Service (services.tvs.settings)."""

    port: Port = 2445
    """0 takes a free one."""
    workers: Count = 1
    ctl_cache: Literal["as-documented", "as-logged"] = "as-documented"
    """Which CTL files TVS believes (REFERENCE 10.2)."""
    tls_minimum: Literal["1.0", "1.2"] = "1.2"
    """7900 phones have TLS 1.0 only."""
    legacy: LegacyTvsSection | None = None
    client_ca: str | None = None
    connections: Count = 16384
    connections_per_address: Count = 8192
    first_byte_s: Seconds = 10.0
    handshake_s: Seconds = 10.0
    request_s: Seconds = 10.0
    idle_s: Seconds = 10.0


class DatabaseSection(_Section, frozen=True):
    """`[database]`: where the cluster's state lives."""

    url: str | None = None
    """An SQLAlchemy URL; a file of the data folder when it is not given."""
    busy_timeout_s: Seconds = 30.0
    """How long an administrator waits for another one's change."""


class CallManagerGroupSection(_Section, frozen=True):
    """`[[callmanager_groups]]`: nodes in order of priority; phones ask their TVS."""

    name: Word
    members: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=5)]


class DevicePoolSection(_Section, frozen=True):
    """`[[device_pools]]`."""

    name: Word
    callmanager_group: str
    default: bool = False
    """Whether auto-registered phones belong here."""
    model: str = "7975"
    """What an auto-registered phone is taken for: decides its firmware load."""


class DeviceSection(_Section, frozen=True):
    """`[[devices]]`: a phone that is configured by hand."""

    name: Annotated[str, msgspec.Meta(pattern="^SEP[0-9A-F]{12}$")]
    device_pool: str
    model: str = "7975"
    security_mode: Literal[1, 2, 3] = 1
    """1 non-secure, 2 authenticated, 3 encrypted."""


class ClusterConfig(_Section, frozen=True, kw_only=True):
    """A whole configuration."""

    cluster: ClusterSection = ClusterSection()
    certificates: CertificatesSection = CertificatesSection()
    tftp: TftpSection = TftpSection()
    tvs: TvsSection = TvsSection()
    database: DatabaseSection = DatabaseSection()
    nodes: Annotated[tuple[NodeSection, ...], msgspec.Meta(min_length=1)]
    callmanager_groups: tuple[CallManagerGroupSection, ...] = ()
    device_pools: tuple[DevicePoolSection, ...] = ()
    devices: tuple[DeviceSection, ...] = ()

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any], source: str) -> Self:
        """Check tables as TOML gives them.

        Raises:
            ConfigurationError: When a key is unknown, missing or wrong; names its path.
        """
        try:
            config = msgspec.convert(tables, cls)
        except msgspec.ValidationError as error:
            raise _explain(source, str(error)) from None
        for path, reason, hint in check_references(config, PHONE_MODELS):
            raise ConfigurationError(f"{source}: {path}: {reason}", hint=hint)
        return config


def load_config(
    path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> ClusterConfig:
    """Load a configuration.

    Args:
        path: The file; without it `configs/lab.toml`, else the one that comes with
            the package.
        overrides: Tables laid over the file's, before anything is checked.

    Raises:
        ConfigurationError: When the file cannot be read, is no TOML, or has a key
            that cannot be used; names the key's path.
    """
    path = _default_path() if path is None else path
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}", hint="name a configuration with --config"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}", hint="correct the TOML") from None
    return ClusterConfig.from_tables(_overlay(tables, overrides or {}), str(path))


def _default_path() -> Path:
    candidates = (_DEFAULT_NAME, *_PACKAGED)
    return next((path for path in candidates if path.exists()), _DEFAULT_NAME)


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge tables key by key; anything else that is given twice is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _overlay(old, value)
        else:
            merged[key] = value
    return merged


def _explain(source: str, message: str) -> ConfigurationError:
    """Put msgspec's path (`… - at `$.tftp.port``) in front, without its sign."""
    reason, _, path = message.partition(" - at `$")
    place = path.rstrip("`").removeprefix(".") or "the top level"
    return ConfigurationError(
        f"{source}: {place}: {reason}", hint="see the comments of configs/lab.toml"
    )
