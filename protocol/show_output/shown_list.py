"""A trust list as its `show` text tells it: names and lengths, no certificates."""

from dataclasses import dataclass, field

from tokenless.protocol.show_output.rows import Row


@dataclass(slots=True)
class ShownRecord:
    """One record, as far as the text tells it."""

    number: int
    length: int
    role: int
    line: int = 0
    dns_name: str | None = None
    subject_name: str | None = None
    issuer_name: str | None = None
    serial_number: bytes | None = None
    certificate_sha1: str | None = None
    """Lower-case hex."""
    ip_address: str | None = None
    """Other tools print it; `show ctl` does not."""
    signed_this_file: bool | None = None
    """The sentence about etokens; only SAST records have it."""
    lengths: dict[str, int] = field(default_factory=dict)
    """By the printed name: `PUBLICKEY` to 140."""


@dataclass(slots=True)
class ShownList:
    """A list, as far as the text tells it."""

    kind: str
    """`CTL` or `ITL`."""
    length: int
    line: int = 1
    """Its start in the text."""
    md5: str | None = None
    sha1: str | None = None
    modified: str | None = None
    version: str | None = None
    header_length: int = 0
    signer_name: str | None = None
    signer_serial: bytes | None = None
    issuer_name: str | None = None
    verified: bool = False
    """The content of the closing sentence."""
    records: list[ShownRecord] = field(default_factory=list)
    header: dict[str, Row] = field(default_factory=dict)
    """The header's rows by name."""

    @property
    def is_missing(self) -> bool:
        """Return whether the command said that there is no file."""
        return self.length == 0
