"""The administrator's office: commands, the CTL Client, tokens, certificates.

All of it blocks, as it does for a person; the stage runs it in a thread.
"""

from collections.abc import Callable
from typing import Final, assert_never

from phone_emulator.errors import PhoneError
from phone_emulator.rehearsal.actions import (
    Admin,
    CreateToken,
    CtlClient,
    UploadCertificate,
)
from services.admin.shell import AdminShell
from services.cluster import certificates, ctl_client
from services.cluster.cluster import Cluster
from services.cluster.security import SecurityMode
from services.node.announce import announce
from services.pki.tokens import DEFAULT_PASSWORD, create_token, open_token

_BY: Final = "rehearsal"
"""Who did it, for the cluster's audit log."""
_MODES: Final = {
    None: None,
    "mixed-mode": SecurityMode.MIXED,
    "non-secure-mode": SecurityMode.NON_SECURE,
}

Say = Callable[[str], None]
"""Is given what commands print."""


class Office:
    """Everything that an administrator does to a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def perform(
        self, action: Admin | CtlClient | CreateToken | UploadCertificate, say: Say
    ) -> None:
        """Do one action.

        Raises:
            TokenlessError: When it is refused; says why.
        """
        match action:
            case Admin():
                self._type(action, say)
            case CtlClient():
                self._run_ctl_client(action, say)
            case CreateToken():
                self._create_token(action, say)
            case UploadCertificate():
                self._upload(action, say)
            case _:
                assert_never(action)

    def _type(self, action: Admin, say: Say) -> None:
        node = action.node or self._cluster.publisher.name
        result = AdminShell(self._cluster, node, assume_yes=True).run(action.line)
        say(result.text)
        if result.error is not None:
            raise PhoneError(result.error)

    def _run_ctl_client(self, action: CtlClient, say: Say) -> None:
        if action.mode not in _MODES:
            raise PhoneError(
                f"there is no mode {action.mode}",
                hint="modes are mixed-mode and non-secure-mode",
            )
        tokens = [open_token(self._cluster.tokens_folder, t) for t in action.tokens]
        for token in tokens:
            token.unlock(DEFAULT_PASSWORD)
        ctl = ctl_client.update(
            self._cluster,
            tokens,
            mode=_MODES[action.mode],
            ignore_missing=action.ignore_missing,
            by=_BY,
        )
        say(f"CTL file of {len(ctl.data)} bytes, signed by {ctl.signer.subject}")
        self._announce(say)

    def _create_token(self, action: CreateToken, say: Say) -> None:
        token = create_token(
            self._cluster.tokens_folder, action.name, now=self._cluster.clock()
        )
        say(f"token {token.name}: {token.certificate.subject_text}")

    def _upload(self, action: UploadCertificate, say: Say) -> None:
        token = open_token(self._cluster.tokens_folder, action.token)
        store = certificates.find_store(action.store)
        uploaded = certificates.upload(
            self._cluster, store, token.certificate.der, by=_BY
        )
        say(uploaded.warning or "Success: Certificate Uploaded")
        self._announce(say)

    def _announce(self, say: Say) -> None:
        for delivery in announce(self._cluster):
            if (line := delivery.explain()) is not None:
                say(line)
