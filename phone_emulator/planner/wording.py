"""A runbook's instructions for using the product: by commands, or on pages."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Wording:
    """Ends of sentences; names in braces are filled in."""

    ca_signed: str
    """The instruction where a CA signed the certificate of `{unit}`."""
    models: str
    """The way to plan for other models."""
    interaction: str
    """The way to plan for `{other}` resets."""
    rehearse: str
    """The way to rehearse the plan."""
    check: str
    """The way to look at the nodes `{tftp}`, with `{models}`."""


TERMINAL: Final = Wording(
    ca_signed="plan again with `--ca-signed {unit}`",
    models="plan again with `--models`",
    interaction="plan again with `--phone-interaction {other}`",
    rehearse="`rehearse run` of the file of `--save`",
    check="`tokenless check --tftp {tftp}{models}`",
)
"""For those who type commands."""
