"""`tokenless file`: trust lists (.tlv), signed and encrypted files (.sgn)."""

import click

from tokenless.services.cli.file_build import build
from tokenless.services.cli.file_diff import diff
from tokenless.services.cli.file_encrypt import decrypt, encrypt
from tokenless.services.cli.file_show import lint_command, show
from tokenless.services.cli.file_sign import sign, unsign
from tokenless.services.cli.file_verify import verify


@click.group()
def file() -> None:
    """Read, build, sign, encrypt and verify what phones load."""


COMMANDS = (
    *(show, lint_command, verify, build, sign, unsign),
    *(encrypt, decrypt, diff),
)
for command in COMMANDS:
    file.add_command(command)
