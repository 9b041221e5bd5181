"""The administrator's office: commands, the CTL Client, tokens, certificates.

All of it blocks, as it does for a person; the stage runs it in a thread.
"""

from collections.abc import Callable
from typing import Final

from phone_emulator.errors import PhoneError
from phone_emulator.rehearsal.actions import (
    Admin,
    CreateToken,
    CtlClient,
    UploadCertificate,
)
from services.admin.shell import AdminShell
from services.cluster.cluster import Cluster

_BY: Final = "rehearsal"
"""Who did it, for the cluster's audit log."""


class Office:
    """Everything that an administrator does to a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def perform(
        self,
        action: Admin | CtlClient | CreateToken | UploadCertificate,
        say: Callable[[str], None],
    ) -> None:
        """Do one action.

        Raises:
            TokenlessError: When it is refused; says why.
        """
        match action:
            case Admin():
                self._type(action, say)
            case _:
                raise PhoneError("not yet")

    def _type(self, action: Admin, say: Callable[[str], None]) -> None:
        node = action.node or self._cluster.publisher.name
        result = AdminShell(self._cluster, node, assume_yes=True).run(action.line)
        say(result.text)
        if result.error is not None:
            raise PhoneError(result.error)
