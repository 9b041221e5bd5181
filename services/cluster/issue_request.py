"""A certificate that is to be made, and its key."""

from dataclasses import dataclass
from typing import Final

from tokenless.protocol.certificates.minting import PrivateKey
from tokenless.protocol.codes import UNITS_WITH_EC_KEYS, TrustStore
from tokenless.services.cluster.installation import Node
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import generate_ec, generate_rsa
from tokenless.services.pki.profiles import EC_ALLOWED, FIPS_RSA_BITS

RSA_SIZES: Final = (1024, 2048, 3072, 4096)
EC_BITS: Final = 256
"""Of first EC certificates; the default is nowhere told (REFERENCE-2 1)."""


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """A certificate to be made."""

    node: Node
    store: TrustStore
    key_size: int
    key_type: str = "RSA"
    validity_days: int | None = None
    """The cluster's when None."""
    alternative_names: tuple[str, ...] = ()
    full_name: str | None = None
    """For a node that is being renamed; its present name when None."""
    shared: bool = False
    """True if it is a multi-server certificate: one key for all nodes."""

    @classmethod
    def usual(
        cls,
        node: Node,
        store: TrustStore,
        rsa_bits: int,
        *,
        full_name: str | None = None,
        shared: bool = False,
    ) -> "IssueRequest":
        """Return an order with the kind of key that the unit has."""
        is_ec = store in UNITS_WITH_EC_KEYS
        if node.is_fips:
            rsa_bits = max(rsa_bits, FIPS_RSA_BITS)
        return cls(
            node,
            store,
            EC_BITS if is_ec else rsa_bits,
            "EC" if is_ec else "RSA",
            full_name=full_name,
            shared=shared,
        )


def make_key(order: IssueRequest) -> PrivateKey:
    """Make the key of an order.

    Raises:
        ServiceError: When the unit cannot have such a key.
    """
    match order.key_type.upper():
        case "RSA" if order.store in UNITS_WITH_EC_KEYS:
            raise ServiceError(
                f"{order.store} has an EC key", hint="use EC with 256 or 384 bits"
            )
        case "RSA" if order.node.is_fips and order.key_size < FIPS_RSA_BITS:
            raise ServiceError(
                f"{order.node.name} is in FIPS mode",
                hint=f"use a key of {FIPS_RSA_BITS} bits or more",
            )
        case "RSA" if order.key_size in RSA_SIZES:
            return generate_rsa(order.key_size)
        case "RSA":
            sizes = ", ".join(map(str, RSA_SIZES))
            raise ServiceError(f"no RSA key of {order.key_size} bits", hint=sizes)
        case "EC" if order.store in EC_ALLOWED:
            return generate_ec(order.key_size)
        case "EC":
            raise ServiceError(
                f"{order.store} signs files for phones, which know RSA only",
                hint=f"EC is for {', '.join(sorted(EC_ALLOWED))}",
            )
        case other:
            raise ServiceError(f"no key type {other}", hint="use RSA or EC")
