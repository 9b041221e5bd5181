"""The planner's worlds made real: signed lists, a real SECD, TVS with real answers."""

from functools import cache, lru_cache

from tests.rigs.cluster import Authority, Keypair, UnsignedList, configuration, keypair
from tests.rigs.phone_bench import Bench
from tokenless.phone_emulator.planner.model.cluster import (
    CertificateIdentity,
    ClusterLayout,
    ClusterState,
    List,
    Served,
)
from tokenless.phone_emulator.planner.model.phones import PhoneGroup, tvs_of
from tokenless.phone_emulator.secd.events import (
    FlashContents,
    PhoneBehaviour,
    PhoneIdentity,
    Server,
)
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.codes import UNITS, Role, TrustStore
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list_build import record_for
from tokenless.protocol.phones.configuration import TvsMember

_KEPT = 1024
"""How many lists are kept: each is fetched many times, and the same every time."""
_CLUSTERS = 4
"""All phones of a walk boot at the same cluster, or at one of a race's."""
ADDRESSES = tuple(f"127.0.47.{number}" for number in range(155, 176))


@cache
def key_of(who: CertificateIdentity) -> Keypair:
    number = (UNITS.index(who.unit) * 100 + who.node) * 1000 + who.generation
    serial = (0x71 << 120) + number
    return keypair(f"{who.unit}-{who.node}", who.generation, serial=serial)


def _record(layout: ClusterLayout, role: Role, who: CertificateIdentity) -> Record:
    return record_for(
        key_of(who).certificate,
        role,
        dns_name=layout.nodes[who.node],
        ip_address=ADDRESSES[who.node],
    )


@lru_cache(_KEPT)
def _list(layout: ClusterLayout, of: List) -> UnsignedList:
    """Return a list; the same members in the same order give the same bytes."""
    members = sorted(of.members, key=lambda m: (m[0], m[1].unit, m[1].node))
    records = tuple(_record(layout, role, who) for role, who in members)
    return UnsignedList(records, key_of(of.signer))


def _authority(
    layout: ClusterLayout,
    cluster: ClusterState,
    number: int,
    served: Served,
    group: PhoneGroup,
) -> Authority:
    members = tuple(
        TvsMember(ADDRESSES[node], 2445, place)
        for place, node in enumerate(group.members_of(layout))
    )
    (shown,) = tvs_of(layout, cluster, (number,)).shown
    made = Authority(
        ctl=None if served.ctl is None else _list(layout, served.ctl),
        itl=_list(layout, served.itl),
        configuration=configuration(*members),
        configuration_signer=key_of(served.configuration_signer),
        tvs_certificate=key_of(shown),
    )
    made.known = dict(_known(layout, cluster))
    return made


@lru_cache(_CLUSTERS)
def _known(
    layout: ClusterLayout, cluster: ClusterState
) -> dict[bytes, tuple[Keypair, tuple[int, ...]]]:
    """Return what TVS of every node knows: the CTL, and what the nodes have now."""
    made = Authority()
    for role, who in () if cluster.ctl is None else cluster.ctl.members:
        key = key_of(who)
        _, known = made.known.get(key.certificate.serial_number, (key, ()))
        made.know(key, *known, role)
    for (unit, node), generation in zip(layout.slots, cluster.generations, strict=True):
        made.know(
            key_of(CertificateIdentity(unit, node, generation)), *TrustStore(unit).roles
        )
    return made.known


def boot_for_real(
    layout: ClusterLayout,
    cluster: ClusterState,
    group: PhoneGroup,
    contents: FlashContents,
    node: int,
) -> tuple[BootReport, FlashContents]:
    """Boot a phone with a real SECD at one node."""
    needed = {node, *group.members_of(layout)}
    nodes = {
        ADDRESSES[number]: _authority(
            layout, cluster, number, cluster.served[number], group
        )
        for number in sorted(needed)
    }
    identity = PhoneIdentity(
        device="SEP001122334455",
        model_name=group.model,
        servers=(Server(ADDRESSES[node], 69),),
        # These certificates have no names of other hosts, as shared ones have.
        habits=PhoneBehaviour(authorises_tftp=not layout.shared),
    )
    bench = Bench(nodes, identity, contents)
    secd = bench.boot()
    return secd.report, secd.contents
