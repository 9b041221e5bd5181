"""The versions of TLS, by the numbers that people and configurations write."""

import ssl
import warnings
from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final


@unique
class TlsVersion(StrEnum):
    """A version of TLS that a server can speak, or be asked in."""

    TLS_1_0 = "1.0"
    """Known to be broken, but the only one of 7900 phones."""
    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


# Phones know 1.1 as well; no server is limited by it.
TLS_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def limit_versions(
    context: ssl.SSLContext, oldest: str, newest: str | None = None
) -> None:
    """Let a context speak some versions only; without a newest, all later ones.

    Python warns of 1.0 as such. Who asks for it here emulates or serves phones that
    know nothing newer, and says so where administrators read it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = TLS_VERSIONS[oldest]
        if newest is not None:
            context.maximum_version = TLS_VERSIONS[newest]
