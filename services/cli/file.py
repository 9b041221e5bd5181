"""`tokenless file`: trust-list (.tlv) and signed (.sgn) files, from anywhere."""

import click

from tokenless.services.cli.file_build import build
from tokenless.services.cli.file_diff import diff
from tokenless.services.cli.file_show import lint_command, show
from tokenless.services.cli.file_sign import sign, unsign
from tokenless.services.cli.file_verify import verify


@click.group()
def file() -> None:
    """Read, build, sign and verify trust lists and signed files."""


for command in (show, lint_command, verify, build, sign, unsign, diff):
    file.add_command(command)
