"""The configuration: TOML, checked as a whole before anything is done with it.

It describes a cluster when its data folder is made (nodes, groups, pools, devices,
certificates) and how the services of this machine run (`[tftp]`, `[tvs]`). What
administrators change later lives in the database, not here.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tokenless.ground.files import SHIPPED_CONFIGS
from tokenless.ground.toml_files import (
    TomlFileError,
    fault_of,
    is_there,
    keys_of,
    line_of,
    load_toml,
)
from tokenless.services.config.cluster_sections import NodeSection, SubjectSection
from tokenless.services.config.declaration import HostName
from tokenless.services.config.host_sections import (
    CapfSection,
    MetricsSection,
    TftpSection,
    TvsSection,
)
from tokenless.services.config.references import (
    ConfigFault,
    check_own_release,
    check_references,
)
from tokenless.services.config.sections import CAPF_PORT, ClusterConfig, host_tables
from tokenless.services.errors import (
    ConfigurationError,
    SettingError,
    UnreadableConfigurationError,
)

__all__ = [
    "CAPF_PORT",
    "CapfSection",
    "ClusterConfig",
    "HostName",
    "MetricsSection",
    "NodeSection",
    "SubjectSection",
    "TftpSection",
    "TvsSection",
    "check_tables",
    "host_settings",
    "host_tables",
    "load_config",
    "load_with_tables",
]

_DEFAULT_NAME: Final = Path("configs/lab.toml")
_SEE: Final = "docs/configuration.md has all keys"
_SHIPPED: Final = SHIPPED_CONFIGS / _DEFAULT_NAME.name


def check_tables(tables: Mapping[str, Any], source: str) -> ClusterConfig:
    """Return the configuration that TOML's tables describe.

    Args:
        tables: What was read.
        source: From where, for messages.

    Raises:
        SettingError: When a key is unknown, missing or wrong; names its path.
    """
    place = f"{source}: "
    config = _converted(tables, place)
    _refuse(check_references(config), place)
    return config


def _converted(tables: Mapping[str, Any], place: str) -> ClusterConfig:
    try:
        return msgspec.convert(tables, ClusterConfig)
    except msgspec.ValidationError as error:
        fault = fault_of(error, ClusterConfig)
        hint = f"did you mean `{fault.meant}`?" if fault.meant else _SEE
        raise SettingError(fault.keys, fault.reason, hint=hint, place=place) from None


def _refuse(faults: Iterable[ConfigFault], place: str) -> None:
    """Raise SettingError for the first fault, if there is one."""
    for path, reason, hint in faults:
        raise SettingError(keys_of(path), reason, hint=hint, place=place)


def host_settings(config: ClusterConfig) -> dict[str, Any]:
    """Return how this host serves, by the keys that have not their defaults.

    They decide which files are served to which clients, and where the database is.
    """
    tables = msgspec.to_builtins(config)
    names = host_tables()
    usual = ClusterConfig(nodes=config.nodes)
    defaults = msgspec.to_builtins(usual)
    return {
        f"{table}.{key}": value
        for table in names
        for key, value in (tables[table] or {}).items()
        if value != (defaults[table] or {}).get(key)
    }


def load_config(
    path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> ClusterConfig:
    """Load a configuration.

    Args:
        path: The file; without it `configs/lab.toml`, else the one that comes with
            the package.
        overrides: Tables laid over the file's, before anything is checked.

    Raises:
        ConfigurationError: When the file cannot be read, is not TOML, or has a key
            that cannot be used; names its line and its path.
    """
    return load_with_tables(path, overrides)[0]


def load_with_tables(
    path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> tuple[ClusterConfig, Mapping[str, Any]]:
    """Load a configuration as `load_config`, and the tables as the file has them.

    The tables tell what the file leaves open: a key that it lacks has its default in
    the configuration.

    Raises:
        ConfigurationError: As `load_config`.
    """
    path = _default_path() if path is None else path
    try:
        text, tables = load_toml(path)
    except OSError as error:
        raise UnreadableConfigurationError(
            f"{path}: {error.strerror}", hint="name a configuration with --config"
        ) from None
    except TomlFileError as error:
        raise ConfigurationError(f"{path}: {error}", hint=error.hint) from None
    try:
        laid = _overlay(tables, overrides or {})
        config = check_tables(laid, str(path))
        _refuse(check_own_release(config, laid), f"{path}: ")
    except SettingError as error:
        if is_there(overrides or {}, error.keys):
            raise error.below() from None
        line = line_of(text, error.keys)
        place = f"{path}:{line}: " if line else f"{path}: "
        also = " (further settings are laid over this file)" if overrides else ""
        raise SettingError(
            error.keys, error.reason + also, hint=error.hint, place=place
        ) from None
    return config, tables


def _default_path() -> Path:
    candidates = (_DEFAULT_NAME, _SHIPPED)
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
