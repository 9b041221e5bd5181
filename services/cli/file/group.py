"""`tokenless file`: trust lists (.tlv), signed and encrypted files (.sgn)."""

import click

from tokenless.services.cli.file.build import build
from tokenless.services.cli.file.diff import diff
from tokenless.services.cli.file.encrypt import decrypt, encrypt
from tokenless.services.cli.file.show import lint_command, show
from tokenless.services.cli.file.sign import sign, unsign
from tokenless.services.cli.file.verify import verify


@click.group()
def file() -> None:
    """Read, build, sign, encrypt and verify files of phones."""


COMMANDS = (
    *(show, lint_command, verify, build, sign, unsign),
    *(encrypt, decrypt, diff),
)
for command in COMMANDS:
    file.add_command(command)
