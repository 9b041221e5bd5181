"""Events that SECD receives, and effects that it requests.

They are plain values that JSON can hold, so that a boot can be recorded and replayed.
"""

from enum import StrEnum, unique

import msgspec

from tokenless.phone_emulator.errors import PhoneError
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.host_port import join_host_port
from tokenless.protocol.phones.models import (
    PHONE_MODELS,
    PhoneModel,
    Transport,
    hint_for_unknown_models,
)
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import Query


class Server(msgspec.Struct, frozen=True):
    """A TFTP or TVS server."""

    address: str
    port: int

    def __str__(self) -> str:
        """Write it as people do: `host:port`, IPv6 in brackets."""
        # The address may be any text that a configuration names a TVS member by.
        return join_host_port(printable(self.address), self.port)


class PhoneBehaviour(msgspec.Struct, frozen=True, kw_only=True):
    """Behaviour that is not known of real phones, or set for study (REFERENCE 9)."""

    negative_answer_is_final: bool = True
    """True if a negative answer of one TVS server ends the asking (inferred)."""
    refuses_expired_signers: bool = False
    """True if the dates of a signer's certificate count (7.13: not known to)."""
    identical_file_is_an_update: bool = False
    """True if a list that the phone holds already is judged and installed again
    (rule 8, inferred: it is not)."""
    authorises_tftp: bool = True
    """True if rule 10 holds: configurations come from TFTP servers of the CTL only."""


class PhoneIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a phone, and the servers of its files."""

    device: str
    """`SEP001122334455`."""
    model_name: str
    servers: tuple[Server, ...]
    """TFTP servers in the order in which they are tried (option 150)."""
    habits: PhoneBehaviour = PhoneBehaviour()

    @property
    def model(self) -> PhoneModel:
        """Return the properties of the phone's model.

        Raises:
            PhoneError: When there is no such model.
        """
        try:
            return PHONE_MODELS[self.model_name]
        except KeyError:
            raise PhoneError(
                f"the model {self.model_name} is not known",
                hint=hint_for_unknown_models(self.model_name),
            ) from None

    @property
    def tvs_name(self) -> str:
        """Return the phone's name for TVS (REFERENCE 3.2)."""
        return f"CP-{self.model_name}-{self.device}"


class FlashContents(msgspec.Struct, frozen=True):
    """The data that a phone keeps without power."""

    ctl: bytes | None = None
    itl: bytes | None = None
    configuration: bytes | None = None
    """The last accepted configuration, without its signature."""
    certificate_hash: str = ""
    """The MD5 of the phone's own certificate: its LSC, else its MIC."""


class PowerOn(msgspec.Struct, frozen=True, tag=True):
    """The phone starts; its flash was read."""


class Downloaded(msgspec.Struct, frozen=True, tag=True):
    """A file arrived whole."""

    data: bytes
    transport: Transport = Transport.TFTP


class NotFound(msgspec.Struct, frozen=True, tag=True):
    """The server does not have the file."""


class DownloadRefused(msgspec.Struct, frozen=True, tag=True):
    """The server or the phone broke the transfer off; another server will not help."""

    reason: str


class ServerSilent(msgspec.Struct, frozen=True, tag=True):
    """The server did not answer or fell silent."""

    reason: str


class TvsAnswered(msgspec.Struct, frozen=True, tag=True):
    """The TVS server that was asked sent a well-formed message."""

    answer: Answer
    milliseconds: float


@unique
class TvsStage(StrEnum):
    """The stage of a conversation with a TVS server; each has its own log lines."""

    CONNECT = "connect"
    HANDSHAKE = "handshake"
    """TLS was not agreed on, or the certificate is not one of the ITL's."""
    ANSWER = "answer"


class TvsFailed(msgspec.Struct, frozen=True, tag=True):
    """The TVS server cannot be used: no connection, a wrong certificate or answer."""

    reason: str
    milliseconds: float
    stage: TvsStage = TvsStage.CONNECT
    code: Reason = Reason.TVS_UNUSABLE
    """One of `TVS_FAILURES`."""


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The phone's key has opened the encrypted configuration."""

    content: bytes


class NotOpened(msgspec.Struct, frozen=True, tag=True):
    """The phone's key does not open it; the phone does not know why."""


Event = (
    PowerOn
    | Downloaded
    | NotFound
    | DownloadRefused
    | ServerSilent
    | TvsAnswered
    | TvsFailed
    | Opened
    | NotOpened
)


class Fetch(msgspec.Struct, frozen=True, tag=True):
    """Download a file."""

    server: Server
    name: str


class AskTvsServer(msgspec.Struct, frozen=True, tag=True):
    """Send a QUERY to a TVS server, if its certificate is one of those given."""

    server: Server
    device: str
    """The phone's name for TVS (REFERENCE 3.2)."""
    session_id: int
    signer: SignerId
    certificates: tuple[bytes, ...]
    """DER of the installed ITL's records with role 21."""

    @property
    def query(self) -> Query:
        """The message."""
        signer = self.signer
        return Query(
            self.session_id, self.device, signer.subject, signer.issuer, signer.serial
        )


class Install(msgspec.Struct, frozen=True, tag=True):
    """Replace an installed list, or the accepted configuration."""

    kind: FileKind
    data: bytes


class OpenEncrypted(msgspec.Struct, frozen=True, tag=True):
    """Decrypt a verified file with the phone's own key."""

    data: bytes


class Finish(msgspec.Struct, frozen=True, tag=True):
    """The boot is over."""


Effect = Fetch | AskTvsServer | Install | OpenEncrypted | Finish
