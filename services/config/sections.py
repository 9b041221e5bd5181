"""A whole configuration: its tables, in `cluster_sections` and `host_sections`.

The one declaration of every setting. SIGHUP takes at once what is marked `AtOnce`, and
docs/configuration.md is made from these classes.
"""

from typing import Annotated, Final

import msgspec

from tokenless.services.config.cluster_sections import (
    CallManagerGroupSection,
    CertificatesSection,
    ClusterSection,
    DateTimeGroupSection,
    DevicePoolSection,
    DeviceSection,
    NodeSection,
    ParametersSection,
    TrustStoreSection,
)
from tokenless.services.config.declaration import (
    HostSection,
    Section,
    inspect_fields,
    is_at_once,
    tables_in,
)
from tokenless.services.config.host_sections import (
    AdvertiseSection,
    CallManagerSection,
    CapfSection,
    ConsoleSection,
    DatabaseSection,
    HttpSection,
    ListenSection,
    MetricsSection,
    TftpSection,
    TvsSection,
)

CAPF_PORT: Final = 3804


class ClusterConfig(Section, frozen=True, kw_only=True):
    """A whole configuration."""

    cluster: ClusterSection = ClusterSection()
    certificates: CertificatesSection = CertificatesSection()
    tftp: TftpSection = TftpSection()
    http: HttpSection = HttpSection()
    tvs: TvsSection = TvsSection()
    callmanager: CallManagerSection = CallManagerSection()
    capf: CapfSection = CapfSection()
    listen: ListenSection = ListenSection()
    advertise: AdvertiseSection = AdvertiseSection()
    metrics: MetricsSection | None = None
    console: ConsoleSection | None = None
    database: DatabaseSection = DatabaseSection()
    nodes: Annotated[tuple[NodeSection, ...], msgspec.Meta(min_length=1)]
    callmanager_groups: tuple[CallManagerGroupSection, ...] = ()
    date_time_groups: tuple[DateTimeGroupSection, ...] = ()
    device_pools: tuple[DevicePoolSection, ...] = ()
    devices: tuple[DeviceSection, ...] = ()
    parameters: ParametersSection = ParametersSection()
    trust_stores: tuple[TrustStoreSection, ...] = ()

    @property
    def capf_port(self) -> int:
        """Port of CAPF; 0 takes a free port."""
        if self.capf.port is not None:
            return self.capf.port
        return CAPF_PORT if self.tftp.port else 0


def host_tables() -> tuple[str, ...]:
    """Return the names of the tables that say how this host serves."""
    return tuple(
        field.name
        for field in inspect_fields(ClusterConfig)
        for kind in tables_in(field.type)
        if issubclass(kind.cls, HostSection)
    )


def settings_at_once() -> frozenset[str]:
    """Return the settings that SIGHUP changes: `tvs.idle_s`."""
    return frozenset(
        f"{table.name}.{field.name}"
        for table in inspect_fields(ClusterConfig)
        for kind in tables_in(table.type)
        for field in kind.fields
        if is_at_once(field)
    )
