"""`utils fips`: what it asks, what it regenerates, what new certificates must be."""

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB
from tests.services.admin.lines import PUBLISHER, SUBSCRIBER, Answers, done, refusal
from tokenless.protocol.codes import TrustStore
from tokenless.services.admin.shell import AdminShell
from tokenless.services.changes.certificates import own
from tokenless.services.changes.identities import RequestOrder, request
from tokenless.services.changes.security import set_parameter
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.serve import serve_nodes

_ENABLE = "utils fips enable"
_DISABLE = "utils fips disable"
_STATUS = "utils fips status"
_CAPF = "Cisco Certificate Authority Proxy Function"
_ON = "The system is operating in FIPS mode.\n"
_OFF = "The system is operating in NON-FIPS mode.\n"
_WARNED_OF = {"CallManager", "tomcat", "ipsec", "TVS", "CAPF", "ITLRecovery"}

_Serials = dict[tuple[str, str], str]


def _serials(cluster: Cluster) -> _Serials:
    names = {node.id: node.name for node in cluster.nodes}
    return {
        (names[each.node_id or 0], each.store.value): each.certificate.serial_hex
        for each in own(cluster)
    }


def _changed(before: _Serials, after: _Serials) -> set[tuple[str, str]]:
    return {place for place, serial in after.items() if before[place] != serial}


def test_the_warning_is_the_vendors(lab: Cluster) -> None:
    set_parameter(lab, "Version", "12.5(1)SU6", by="test")
    before = _serials(lab)
    asking = Answers("y", "yes")
    shell = AdminShell(lab, PUBLISHER, ask=asking)
    assert "cancelled" in refusal(shell.run(_ENABLE))
    assert _serials(lab) == before
    said = done(shell.run(_ENABLE))
    assert asking.questions[1].startswith(
        "Security Warning: The operation will regenerate certificates for\n\n"
        "1)CallManager\n2)Tomcat\n3)IPsec\n4)TVS\n5)CAPF\n6)SSH\n7)ITLRecovery\n"
    )
    assert "SHA-1' which is not FIPS compliant" in asking.questions[1]
    assert "This will change the system to FIPS mode and will reboot." in said
    assert said.partition("(yes/no)? ")[2].splitlines()[:3] == [
        "yes",
        "Generating certificates...Setting FIPS mode in operating system.",
        "FIPS mode enabled successfully.",
    ]


def test_before_12_nothing_is_said_of_a_parameter_that_is_not_there(
    shell: AdminShell,
) -> None:
    assert "TFTP File Signature Algorithm" not in done(shell.run(_ENABLE))


def test_a_node_goes_in_and_out_of_fips_mode_alone(
    lab: Cluster, shell: AdminShell
) -> None:
    set_parameter(lab, "Version", "12.5(1)SU6", by="test")
    subscriber = AdminShell(lab, SUBSCRIBER, assume_yes=True)
    before = _serials(lab)
    done(shell.run(_ENABLE))
    assert done(shell.run(_STATUS)) == _ON
    assert done(subscriber.run(_STATUS)) == _OFF
    enabled = _serials(lab)
    assert _changed(before, enabled) == {(PUBLISHER, unit) for unit in _WARNED_OF}
    assert "already in FIPS mode" in refusal(shell.run(_ENABLE))
    assert "not in FIPS mode" in refusal(subscriber.run(_DISABLE))
    assert "NON-FIPS mode and will reboot" in done(shell.run(_DISABLE))
    assert done(shell.run(_STATUS)) == _OFF
    assert _changed(enabled, _serials(lab)) == _changed(before, enabled)


def test_a_subscriber_regenerates_what_is_its_own(lab: Cluster) -> None:
    before = _serials(lab)
    done(AdminShell(lab, SUBSCRIBER, assume_yes=True).run(_ENABLE))
    units = _WARNED_OF - {"ITLRecovery"}
    assert _changed(before, _serials(lab)) == {(SUBSCRIBER, unit) for unit in units}


def test_certificates_of_a_node_in_fips_mode_have_sha256_and_longer_keys(
    lab: Cluster, shell: AdminShell
) -> None:
    assert lab.config.certificates.digest == "sha1"
    done(shell.run(_ENABLE))
    done(shell.run("set cert regen TVS"))
    publisher, subscriber = lab.nodes
    mine = {each.store: each.certificate for each in own(lab, publisher)}
    assert {each.signature_algorithm for each in mine.values()} == {"SHA256withRSA"}
    assert all(each.public_key.key_size >= 2048 for each in mine.values())
    others = {each.store: each.certificate for each in own(lab, subscriber)}
    assert others[TrustStore.TVS].signature_algorithm == "SHA1withRSA"
    short = RequestOrder(key_size=1024)
    with pytest.raises(Exception, match="is in FIPS mode"):
        request(lab, publisher, TrustStore.IPSEC, short, by="test")
    made = request(lab, subscriber, TrustStore.IPSEC, short, by="test")
    assert made.common_name.startswith(SUBSCRIBER)


async def test_a_reboot_starts_every_activated_service_again(
    lab: Cluster, nursery: trio.Nursery
) -> None:
    lab.take_settings(load_config(LAB, FREE_PORTS))
    await nursery.start(serve_nodes, lab, [PUBLISHER])
    shell = AdminShell(lab, PUBLISHER, assume_yes=True)

    async def typed(line: str) -> str:
        return done(await trio.to_thread.run_sync(shell.run, line))

    await typed("utils service stop Cisco Tftp")
    await typed(f"utils service deactivate {_CAPF}")
    old = lab.publisher.itl_file.read_bytes()
    await typed(_ENABLE)
    listed = (await typed("utils service list")).splitlines()[1:]
    states = [line.partition("[")[2].partition("]")[0] for line in listed]
    assert sorted(states) == ["STARTED", "STARTED", "STARTED", "STOPPED"]
    assert lab.publisher.itl_file.read_bytes() != old
