"""The forms of lines: how each is written, what it does, the action that it becomes.

`FORMS` is the one table; that of docs/rehearsals.md is a copy of it, held by a test.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    AddNode,
    Admin,
    Backup,
    CallPhone,
    CreateToken,
    CtlClient,
    DatabasePower,
    DeleteCertificate,
    ExportRecoveryKey,
    ImportCertificates,
    LineAction,
    NodePower,
    OrderCapf,
    PassTime,
    Phones,
    PhoneVerb,
    RemoveNode,
    RenameNode,
    ReuseCertificate,
    SecureDevices,
    SetSetting,
    SignCertificate,
    SignWithRecoveryKey,
    UploadCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.line_grammar import Synopsis
from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.phones.device_security import (
    CAPF_AUTH_MODES,
    SECURITY_MODES,
    CapfOperation,
)

_Named = TypeVar("_Named")

_MAX_DAYS: Final = 36_500
_TOKEN_PREFIX: Final = "token"  # noqa: S105 - a word of the grammar


class Values:
    """The values of a line, by the names that its synopsis gives them."""

    def __init__(
        self, arguments: Mapping[str, tuple[str, ...]], command: str = ""
    ) -> None:
        self._found = arguments
        self.command = command
        """The command of the line as it was typed, with its quotes."""

    def one(self, name: str) -> str:
        """Return the value that the synopsis demands."""
        return self._found[name][0]

    def maybe(self, name: str) -> str | None:
        """Return a value that may be left out."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a name."""
        return self._found.get(name, ())

    def has(self, flag: str) -> bool:
        """Return whether a flag was given."""
        return flag in self._found

    def named(self) -> Mapping[str, tuple[str, ...]]:
        """Return everything by name."""
        return self._found


@dataclass(frozen=True, slots=True)
class LineForm:
    """One way to write a line."""

    usage: str
    meaning: str
    """The effect, for docs/rehearsals.md."""
    make: Callable[[Values], LineAction] = field(repr=False)
    synopsis: Synopsis = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "synopsis", Synopsis(self.usage))


def _admin(values: Values) -> LineAction:
    node, everywhere = values.maybe("NODE"), values.has("--all")
    if node is not None and (everywhere or values.maybe("CLUSTER")):
        raise PhoneError(
            "--node cannot be combined with --all or --cluster",
            hint=("give the node's name only"),
        )
    return Admin(values.command, node, values.maybe("CLUSTER"), everywhere)


def _upload(values: Values) -> LineAction:
    store, source, cluster = values.one("STORE"), values.one("SOURCE"), "CLUSTER"
    owner, colon, rest = source.partition(":")
    if not colon or not owner or not rest:
        raise PhoneError(
            f"{source!r} is not a source of a certificate",
            hint="write token:NAME or NODE:UNIT",
        )
    if owner == _TOKEN_PREFIX:
        return UploadCertificate(store, rest, cluster=values.maybe(cluster))
    return UploadCertificate(
        store, None, node=owner, unit=rest, cluster=values.maybe(cluster)
    )


def _ctl_client(values: Values) -> LineAction:
    missing = values.has("--ignore-missing-file")
    return CtlClient(values.maybe("MODE"), values.all("TOKEN"), missing)


def _phones(verb: PhoneVerb) -> Callable[[Values], LineAction]:
    return lambda values: Phones(verb, values.all("GROUP"), values.all("NODE"))


def _pass_time(values: Values) -> LineAction:
    said = values.one("DAYS")
    days = read_decimal(said, _MAX_DAYS)
    if days is None:
        raise PhoneError(
            f"{said[:20]!r} is not a number of days", hint=f"use 0 to {_MAX_DAYS}"
        )
    return PassTime(days)


def _capf(operation: CapfOperation) -> Callable[[Values], LineAction]:
    def make(values: Values) -> LineAction:
        auth = values.maybe("AUTH") or "null-string"
        return OrderCapf(values.one("GROUP"), operation, _among(CAPF_AUTH_MODES, auth))

    return make


def _secure(values: Values) -> LineAction:
    mode = _among(SECURITY_MODES, values.one("DEVICE-MODE"))
    return SecureDevices(values.one("GROUP"), mode, values.has("--encrypted-config"))


def _among(known: Mapping[str, _Named], word: str) -> _Named:
    if word not in known:
        raise PhoneError(f"{word!r} is not known", hint=f"use {', '.join(known)}")
    return known[word]


FORMS: Final = (
    LineForm(
        "admin [--node NODE] [--all] [--cluster CLUSTER] COMMAND...",
        "run a command of the administration shell and answer its questions "
        "with yes; on the publisher, on one node, or (`--all`) on every node "
        "that is served",
        _admin,
    ),
    LineForm(
        "ctl-client set-mode MODE (--token TOKEN)... [--ignore-missing-file]",
        "set the security mode with the CTL Client (`mixed-mode`, "
        "`non-secure-mode`); the first token signs",
        _ctl_client,
    ),
    LineForm(
        "ctl-client update (--token TOKEN)... [--ignore-missing-file]",
        "update the CTL with the CTL Client",
        _ctl_client,
    ),
    LineForm(
        "token create NEW-TOKEN",
        "create a security token",
        lambda values: CreateToken(values.one("NEW-TOKEN")),
    ),
    LineForm(
        "cert upload STORE SOURCE [--cluster CLUSTER]",
        "upload a certificate to a trust store: that of a token (`token:A`), or "
        "of a node of any cluster (`NODE:UNIT`)",
        _upload,
    ),
    LineForm(
        "cert delete STORE COMMON-NAME [--cluster CLUSTER]",
        "delete the certificates of a common name from a trust store",
        lambda v: DeleteCertificate(
            v.one("STORE"), v.one("COMMON-NAME"), v.maybe("CLUSTER")
        ),
    ),
    LineForm(
        "cert import FROM-CLUSTER [--cluster CLUSTER]",
        "bulk import: copy CallManager and ITLRecovery of all nodes to "
        "Phone-SAST-trust and CallManager-trust, and CAPF to CallManager-trust",
        lambda v: ImportCertificates(v.one("FROM-CLUSTER"), v.maybe("CLUSTER")),
    ),
    LineForm(
        "cert sign UNIT [--node NODE] [--cluster CLUSTER]",
        "let a CA of the lab sign a new certificate, for all nodes or for one node",
        lambda v: SignCertificate(v.one("UNIT"), v.maybe("NODE"), v.maybe("CLUSTER")),
    ),
    LineForm(
        "cert reuse UNIT [--cluster CLUSTER]",
        "give the multi-server certificate of tomcat to CallManager (from 14 on)",
        lambda v: ReuseCertificate(v.one("UNIT"), v.maybe("CLUSTER")),
    ),
    LineForm(
        "recovery-key export NEW-KEY [--cluster CLUSTER]",
        "export ITLRecovery.p12 (`file get tftp`) and keep it under a name",
        lambda v: ExportRecoveryKey(v.one("NEW-KEY"), v.maybe("CLUSTER")),
    ),
    LineForm(
        "recovery-key sign RECOVERY-KEY [--cluster CLUSTER]",
        "run `utils itl reset remotekey` with an exported key",
        lambda v: SignWithRecoveryKey(v.one("RECOVERY-KEY"), v.maybe("CLUSTER")),
    ),
    LineForm(
        "backup take NEW-BACKUP",
        "save the certificates and keys of all nodes",
        lambda values: Backup(values.one("NEW-BACKUP"), restore=False),
    ),
    LineForm(
        "backup restore BACKUP [UNIT...]",
        "restore saved certificates and keys, all or those of some units",
        lambda v: Backup(v.one("BACKUP"), restore=True, stores=v.all("UNIT")),
    ),
    LineForm(
        "phones boot [GROUP...]",
        "restart groups; without names, all that are on",
        _phones(PhoneVerb.BOOT),
    ),
    LineForm(
        "phones off [GROUP...]",
        "disconnect groups from the network",
        _phones(PhoneVerb.OFF),
    ),
    LineForm(
        "phones on [GROUP...]",
        "connect groups to the network again",
        _phones(PhoneVerb.ON),
    ),
    LineForm(
        "phones move GROUP... --to NODE...",
        "change the TFTP servers of groups (DHCP option 150)",
        _phones(PhoneVerb.MOVE),
    ),
    LineForm(
        "phones delete-trust [GROUP...]",
        "delete CTL and ITL by hand on each phone",
        _phones(PhoneVerb.DELETE_TRUST),
    ),
    LineForm(
        "phones factory-reset [GROUP...]",
        "delete everything by hand on each phone",
        _phones(PhoneVerb.FACTORY_RESET),
    ),
    LineForm(
        "phones type-string GROUP...",
        "restart groups, and type CAPF's authentication string on each phone",
        _phones(PhoneVerb.TYPE_STRING),
    ),
    LineForm(
        "phones call GROUP --to OTHER-GROUP",
        "let a phone of a group call one of another or of the same group, and talk",
        lambda v: CallPhone(v.one("GROUP"), v.one("OTHER-GROUP")),
    ),
    LineForm(
        "capf install GROUP [--auth AUTH]",
        "order an LSC for each phone of a group; the phone authenticates by "
        "`null-string` (the default), `string`, `lsc` or `mic`",
        _capf(CapfOperation.INSTALL),
    ),
    LineForm(
        "capf troubleshoot GROUP [--auth AUTH]",
        "let CAPF inspect the LSC of each phone, or the MIC with which it "
        "authenticated",
        _capf(CapfOperation.TROUBLESHOOT),
    ),
    LineForm(
        "capf delete GROUP [--auth AUTH]",
        "let CAPF delete the LSC of each phone",
        _capf(CapfOperation.DELETE),
    ),
    LineForm(
        "device secure GROUP DEVICE-MODE [--encrypted-config]",
        "set the security profile of a group's phones (`non-secure`, "
        "`authenticated` or `encrypted`), and encrypt their configurations if "
        "asked",
        _secure,
    ),
    LineForm(
        "setting KEY VALUE [--cluster CLUSTER]",
        "change a setting in the configuration of every node "
        "(`callmanager.tls_minimum`, `callmanager.ciphers`, `capf.tls_minimum`, "
        "`tvs.tls_minimum`); services use it from their next restart on",
        lambda v: SetSetting(v.one("KEY"), v.one("VALUE"), v.maybe("CLUSTER")),
    ),
    LineForm(
        "node stop NODE",
        "switch a node off; nothing can be typed there until it is on",
        lambda values: NodePower(values.one("NODE"), up=False),
    ),
    LineForm(
        "node start NODE",
        "switch a node on",
        lambda values: NodePower(values.one("NODE"), up=True),
    ),
    LineForm(
        "database away [NODE]",
        "take the database of the first cluster away from everybody, or from one node, "
        "which continues with what it has",
        lambda values: DatabasePower(values.maybe("NODE"), up=False),
    ),
    LineForm(
        "database back [NODE]",
        "let the database answer again",
        lambda values: DatabasePower(values.maybe("NODE"), up=True),
    ),
    LineForm(
        "node rename NODE NEW-NODE",
        "change a node's host name; all its certificates are regenerated",
        lambda values: RenameNode(values.one("NODE"), values.one("NEW-NODE")),
    ),
    LineForm(
        "node add NEW-NODE ADDRESS",
        "add a subscriber to the first cluster and serve it",
        lambda values: AddNode(values.one("NEW-NODE"), values.one("ADDRESS")),
    ),
    LineForm(
        "node remove NODE",
        "switch a subscriber off and remove it from its cluster",
        lambda values: RemoveNode(values.one("NODE")),
    ),
    LineForm("time pass DAYS", "advance the clocks of servers and phones", _pass_time),
)
