"""The type of a command-line argument that names a certificate store."""

import click

from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.cli.options import ParamType
from tokenless.services.errors import ServiceError


class StoreType(ParamType[TrustStore]):
    """An own unit or a trust store, whatever its case."""

    name = "STORE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> TrustStore:
        """Find it."""
        try:
            return certificates.find_store(str(value))
        except ServiceError as error:
            self.fail(error.explain(), param, ctx)
