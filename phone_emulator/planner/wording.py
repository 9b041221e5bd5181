"""What a runbook tells its reader to do with the product: by commands, or on pages."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Wording:
    """Ends of sentences; names in braces are filled in."""

    ca_signed: str
    """What to do where a CA signed the certificate of `{unit}`."""
    models: str
    """How to plan for other models."""
    interaction: str
    """How to plan for `{other}` resets."""
    rehearse: str
    """How to rehearse the plan."""
    check: str
    """How to look at the nodes `{tftp}`, with `{models}`."""


TERMINAL: Final = Wording(
    ca_signed="plan again with `--ca-signed {unit}`",
    models="plan again with `--models`",
    interaction="plan again with `--phone-interaction {other}`",
    rehearse="`rehearse run` of the file of `--save`",
    check="`tokenless check --tftp {tftp}{models}`",
)
"""For those who type commands."""
