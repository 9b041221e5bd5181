"""What must be true after everything: whom phones trust, and that checksums agree."""

import hashlib
from collections.abc import Iterable

from tests.system.hosts.host import PHONES, PhonesHost
from tests.system.hosts.scene import Scene
from tokenless.phone_emulator.fleet.store import StoredPhone
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import PhoneConfig


def check_trust(scene: Scene, *more: PhonesHost) -> None:
    """Check that no phone holds what the cluster has not decided and signed.

    A CTL must be one that the database has committed; an ITL must be signed by a
    certificate that was the cluster's own; the TVS members must be its nodes.

    Args:
        scene: The cluster, with its phones.
        more: Further phones of it.
    """
    ctls = {
        bytes(content) for (content,) in scene.query("SELECT content FROM ctl_file")
    }
    rows = scene.query("SELECT der FROM certificate")
    certificates = {bytes(der): Certificate.decode(bytes(der)) for (der,) in rows}
    nodes = {node.address for node in scene.nodes}
    for phone in _all((*scene.sites, *more)):
        held = phone.contents
        assert held.ctl in ctls, phone.device
        assert held.itl is not None
        itl = TrustList.decode(held.itl)
        signer = itl.signing_record()
        assert signer is not None
        itl.verify(certificates[signer.certificate_der or b""].public_key)
        assert held.configuration is not None
        members = PhoneConfig.decode(held.configuration).tvs
        assert {member.address for member in members} <= nodes, phone.device


def check_agreement(scene: Scene) -> None:
    """Check that every phone booted well and holds what its node's shell shows."""
    check_trust(scene)
    sums = scene.sums()
    assert len({each.ctl for each in sums.values()}) == 1, sums
    newest = _sums(scene.newest_ctl)
    for site in scene.sites:
        shown = sums[site.servers[0]]
        assert shown.ctl == newest
        phones = site.phones()
        assert len(phones) == PHONES
        for phone in phones:
            assert phone.outcome == "ok", phone.report
            assert _sums(phone.contents.ctl) == shown.ctl, phone.device
            assert _sums(phone.contents.itl) == shown.itl, phone.device
    scene.agrees = True


def holdings(site: PhonesHost) -> dict[str, object]:
    """Return what each phone of a site holds."""
    return {phone.device: phone.contents for phone in site.phones()}


def _all(sites: Iterable[PhonesHost]) -> Iterable[StoredPhone]:
    return [phone for site in sites for phone in site.phones()]


def _sums(content: bytes | None) -> tuple[str, str]:
    assert content is not None
    # As the phone's and the node's displays have them.
    return (
        hashlib.md5(content, usedforsecurity=False).hexdigest(),
        hashlib.sha1(content, usedforsecurity=False).hexdigest(),
    )
