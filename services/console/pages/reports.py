"""Unified Reporting: phone features, trust lists of every node side by side, mode."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from tokenless.protocol.codes import role_text
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.features import FEATURES
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.trust.lint import SignatureState, signature_state
from tokenless.services.cluster.cluster import Node
from tokenless.services.console.visit import Page, Visit

_PATH: Final = "/cucreports"
_FEATURE: Final = "Security By Default"
"""The one feature of the phone feature list (REFERENCE-5 5.4)."""


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A record of a list."""

    role: str
    host: str
    subject: str
    serial: str
    signs: bool


@dataclass(frozen=True, slots=True)
class ShownList:
    """A trust list as it lies on a node."""

    node: str
    name: str
    md5: str = ""
    length: int = 0
    signer: str = ""
    is_verified: bool = True
    """Whether the signature is that of the record that the signer names."""
    trouble: str = ""
    """The reason why it cannot be read; empty when it can, or when there is none."""
    records: tuple[ShownRecord, ...] = ()

    @property
    def exists(self) -> bool:
        """Return whether there is a readable one."""
        return bool(self.md5)


def show(visit: Visit) -> Response:
    """Show the reports."""
    cluster = visit.cluster
    ctls = [_read(node, node.ctl_file.name) for node in cluster.nodes]
    itls = [_read(node, node.itl_file.name) for node in cluster.nodes]
    return visit.render(
        "reports.html",
        is_mixed=cluster.is_mixed,
        ctls=ctls,
        itls=itls,
        ctl_differs=len({each.md5 for each in ctls if not each.trouble}) > 1,
        unread=[each.node for each in ctls if each.trouble],
        features=tuple(_features()),
        feature=_FEATURE,
    )


def _features() -> Iterator[tuple[str, str, str]]:
    """Yield product, protocol and source of Security By Default: a row per protocol.

    Phones of two protocols have two rows (inferred), whichever one is played here.
    """
    for name, model in sorted(PHONE_MODELS.items()):
        if model.security_by_default:
            known = FEATURES[name]
            for protocol in (known.protocol.value or model.protocol).split(", "):
                yield name, protocol, known.sbd.source


def _read(node: Node, name: str) -> ShownList:
    if not node.is_here:
        return ShownList(node.name, name, trouble="this node is on another host")
    try:
        data = (node.tftp_folder / name).read_bytes()
        trust_list = TrustList.decode(data)
    except FileNotFoundError:
        return ShownList(node.name, name)
    except (OSError, DecodeError) as error:
        return ShownList(node.name, name, trouble=str(error))
    signing = trust_list.signing_record()
    is_verified = signature_state(trust_list) is SignatureState.VALID
    return ShownList(
        node.name,
        name,
        md5=trust_list.md5,
        length=len(data),
        signer="" if signing is None else signing.subject_name or "",
        is_verified=is_verified,
        records=tuple(
            ShownRecord(
                role_text(each.role),
                each.dns_name or "",
                each.subject_name or "",
                each.serial_hex or "",
                each is signing and is_verified,
            )
            for each in trust_list.records
        ),
    )


PAGES: Final = (Page(_PATH, show),)
