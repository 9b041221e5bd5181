"""What the name in a server's certificate tells of its cluster."""

import re
from collections.abc import Sequence
from typing import Final

from tokenless.phone_emulator.addresses import HOST
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import ImportedNode
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedRecord,
    attribute,
)

_HOST_NAME: Final = re.compile(rf"(?=.{{1,128}}\Z){HOST.pattern}(?:\.{HOST.pattern})*")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_SUBJECT_KEYS: Final = {
    "organizational_unit": "OU",
    "organization": "O",
    "locality": "L",
    "state": "ST",
}


def subject_of(server: str) -> dict[str, str]:
    """Return what a server's name has in addition to its common name."""
    subject = {key: attribute(server, name) for key, name in _SUBJECT_KEYS.items()}
    country = attribute(server, "C")
    kept = {key: value for key, value in subject.items() if value}
    return {**kept, "country": country} if _COUNTRY.fullmatch(country) else kept


def domain_of(
    server: ImportedRecord | None, nodes: Sequence[ImportedNode]
) -> str | None:
    """Return what follows the node's name in its certificate's common name."""
    if server is None:
        return None
    common = server.common_name
    for node in nodes:
        if common.lower().startswith(f"{node.name.lower()}."):
            return host_name(common[len(node.name) + 1 :])
    return None


def host_name(text: str) -> str | None:
    """Return a name that a configuration takes; None for any other."""
    return text if _HOST_NAME.fullmatch(text) else None
