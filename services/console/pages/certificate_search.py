"""The certificates of a cluster as the list shows them, and the search among them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.release import Release
from tokenless.services.admin.certificate_text import description, local_time
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.certificates import StoredCertificate

_NO_WORD: Final = re.compile(r"[^A-Za-z0-9._@+-]+")
_CLUSTER_WIDE: Final = "*"
_MULTI_SERVER: Final = "Multi-server"

_Choice = TypeVar("_Choice", bound=StrEnum)


@unique
class Field(StrEnum):
    """The fields by which certificates are searched."""

    CERTIFICATE = "certificate"
    COMMON_NAME = "common-name"
    USAGE = "usage"
    """Only in releases that have it (REFERENCE-2 4)."""
    TYPE = "type"
    KEY_TYPE = "key-type"
    """Only in releases that have it."""
    DISTRIBUTION = "distribution"
    ISSUED_BY = "issued-by"
    EXPIRATION = "expiration"
    DESCRIPTION = "description"


@unique
class Operator(StrEnum):
    """The comparison of a search."""

    BEGINS = "begins"
    CONTAINS = "contains"
    EXACTLY = "exactly"
    ENDS = "ends"
    EMPTY = "empty"
    NOT_EMPTY = "not-empty"


@dataclass(frozen=True, slots=True)
class Row:
    """A certificate as the list and its own page show it."""

    placed: StoredCertificate
    distribution: str

    @property
    def certificate(self) -> Certificate:
        """The certificate itself."""
        return self.placed.certificate

    @property
    def is_own(self) -> bool:
        """Return whether a node has its key."""
        return self.placed.node_id is not None

    @property
    def common_name(self) -> str:
        """Of its subject; the whole subject when it has none."""
        return (
            self.certificate.subject.get("CN") or self.certificate.subject_text
        ).strip()

    @property
    def usage(self) -> str:
        """Identity or Trust."""
        return "Identity" if self.is_own else "Trust"

    @property
    def type(self) -> str:
        """Self-signed or CA-signed."""
        certificate = self.certificate
        is_self = certificate.subject == certificate.issuer
        return "Self-signed" if is_self else "CA-signed"

    @property
    def key_type(self) -> str:
        """RSA or EC."""
        return "RSA" if isinstance(self.certificate.public_key, RSAPublicKey) else "EC"

    @property
    def issued_by(self) -> str:
        """Common name of the issuer."""
        issuer = self.certificate.issuer
        return (issuer.get("CN") or self.certificate.issuer_text).strip()

    @property
    def expiration(self) -> str:
        """Return the end of its validity."""
        return local_time(self.certificate.not_after)

    @property
    def description(self) -> str:
        """Return the text typed at its upload, or else its origin."""
        if self.placed.label:
            return self.placed.label
        if not self.is_own and self.type == "Self-signed":
            return "Trust Certificate"
        return description(self.certificate)

    @property
    def file_name(self) -> str:
        """The vendor's name of the certificate's file."""
        store = self.placed.store
        stem = store.value if self.is_own else f"{self.common_name}"
        return f"{_NO_WORD.sub('_', stem)}.pem"

    def value(self, field: Field) -> str:
        """Return what a search compares."""
        return _VALUES[field](self)


_VALUES: Final[dict[Field, Callable[[Row], str]]] = {
    Field.CERTIFICATE: lambda row: row.placed.store.value,
    Field.COMMON_NAME: lambda row: row.common_name,
    Field.USAGE: lambda row: row.usage,
    Field.TYPE: lambda row: row.type,
    Field.KEY_TYPE: lambda row: row.key_type,
    Field.DISTRIBUTION: lambda row: row.distribution,
    Field.ISSUED_BY: lambda row: row.issued_by,
    Field.EXPIRATION: lambda row: row.expiration,
    Field.DESCRIPTION: lambda row: row.description,
}


def fields_of(release: Release) -> list[Field]:
    """Return the fields of a release's list, in order."""
    missing = set()
    if not release.shows_certificate_usage:
        missing.add(Field.USAGE)
    if not release.shows_key_type:
        missing.add(Field.KEY_TYPE)
    return [each for each in Field if each not in missing]


def rows(cluster: Cluster) -> list[Row]:
    """Return every certificate in use."""
    names = {node.id: node.name for node in cluster.nodes}
    own = certificates.own(cluster)
    holders = Counter((each.store, each.certificate.der) for each in own)
    return [
        *(
            Row(each, _distribution(names.get(each.node_id or 0, "-"), holders[key]))
            for each in own
            for key in [(each.store, each.certificate.der)]
        ),
        *(Row(each, _CLUSTER_WIDE) for each in certificates.trust(cluster)),
    ]


def _distribution(node: str, holders: int) -> str:
    """Return a server's name, with a word where others have the same certificate."""
    return f"{node} ({_MULTI_SERVER})" if holders > 1 else node


_COMPARISONS: Final[dict[Operator, Callable[[str, str], bool]]] = {
    Operator.BEGINS: lambda value, text: value.lower().startswith(text),
    Operator.CONTAINS: lambda value, text: text in value.lower(),
    Operator.EXACTLY: lambda value, text: value.lower() == text,
    Operator.ENDS: lambda value, text: value.lower().endswith(text),
    Operator.EMPTY: lambda value, _text: not value,
    Operator.NOT_EMPTY: lambda value, _text: bool(value),
}


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for, as it was typed."""

    field: Field
    operator: Operator
    text: str

    @classmethod
    def read(cls, field: str, operator: str, text: str) -> "Search":
        """Read a form's fields; what is not in its lists is their first choice."""
        return cls(
            _choice(Field, field, Field.CERTIFICATE),
            _choice(Operator, operator, Operator.BEGINS),
            text[:256],
        )

    def matching(self, found: Iterable[Row]) -> list[Row]:
        """Return the certificates that it names."""
        matches = _COMPARISONS[self.operator]
        wanted = self.text.strip().lower()
        return [row for row in found if matches(row.value(self.field), wanted)]


def _choice(kind: type[_Choice], value: str, usual: _Choice) -> _Choice:
    return kind(value) if value in set(kind) else usual
